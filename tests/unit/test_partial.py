"""What is left of the rules for one caller. That it decides alike is in test_typed.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from pdp.engine import bundle, partial
from pdp.engine.grants import NO_GRANT
from pdp.engine.typed import TypedProgram
from pdp.lang.check import check
from pdp.lang.loader import load_texts

SET = """
kind: Attributes
attributes:
  subject.level: {type: int, label: level}
  resource.vip: {type: bool, label: vip, default: false}
  resource.branch: {type: string, label: branch}
  context.menu: {type: string, label: menu}
---
kind: Dictionary
fields: {name: {label: name, level: C2}, mobile: {label: mobile, level: C2}}
---
kind: Policy
id: p
title: p
rules:
"""
NOON, MIDNIGHT = 1_772_424_000_000_000_000, 1_772_380_800_000_000_000


class Party(NamedTuple):
    attributes: Mapping[str, Any]
    id: str = ""
    roles: tuple[str, ...] = ()
    name: str = ""
    type: str = ""


def program(*rules: str) -> TypedProgram:
    """Return a program; a rule is conditions with ` ; ` in between, about `name` unless it begins with `mobile::`."""
    text = SET
    for number, rule in enumerate(rules):
        field, _, conditions = rule.rpartition(":: ")
        when = "".join(f"\n      - '{condition}'" for condition in conditions.split(" ; "))
        text += f"  - id: r{number}\n    title: r\n    when:{when}\n    fields: [{field or 'name'}]\n    unmask: true\n"
    policy_set, diagnostics = load_texts({"set.yaml": text})
    resolved = check(policy_set, diagnostics, analyse=False)
    assert resolved is not None, diagnostics.sorted()
    return TypedProgram.from_bundle(bundle.build(resolved))


TELLER = Party({"level": 2}, "T1", ("teller",))
QUERY = Party({}, name="query")


def left(found: TypedProgram, resource: Mapping[str, Any], now: int = NOON) -> tuple[list[int], list[int]]:
    """Return the rules that hold and those left open for a teller in menu m1."""
    known = found.known(TELLER, QUERY, {"menu": "m1"}, ("name",))
    assert known is not None
    hits: list[int] = []
    slow: list[int] = []
    known.rest(TELLER, QUERY, Party(resource), {"menu": "m1"}, now, NO_GRANT, hits, slow)
    return hits, slow


def test_what_the_caller_settles_needs_no_further_look(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[list[tuple[int, int]]] = []
    assemble = partial.assemble_few

    def noted(rules: Any, *more: Any) -> Any:
        compiled.append([(rule.index, len(rule.conditions)) for rule in rules])
        return assemble(rules, *more)

    monkeypatch.setattr(partial, "assemble_few", noted)
    found = program(
        '"teller" in subject.roles ; context.menu == "m1"',  # 0: holds
        '"auditor" in subject.roles ; resource.branch == "b1"',  # 1: never
        'resource.branch == "b1" ; subject.level > 4',  # 2: never
        'resource.branch == "b1" ; subject.level < 4',  # 3: by the branch
        "subject.level < 4 || resource.vip",  # 4: holds
        "subject.level > 4 || resource.vip",  # 5: by the resource
        'now.getHours("Asia/Shanghai") < 8 ; subject.level == 2',  # 6: by the time
        "mobile:: subject.level == 2",  # 7: speaks of another field
        "!grant.active ; subject.level == 2",  # 8: holds without a grant
        "grant.active ; subject.level == 2",  # 9: not without one
    )
    assert left(found, {"vip": True, "branch": "b1"}) == ([0, 3, 4, 5, 8], [])
    assert compiled == [[(0, 0), (3, 1), (4, 0), (5, 1), (6, 1), (8, 0)]]
    assert left(found, {"branch": "b2"}, MIDNIGHT) == ([0, 4, 6, 8], [])
    assert left(found, {}) == ([0, 4, 8], [3])
    assert len(compiled) == 1, "callers that leave the same conditions share the code"


def test_a_default_is_not_known_before_the_resource_is() -> None:
    found = program("!resource.vip", "resource.vip")
    assert left(found, {}) == ([0], [])
    assert left(found, {"vip": True}) == ([1], [])


def test_a_caller_that_lacks_an_attribute_leaves_the_rule_open() -> None:
    found = program("subject.level == 2 ; resource.vip")
    someone = Party({}, "T2")
    known = found.known(someone, QUERY, {}, ("name",))
    assert known is not None
    hits: list[int] = []
    slow: list[int] = []
    known.rest(someone, QUERY, Party({"vip": True}), {}, NOON, NO_GRANT, hits, slow)
    assert (hits, slow) == ([], [0])
    _, noteworthy = found.decide_known(known, Party({"vip": True}), NOON)
    assert noteworthy is not None
    assert noteworthy.diagnostics[0].attributes == ["subject.level"]
    # Where the resource settles it, nothing is undecided.
    assert found.decide_known(known, Party({"vip": False}), NOON)[1] is None


def test_too_many_rules_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = program(*[f'resource.branch == "b{number}"' for number in range(9)])
    monkeypatch.setattr(partial, "MOST_RULES", 8)
    assert found.known(TELLER, QUERY, {}, ("name",)) is None
    monkeypatch.setattr(partial, "MOST_RULES", 9)
    monkeypatch.setattr(partial, "MOST_COMPILED", 0)
    assert found.known(TELLER, QUERY, {}, ("name",)) is None
    monkeypatch.setattr(partial, "MOST_COMPILED", 1)
    assert found.known(TELLER, QUERY, {}, ("name",)) is not None
    assert found.known(TELLER, QUERY, {"menu": "m2"}, ("name",)) is not None, "compiled already"
