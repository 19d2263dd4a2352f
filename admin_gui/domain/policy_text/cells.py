"""What changes a rule so that a cell says something else, and rules made of cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from admin_gui.domain.policy_text import columns
from admin_gui.domain.policy_text.columns import CellError, ColumnOf
from admin_gui.domain.policy_text.edits import remove_key, set_key
from admin_gui.domain.policy_text.items import apply, set_items, set_part
from admin_gui.domain.policy_text.outline import RuleOutline, Span, outline
from admin_gui.domain.policy_text.sheet import Edit
from admin_gui.domain.policy_text.table import Row, parse, table
from admin_gui.domain.policy_text.table import clauses as clauses_of
from admin_gui.domain.policy_text.written import flow

T = TypeVar("T")


def edit(row: Row, column: ColumnOf, typed: str, taken: Sequence[str] = ()) -> Edit | None:
    """Return what makes a cell say what was typed, None when it says so already. Raises CellError.

    `taken` are the ids of the other rules.
    """
    if typed.strip() == columns.text(row, column):
        return None
    if column.attribute or column.key == "when":
        return _condition(row, column, typed)
    match column.key:
        case "id":
            name = columns.rule_id(typed, taken)
            return lambda text, policy, rule: set_key(text, policy, rule, "id", flow(name))
        case "title.zh" | "title.en":
            return _title(row, column.key[-2:], typed.strip())
        case "verdict":
            return _verdict(row, *columns.verdict(column, typed))
        case "priority":
            number = columns.priority(typed)
            if number is None:
                return lambda text, policy, rule: remove_key(text, policy, rule, "priority")
            return lambda text, policy, rule: set_key(text, policy, rule, "priority", str(number))
    key = column.key
    items = columns.obligations(column, typed) if key == "obligations" else columns.selectors(column, typed)
    held = row.rule.data.get(key)
    if items and held is not None and not isinstance(held, list):
        whole = flow(items[0]) if items == ["all"] else f"[{', '.join(map(flow, items))}]"
        return lambda text, policy, rule: set_key(text, policy, rule, key, whole)
    if items == ["all"] and key == "fields":
        return lambda text, policy, rule: set_key(text, policy, rule, key, "all")
    return lambda text, policy, rule: set_items(text, policy, rule, key, items)


def edit_all(row: Row, typed: Sequence[tuple[ColumnOf, str]], taken: Sequence[str] = ()) -> Edit:
    """Return what makes several cells of a rule say what was typed. Raises CellError, with the column's key."""
    for column, text in typed:
        try:
            edit(row, column, text, taken)
        except CellError as error:
            error.key = column.key
            raise

    def one_by_one(text: str, policy: str, rule: int) -> str:
        found = row
        for place, (column, words) in enumerate(typed):
            if place:
                # Conditions share a key: each must see what the one before it left.
                found = table(outline(text).policy(policy)).rows[rule]
            made = edit(found, column, words, taken)
            text = text if made is None else made(text, policy, rule)
        return text

    return one_by_one


def rule(cells: Mapping[str, str], wide: Sequence[ColumnOf]) -> str:
    """Return a rule of cells by the keys of their columns, as a block mapping. Raises CellError."""
    by_key = {column.key: column for column in wide}

    def taken_from(key: str, read: Callable[[ColumnOf, str], T]) -> T:
        try:
            return read(by_key[key], cells.get(key, ""))
        except CellError as error:
            error.key = key
            raise

    when = [test.clause for key in by_key if key.startswith("when:") for test in taken_from(key, columns.tests)]
    when += taken_from("when", lambda _, typed: columns.clauses(typed))
    said: dict[str, str] = {"id": flow(taken_from("id", lambda _, typed: columns.rule_id(typed, ())))}
    zh, en = (cells.get(f"title.{tongue}", "").strip() for tongue in ("zh", "en"))
    if zh or en:
        said["title"] = f"{{zh: {flow(zh or en)}, en: {flow(en or zh)}}}"
    if when:
        said["when"] = flow(when[0]) if len(when) == 1 else f"[{', '.join(map(flow, when))}]"
    fields = taken_from("fields", columns.selectors) if cells.get("fields", "").strip() else []
    said["fields"] = "all" if fields == ["all"] else f"[{', '.join(map(flow, fields))}]"
    if excluded := taken_from("except", columns.selectors):
        said["except"] = f"[{', '.join(map(flow, excluded))}]"
    key, value = taken_from("verdict", lambda column, typed: columns.verdict(column, typed or "default"))
    said[key] = value
    number = taken_from("priority", lambda _, typed: columns.priority(typed))
    if number is not None:
        said["priority"] = str(number)
    if found := taken_from("obligations", columns.obligations):
        said["obligations"] = f"[{', '.join(map(flow, found))}]"
    return "".join(f"{name}: {words}\n" for name, words in said.items())


def _condition(row: Row, column: ColumnOf, typed: str) -> Edit:
    new = [test.clause for test in columns.tests(column, typed)] if column.attribute else columns.clauses(typed)
    when = row.rule.data.get("when")
    items = [] if when is None else [str(item) for item in (when if isinstance(when, list) else [when])]
    result: list[str] = []
    left = list(new)
    for item in items:
        operands = clauses_of(item)
        mine = [operand for operand in operands if _belongs(operand, column)]
        if not mine:
            result.append(item)
            continue
        kept: list[str] = []
        for operand in operands:
            if operand not in mine:
                kept.append(operand)
            elif left:
                kept.append(left.pop(0))
        if kept == operands:
            result.append(item)
        elif kept:
            result.append(kept[0] if len(kept) == 1 else " && ".join(map(_operand, kept)))
    result += left
    return lambda text, policy, rule: set_items(text, policy, rule, "when", result)


def _belongs(clause: str, column: ColumnOf) -> bool:
    found = parse(clause)
    return (found.attribute if found else "") == column.attribute


def _operand(clause: str) -> str:
    """Return a clause to stand beside `&&`."""
    depth = 0
    bare = columns.QUOTED.sub("", clause)
    for at, char in enumerate(bare):
        depth += (char in "([{") - (char in ")]}")
        if depth == 0 and (bare.startswith("||", at) or char == "?"):
            return f"({clause})"
    return clause


def _title(row: Row, tongue: str, typed: str) -> Edit:
    title = row.rule.data.get("title")
    if isinstance(title, dict) and tongue in title:
        return lambda text, policy, rule: set_part(text, policy, rule, "title", tongue, flow(typed))
    other = "en" if tongue == "zh" else "zh"
    both: dict[str, Any] = {other: title.get(other, "") if isinstance(title, dict) else title or typed, tongue: typed}
    words = f"{{zh: {flow(both['zh'])}, en: {flow(both['en'])}}}"
    return lambda text, policy, rule: set_key(text, policy, rule, "title", words)


def _verdict(row: Row, key: str, value: str) -> Edit:
    other = "unmask" if key == "mask" else "mask"
    data = row.rule.data
    if other not in data or key in data:
        return lambda text, policy, rule: set_key(remove_key(text, policy, rule, other), policy, rule, key, value)

    def instead(text: str, policy: str, rule: int) -> str:
        found: RuleOutline = outline(text).policy(policy).rules[rule]
        held = found.keys[other]
        return apply(text, [(Span(held.whole.start, held.whole.end), f"{key}: {value}")])

    return instead
