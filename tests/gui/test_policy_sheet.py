"""Policies edited as rows: what is read in parts is what is read whole, and cells say what was typed."""

from __future__ import annotations

import copy
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from admin_gui.domain.catalogue import EMPTY, Catalogue, Known, Value
from admin_gui.domain.policy_text import cells, columns, sheet
from admin_gui.domain.policy_text.columns import ColumnOf
from admin_gui.domain.policy_text.items import apply
from admin_gui.domain.policy_text.sheet import Sheet
from admin_gui.domain.say import Say
from tests.gui.conftest import POLICIES
from tests.gui.test_policy_text import FLOW, NO_BREAK, TEXT, rules
from tests.strategies import PROPERTY, examples, sources

SAMPLES = [(POLICIES / "policies" / f"{name}.yaml").read_text(encoding="utf-8") for name in ("marketing", "crm")]
EMPTY_LIST = "kind: Policy\nid: p\nrules: []  # none yet\n# end\n"
ROLES = (Value("teller", Say("柜员", "teller")), Value("lead", Say("班长", "team lead")))
KNOWN = replace(
    EMPTY,
    attributes={
        **EMPTY.attributes,
        "subject.level": Known("subject.level", Say("级别", "level"), "int"),
        "subject.role": Known("subject.role", Say("岗位", "role"), "text", ROLES),
        "subject.roles": Known("subject.roles", Say("角色", "roles"), "list", ROLES),
        "resource.balance": Known("resource.balance", Say("余额", "balance"), "double"),
        "context.open": Known("context.open", Say("营业中", "open"), "bool", (
            Value("true", Say("是", "yes")), Value("false", Say("否", "no")),
        )),
    },
)  # fmt: skip


def same(part: Sheet, whole: Sheet) -> bool:
    """Whether two readings tell the same."""
    return (
        (part.text, part.policies, part.place, part.flow, part.spans, part.ids)
        == (whole.text, whole.policies, whole.place, whole.flow, whole.spans, whole.ids)
        and [row.rule.data for row in part.rows] == [row.rule.data for row in whole.rows]
        and [(row.tests, row.others) for row in part.rows] == [(row.tests, row.others) for row in whole.rows]
    )


def column(key: str, found: Catalogue = KNOWN) -> ColumnOf:
    more = [key.removeprefix("when:")] if key.startswith("when:") else []
    return next(one for one in columns.columns((), more, found) if one.key == key)


PIECES = (
    "x", "\n", " ", "'", '"', "# c\n", "  # c\n", "  - id: more\n", "  - {id: braces, mask: full}\n",
    "    priority: 3\n", "foo: bar\n", "---\n",
    "---\nkind: Policy\nid: other\nrules: [{id: a, unmask: true}]\n", "- ", "]", "\t", "&a ", "*a",
    "    when: >-\n      a ==\n      1\n", "\n\n\n", ":", "id",
)  # fmt: skip


@settings(PROPERTY, max_examples=examples(20))
@given(sources())
def test_what_is_read_in_parts_is_what_is_read_whole(random: Random) -> None:
    text = random.choice([TEXT, TEXT, FLOW, NO_BREAK, *SAMPLES])
    found = sheet.read(text)
    for _ in range(random.randint(1, 5)):
        start = random.choice([random.randint(0, len(text)), *(span.start for span in found.spans),
                               *(span.end for span in found.spans)])  # fmt: skip
        end = min(start + random.choice((0, 0, 1, 5, 60)), len(text))
        text = text[:start] + random.choice(("", *PIECES)) + text[end:]
        try:
            whole = sheet.read(text)
        except (yaml.YAMLError, ValueError, IndexError) as error:
            with pytest.raises(type(error)):
                sheet.again(found, text)
            continue
        part = sheet.again(found, text)
        assert same(part, whole), text
        found = part


CELLS = {
    "id": ("new-id", "b2"),
    "title.zh": ("新名: x", "新 # 名"),
    "title.en": ("a: b", "plain"),
    "when:subject.level": ("", "3", ">= 3", "1 .. 4", "2, 3", ">= 2 & != 4"),
    "when:subject.role": ("", "teller", "柜员, team lead", "!= lead"),
    "when:subject.roles": ("", "teller", "lead & teller"),
    "when:resource.balance": ("< 5", "100 .. 200", ""),
    "when:context.open": ("是", "no", ""),
    "when": ("", "a.b(c) == 1", "x || y ; z == ';'", "f([1, 2])"),
    "fields": ("mobile", "mobile, level:C2", "all", "tag:a+level:C1"),
    "except": ("", "name", "tag:third-party, id_no"),
    "verdict": ("clear", "default", "full", "{algorithm: keep, prefix: 3}"),
    "priority": ("", "7", "-20"),
    "obligations": ("", "watermark", "alert(severity=high), watermark"),
}


def expected(before: dict[str, Any], key: str, typed: str) -> dict[str, Any]:
    """Return what a rule says after a cell, apart from conditions, by an obvious way."""
    after = copy.deepcopy(before)
    if key.startswith("title"):
        title = before.get("title", typed)
        both = dict(title) if isinstance(title, dict) else {"zh": title, "en": title}
        after["title"] = {**both, key[-2:]: typed}
    elif key == "verdict":
        after.pop("mask", None), after.pop("unmask", None)
        after["unmask" if typed == "clear" else "mask"] = True if typed == "clear" else yaml.safe_load(typed)
    elif key == "priority":
        after.pop("priority", None)
        if typed:
            after["priority"] = int(typed)
    elif key in ("fields", "except", "obligations"):
        after.pop(key, None)
        listed = {
            "mobile, level:C2": ["mobile", {"level": "C2"}], "tag:a+level:C1": [{"tag": "a", "level": "C1"}],
            "tag:third-party, id_no": [{"tag": "third-party"}, "id_no"],
            "alert(severity=high), watermark": [{"type": "alert", "severity": "high"}, "watermark"], "all": "all",
        }.get(typed, [typed])  # fmt: skip
        if typed:
            after[key] = listed
    else:
        after[key] = typed
    return after


@settings(PROPERTY, max_examples=examples(20))
@given(sources())
def test_a_cell_says_what_was_typed_and_nothing_else_changes(random: Random) -> None:
    text = random.choice([TEXT, TEXT, FLOW, NO_BREAK, *SAMPLES])
    found = sheet.read(text)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(found.rows))
        key = random.choice(list(CELLS))
        typed = random.choice(CELLS[key])
        before, said = rules(text), column(key)
        others = {one.key: columns.text(found.rows[at], one) for one in columns.columns(found.rows, (), KNOWN)}
        edit = cells.edit(found.rows[at], said, typed)
        outside = text[: found.spans[at].start], text[found.spans[at].end :]
        text = text if edit is None else apply(text, sheet.change(found, {at: [edit]}))
        after = rules(text)
        found = sheet.again(found, text)
        assert same(found, sheet.read(text)), text
        assert after[:at] + after[at + 1 :] == before[:at] + before[at + 1 :]
        assert text.startswith(outside[0])
        assert text.endswith(outside[1])
        if not key.startswith("when"):
            assert edit is None or after[at] == expected(before[at], key, typed), (key, typed, text)
            continue
        assert {k: v for k, v in after[at].items() if k != "when"} == {
            k: v for k, v in before[at].items() if k != "when"
        }
        now = {one.key: columns.text(found.rows[at], one) for one in columns.columns(found.rows, (), KNOWN)}
        for other in {*others, *now} - {key}:
            assert now.get(other, "") == others.get(other, ""), (key, typed, text)
        wanted = columns.tests(said, typed) if key != "when" else columns.clauses(typed)
        if key == "when":
            assert list(found.rows[at].others) == wanted
        else:
            assert found.rows[at].tests.get(key.removeprefix("when:"), ()) == wanted


@settings(PROPERTY, max_examples=examples(20))
@given(sources())
def test_rows_come_go_and_move(random: Random) -> None:
    text = random.choice([TEXT, TEXT, FLOW, NO_BREAK, EMPTY_LIST, *SAMPLES])
    found = sheet.read(text)
    kept = [line for line in text.split("\n") if line.startswith("#")]
    for _ in range(random.randint(1, 5)):
        before, count = rules(text), len(found.rows)
        chosen = sorted(random.sample(range(count), random.randint(1, min(count, 3)))) if count else []
        kind = random.choice(("insert", "delete", "duplicate", "up", "down")) if count else "insert"
        wanted = list(before)
        match kind:
            case "insert":
                at = random.randint(0, count)
                new = [f"id: new-{n}\nfields: [a]\nmask: full\n" for n in range(random.randint(1, 2))]
                splices = sheet.insert(found, at, new)
                wanted[at:at] = [yaml.safe_load(one) for one in new]
            case "delete":
                splices = sheet.delete(found, chosen)
                wanted = [one for place, one in enumerate(before) if place not in chosen]
            case "duplicate":
                splices = sheet.duplicate(found, chosen)
                for place in reversed(chosen):
                    wanted.insert(place + 1, before[place])
            case _:
                step = -1 if kind == "up" else 1
                splices, after = sheet.move(found, chosen, step)
                if after != chosen:
                    for place in chosen if step < 0 else reversed(chosen):
                        wanted[place], wanted[place + step] = wanted[place + step], wanted[place]
        text = apply(text, splices)
        found = sheet.again(found, text)
        assert same(found, sheet.read(text)), text
        said = rules(text)
        if kind == "duplicate":
            ids = [one["id"] for one in said]
            assert len(ids) == len(set(ids)) or len({one["id"] for one in before}) < len(before)
            said, wanted = ([{**one, "id": ""} for one in listed] for listed in (said, wanted))
        assert said == wanted, (kind, text)
    assert [line for line in text.split("\n") if line.startswith("#")] == kept
