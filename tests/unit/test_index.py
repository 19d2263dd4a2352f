"""Indexing rules changes how fast they are found and nothing else."""

from __future__ import annotations

from random import Random

import pytest

from pdp.engine import bundle, index
from pdp.engine.index import build_groups
from pdp.engine.program import Program
from pdp.lang.check import check
from pdp.lang.loader import load_texts
from pdp.v1 import bundle_pb2, decision_service_pb2

SCHEMA = """
kind: Attributes
attributes:
  subject.level: {type: int, label: level}
  subject.projects: {type: list(string), label: projects}
  resource.codes: {type: list(int), label: codes}
  context.menu: {type: string, label: menu}
---
kind: Dictionary
fields: {name: {label: name, level: C2}, mobile: {label: mobile, level: C2}}
"""
CLAUSES = (
    '"teller" in subject.roles', '"auditor" in subject.roles', '"clerk" in subject.roles', '"p1" in subject.projects',
    '"p2" in subject.projects', "7 in resource.codes", "8 in resource.codes", 'context.menu == "m1"',
    'context.menu in ["m1", "m2"]', "subject.level >= 3", "subject.level == 2",
    '"p1" in subject.projects || subject.level == 2', "grant.active", "!grant.active", 'grant.kind == ""',
)  # fmt: skip


def _rules(draw: Random, count: int) -> str:
    lines = [SCHEMA, "---", "kind: Policy", "id: p", "title: p", "rules:"]
    for number in range(count):
        when = "\n".join(f"      - '{clause}'" for clause in draw.sample(CLAUSES, draw.randint(1, 4)))
        effect = draw.choice(("unmask: true", "mask: default"))
        head = f"  - id: r{number}\n    title: r\n    priority: {draw.randint(0, 3)}\n    when:\n{when}"
        lines.append(f"{head}\n    fields: [{draw.choice(('name', 'mobile'))}]\n    {effect}")
    return "\n".join(lines)


def _signed(text: str) -> bundle_pb2.SignedBundle:
    policy_set, diagnostics = load_texts({"set.yaml": text})
    resolved = check(policy_set, diagnostics, analyse=False)
    assert resolved is not None, diagnostics.sorted()
    return bundle.build(resolved)


def _request(draw: Random) -> bytes:
    request = decision_service_pb2.DecideRequest(fields=["name", "mobile"])
    request.subject.id = "T1"
    request.subject.roles.extend(draw.choices(("teller", "auditor", "clerk", "other"), k=draw.randint(0, 4)))
    if draw.random() < 0.8:
        request.subject.attributes["level"].int_value = draw.randint(1, 4)
    if draw.random() < 0.7:
        projects = draw.choices(("p1", "p2", "p3"), k=draw.randint(0, 3))
        request.subject.attributes["projects"].string_list.values.extend(projects)
    if draw.random() < 0.7:
        request.resource.attributes["codes"].int_list.values.extend(draw.choices((7, 8, 9), k=draw.randint(0, 3)))
    if draw.random() < 0.8:
        request.context["menu"].string_value = draw.choice(("m1", "m2", "m3"))
    return request.SerializeToString()


def _decisions(signed: bundle_pb2.SignedBundle, requests: list[bytes]) -> list[bytes]:
    program = Program.from_bundle(signed)
    found = []
    for payload in requests:
        response = decision_service_pb2.DecideResponse.FromString(program.decide(payload, 1_772_416_800 * 10**9))
        response.ClearField("decision_id")
        found.append(response.SerializeToString(deterministic=True))
    return found


@pytest.mark.parametrize("crowding", [-1, 2, index.MAX_CROWDING])
@pytest.mark.parametrize("seed", range(4))
def test_the_index_changes_no_decision(monkeypatch: pytest.MonkeyPatch, seed: int, crowding: int) -> None:
    draw = Random(f"index/{seed}")
    signed = _signed(_rules(draw, 40))
    requests = [_request(draw) for _ in range(150)]
    monkeypatch.setattr(index, "MAX_CROWDING", crowding)
    indexed = _decisions(signed, requests)
    monkeypatch.setattr(index, "_KEY_TYPES", ())
    assert indexed == _decisions(signed, requests)
    assert len(set(indexed)) > 20


def _groups(clauses: list[list[str]]) -> list[tuple[tuple[str, ...], str | None]]:
    rules = "".join(
        f"  - {{id: r{n}, title: r, when: {[*when]!r}, fields: [name], unmask: true}}\n"
        for n, when in enumerate(clauses)
    )
    text = f"{SCHEMA}---\nkind: Policy\nid: p\ntitle: p\nrules:\n{rules}"
    return [(g.attributes, g.list_attribute) for g in build_groups(Program.from_bundle(_signed(text)).rules)]


def test_few_rules_need_no_table() -> None:
    assert _groups([['context.menu == "m1"'], ["subject.level == 2"]]) == [((), None)]


def test_many_rules_of_a_menu_are_found_by_the_menu() -> None:
    rules = [[f'context.menu == "m{n // 5}"', *([f"subject.level == {n % 5}"] if n % 2 else [])] for n in range(60)]
    assert _groups(rules) == [(("context.menu",), None)]


def test_rules_that_roles_alone_tell_apart_are_found_by_role() -> None:
    rules = [[f'"role{n}" in subject.roles', "subject.level >= 2"] for n in range(60)]
    assert _groups(rules) == [(("subject.roles",), "subject.roles")]


def test_a_rule_is_found_by_one_list_only() -> None:
    rules = [[f'"role{n % 9}" in subject.roles', f'"p{n}" in subject.projects'] for n in range(60)]
    (group,) = _groups(rules)
    assert len(group[0]) == 1
