"""The columns of a decision table: what a rule says in each, as it is typed and as it is shown.

A column's key is `id`, `title.zh`, `title.en`, `when:ATTRIBUTE`, `when` (CEL that fits no column), `fields`, `except`,
`verdict`, `priority` or `obligations`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from admin_gui.domain.catalogue import Catalogue, Known, Value
from admin_gui.domain.policy_text import table
from admin_gui.domain.policy_text.table import Row, Test
from admin_gui.domain.policy_text.written import flow
from admin_gui.domain.say import Say, Tongue, plain

LEAST_PRIORITY: Final = -1000
MOST_PRIORITY: Final = 1000
_FIRST: Final = {
    "id": Say("编号", "id"), "title.zh": Say("名称", "title (Chinese)"), "title.en": Say("英文名称", "title"),
}  # fmt: skip
_LAST: Final = {
    "when": Say("其他条件（CEL）", "other conditions (CEL)"),
    "fields": Say("字段", "fields"),
    "except": Say("除外", "except"),
    "verdict": Say("结果", "verdict"),
    "priority": Say("优先级", "priority"),
    "obligations": Say("义务", "obligations"),
}
VERDICTS: Final = (
    Value("clear", Say("明文", "in clear")),
    Value("default", Say("脱敏（默认方式）", "masked (default)")),
)
QUOTED: Final = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_PLAIN: Final = re.compile(r"[\w.\-/]+")
_OPERATOR: Final = re.compile(r"(==|!=|<=|>=|<|>|≥|≤|≠|has\b|含)\s*(.*)", re.DOTALL)
_RANGE: Final = re.compile(r"(.+?)\s*(?:\.\.|…|–)\s*(.+)")
_SIGNS: Final = {"≥": ">=", "≤": "<=", "≠": "!=", "含": "has"}
_SHOWN: Final = {">=": "≥", "<=": "≤", "!=": "≠", "has": "含"}

_NOT_ALLOWED: Final = Say("`{text}` 不是允许的值", "`{text}` is none of the allowed values")
_NO_NUMBER: Final = Say("`{text}` 不是数字", "`{text}` is no number")
_NO_WHOLE: Final = Say("`{text}` 不是整数", "`{text}` is no whole number")
_NO_BOOL: Final = Say("请填“是”或“否”，而不是 `{text}`", "enter yes or no, and not `{text}`")
_NO_COLUMN: Final = Say(
    "这一列只能与固定值比较，`{text}` 请填入 CEL 列",
    "only constants can be compared here; put `{text}` into the CEL column",
)
_BOUNDS: Final = Say("优先级在 {least} 到 {most} 之间", "a priority lies between {least} and {most}")
_NO_ID: Final = Say(
    "编号由小写字母、数字和 `-` 组成，以字母开头", "an id has lower-case letters, digits and `-`, a letter first"
)
_TAKEN: Final = Say("编号 `{text}` 已被使用", "the id `{text}` is taken")
_NO_FIELD: Final = Say("没有字段 `{text}`", "there is no field `{text}`")
_NO_FIELDS: Final = Say("至少要有一个字段", "there must be a field at least")
_NO_MASK: Final = Say("没有脱敏方式 `{text}`", "there is no mask `{text}`")
_NO_VERDICT: Final = Say("请选择明文或脱敏方式", "choose clear or a mask")
_UNBALANCED: Final = Say("括号或引号不成对", "brackets or quotes do not match")
_NO_OBLIGATION: Final = Say("`{text}` 不是义务", "`{text}` is no obligation")


class CellError(ValueError):
    """What was typed fits no cell; `say` tells why, `key` which column."""

    def __init__(self, say: Say) -> None:
        super().__init__(say.en)
        self.say = say
        self.key = ""


@dataclass(frozen=True, slots=True)
class ColumnOf:
    """A column. `known` is the attribute of a condition, `values` what to choose from, `labels` their labels."""

    key: str
    say: Say
    known: Known | None = None
    values: tuple[Value, ...] = ()
    labels: Mapping[str, Say] = field(default_factory=dict)

    @property
    def attribute(self) -> str:
        """The attribute that it compares; empty for others."""
        return self.key.removeprefix("when:") if self.key.startswith("when:") else ""


def columns(rows: Sequence[Row], more: Sequence[str], found: Catalogue) -> list[ColumnOf]:
    """Return the columns that rules need, and those of further attributes."""
    seen = dict.fromkeys([name for row in rows for name in row.tests] + list(more))
    result = [ColumnOf(key, say) for key, say in _FIRST.items()]
    for name in seen:
        known = found.attributes.get(name) or _guessed(name, rows)
        result.append(ColumnOf(f"when:{name}", known.label, known, known.values, _labels(known.values)))
    values = {
        "fields": found.fields, "except": found.fields, "verdict": (*VERDICTS, *found.masks),
        "obligations": found.obligations,
    }  # fmt: skip
    result += [
        ColumnOf(key, say, None, values.get(key, ()), _labels(values.get(key, ()))) for key, say in _LAST.items()
    ]
    return result


def text(row: Row, column: ColumnOf) -> str:
    """Return what a rule says in a column as it is typed, in no language."""
    data = row.rule.data
    if column.attribute:
        return tests_text(row.tests.get(column.attribute, ()))
    match column.key:
        case "id":
            return row.rule.id
        case "title.zh" | "title.en":
            title = data.get("title", "")
            return str(title.get(column.key[-2:], "")) if isinstance(title, dict) else str(title)
        case "when":
            return " ; ".join(row.others)
        case "fields" | "except":
            listed = data.get(column.key, [])
            return ", ".join(map(_selector_text, listed if isinstance(listed, list) else [listed]))
        case "verdict":
            if "mask" in data:
                return data["mask"] if isinstance(data["mask"], str) else flow(data["mask"])
            return "clear" if data.get("unmask") is True else ""
        case "priority":
            return str(data.get("priority", ""))
    listed = data.get("obligations", [])
    return ", ".join(map(_obligation_text, listed if isinstance(listed, list) else [listed]))


def shown(row: Row, column: ColumnOf, tongue: Tongue) -> str:
    """Return what a rule says in a column with the labels of a language."""
    said = text(row, column)
    if not said or not (column.labels or column.attribute):
        return said
    label = {name: say.text(tongue) for name, say in column.labels.items()}
    comma = "、" if tongue == "zh" else ", "
    if not column.attribute:
        return comma.join(label.get(part, part) for part in split(said, ","))
    parts = []
    for part in split(said, "&"):
        match = _OPERATOR.fullmatch(part)
        sign = _SHOWN.get(match[1], match[1]) + " " if match else ""
        constants = split(match[2] if match else part, ",")
        parts.append(sign + comma.join(label.get(_unquoted(one), _unquoted(one)) for one in constants))
    return (" 且 " if tongue == "zh" else " and ").join(parts)


def tests_text(tests: Sequence[Test]) -> str:
    """Return the tests of a cell as they are typed."""
    if len(tests) == 2 and [test.operator for test in tests] == [">=", "<="]:
        return f"{tests[0].constants[0]} .. {tests[1].constants[0]}"
    parts = []
    for test in tests:
        constants = ", ".join(map(_short, test.constants))
        parts.append(constants if test.operator in ("==", "in", "has") else f"{test.operator} {constants}")
    return " & ".join(parts)


def tests(column: ColumnOf, typed: str) -> tuple[Test, ...]:
    """Return the tests that were typed, values or their labels, none for an empty cell. Raises CellError."""
    found: list[Test] = []
    for part in split(typed, "&", "且"):
        if not part:
            continue
        if _numeric(column) and (match := _RANGE.fullmatch(part)):
            found.append(Test(column.attribute, ">=", (_constant(column, match[1]),)))
            found.append(Test(column.attribute, "<=", (_constant(column, match[2]),)))
            continue
        match = _OPERATOR.fullmatch(part)
        operator = _SIGNS.get(match[1], match[1]) if match else "=="
        constants = tuple(_constant(column, one) for one in split(match[2] if match else part, ",", "，", "、") if one)
        if not constants or (operator not in ("==", "has") and len(constants) > 1):
            raise CellError(_NO_COLUMN.filled(text=part))
        if column.known is not None and column.known.kind == "list":
            found += [Test(column.attribute, "has", (one,)) for one in constants]
        elif operator == "==" and len(constants) > 1:
            found.append(Test(column.attribute, "in", constants))
        else:
            found.append(Test(column.attribute, operator, constants))
    return tuple(found)


def clauses(typed: str) -> list[str]:
    """Return the clauses of the CEL column, between which stands `;`. Raises CellError."""
    found = [part for part in split(typed, ";", "；") if part]
    for part in found:
        if not _balanced(part):
            raise CellError(_UNBALANCED)
    return found


def selectors(column: ColumnOf, typed: str) -> list[Any]:
    """Return the fields and selectors that were typed. Raises CellError."""
    names = {say.text(tongue): name for name, say in column.labels.items() for tongue in ("zh", "en")}
    found: list[Any] = []
    for part in split(typed, ",", "，", "、"):
        if not part:
            continue
        name = part if part in column.labels else names.get(part, part)
        pairs = [piece.partition(":") for piece in name.split("+")]
        if all(sign and key in ("level", "category", "tag") and value for key, sign, value in pairs):
            found.append({key: value for key, _, value in pairs})
        elif column.labels and name not in column.labels:
            raise CellError(_NO_FIELD.filled(text=part))
        else:
            found.append(name)
    if not found and column.key == "fields":
        raise CellError(_NO_FIELDS)
    return found


def verdict(column: ColumnOf, typed: str) -> tuple[str, str]:
    """Return the key, `mask` or `unmask`, and its value as YAML. Raises CellError."""
    name = typed.strip()
    names = {say.text(tongue): found for found, say in column.labels.items() for tongue in ("zh", "en")}
    name = name if name in column.labels else names.get(name, name)
    if not name:
        raise CellError(_NO_VERDICT)
    if name == "clear":
        return "unmask", "true"
    if name.startswith("{"):
        try:
            found = yaml.safe_load(name)
        except yaml.YAMLError:
            found = None
        if not isinstance(found, dict) or "algorithm" not in found:
            raise CellError(_NO_MASK.filled(text=name))
        return "mask", flow(found)
    if len(column.labels) > len(VERDICTS) and name not in column.labels:
        raise CellError(_NO_MASK.filled(text=name))
    return "mask", flow(name)


def priority(typed: str) -> int | None:
    """Return a priority, None for none. Raises CellError."""
    if not typed.strip():
        return None
    try:
        found = int(typed)
    except ValueError:
        raise CellError(_NO_WHOLE.filled(text=typed.strip())) from None
    if not LEAST_PRIORITY <= found <= MOST_PRIORITY:
        raise CellError(_BOUNDS.filled(least=LEAST_PRIORITY, most=MOST_PRIORITY))
    return found


def obligations(column: ColumnOf, typed: str) -> list[Any]:
    """Return the obligations that were typed. Raises CellError."""
    names = {say.text(tongue): found for found, say in column.labels.items() for tongue in ("zh", "en")}
    found: list[Any] = []
    for part in split(typed, ",", "，", "、"):
        if not part:
            continue
        match = re.fullmatch(r"([a-z][a-z0-9_-]*)(?:\((.*)\))?", names.get(part, part))
        if match is None:
            raise CellError(_NO_OBLIGATION.filled(text=part))
        if match[2] is None:
            found.append(match[1])
            continue
        pairs = [piece.partition("=") for piece in split(match[2], ",")]
        if not all(key.strip() and sign for key, sign, _ in pairs):
            raise CellError(_NO_OBLIGATION.filled(text=part))
        found.append({"type": match[1]} | {key.strip(): yaml.safe_load(value) for key, _, value in pairs})
    return found


def rule_id(typed: str, taken: Sequence[str]) -> str:
    """Return an id that no other rule has. Raises CellError."""
    name = typed.strip()
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
        raise CellError(_NO_ID)
    if name in taken:
        raise CellError(_TAKEN.filled(text=name))
    return name


def split(typed: str, *signs: str) -> list[str]:
    """Return the parts of a text between signs that stand outside quotes and brackets."""
    parts, depth, start, at, quote = [], 0, 0, 0, ""
    while at < len(typed):
        char = typed[at]
        if quote:
            at += char == "\\"
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif depth == 0 and char in signs:
            parts.append(typed[start:at].strip())
            start = at + 1
        at += 1
    return [*parts, typed[start:].strip()]


def _constant(column: ColumnOf, typed: str) -> str:
    typed = typed.strip()
    known = column.known
    kind = "other" if known is None else known.kind
    names = {say.text(tongue): name for name, say in column.labels.items() for tongue in ("zh", "en")}
    value = _unquoted(typed)
    value = value if value in column.labels else names.get(value, value)
    if column.labels and value not in column.labels and kind in ("text", "list", "bool"):
        raise CellError((_NO_BOOL if kind == "bool" else _NOT_ALLOWED).filled(text=typed))
    match kind:
        case "text" | "list":
            if QUOTED.fullmatch(typed) and value == _unquoted(typed):
                return typed
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case "int":
            if not re.fullmatch(r"-?[0-9]+", value):
                raise CellError(_NO_WHOLE.filled(text=typed))
            return value
        case "double":
            if not re.fullmatch(r"-?[0-9]+(?:\.[0-9]+)?", value):
                raise CellError(_NO_NUMBER.filled(text=typed))
            return value if "." in value else f"{value}.0"
        case "bool":
            return value
    [test] = _read_cell(column.attribute, typed)
    return test.constants[0]


def _read_cell(attribute: str, typed: str) -> tuple[Test, ...]:
    try:
        found = table.cell(attribute, typed)
    except ValueError:
        found = ()
    if len(found) != 1 or found[0].operator != "==":
        raise CellError(_NO_COLUMN.filled(text=typed))
    return found


def _guessed(name: str, rows: Sequence[Row]) -> Known:
    """Return what an attribute that is not declared seems to be: variables of a policy, mostly."""
    tests = [test for row in rows for test in row.tests.get(name, ())]
    constants = [one for test in tests for one in test.constants]
    if constants and all(one in ("true", "false") for one in constants):
        return Known(name, plain(name), "bool", (Value("true", Say("是", "yes")), Value("false", Say("否", "no"))))
    if constants and all(QUOTED.fullmatch(one) for one in constants):
        return Known(name, plain(name), "list" if any(test.operator == "has" for test in tests) else "text")
    return Known(name, plain(name), "other")


def _labels(values: Sequence[Value]) -> dict[str, Say]:
    return {value.text: value.label for value in values}


def _numeric(column: ColumnOf) -> bool:
    return column.known is not None and column.known.kind in ("int", "double", "other")


def _short(constant: str) -> str:
    """Return a constant as it is typed: a simple text without quotes."""
    value = _unquoted(constant)
    return value if value != constant and _PLAIN.fullmatch(value) and "\\" not in value else constant


def _unquoted(constant: str) -> str:
    constant = constant.strip()
    if QUOTED.fullmatch(constant):
        return re.sub(r"\\(.)", r"\1", constant[1:-1])
    return constant


def _selector_text(item: Any) -> str:
    return "+".join(f"{key}:{value}" for key, value in item.items()) if isinstance(item, dict) else str(item)


def _obligation_text(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    others = ", ".join(f"{key}={flow(value)}" for key, value in item.items() if key != "type")
    return f"{item.get('type', '')}({others})" if others else str(item.get("type", ""))


def _balanced(clause: str) -> bool:
    bare = QUOTED.sub("", clause)
    stack: list[str] = []
    for char in bare:
        if char in "([{":
            stack.append(")]}"["([{".index(char)])
        elif (char in ")]}" and (not stack or stack.pop() != char)) or char in "\"'":
            return False
    return not stack
