"""Edits of rules: they say what they should, and leave the rest of the text as it was."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from admin_gui.domain import policy_text
from tests.gui.conftest import POLICIES
from tests.strategies import PROPERTY, examples, sources

TEXT = """\
# 柜面
kind: Policy
id: counter
title: {zh: 柜面, en: counter}   # 两种语言
scope: {context.menu: ["3101"]}
rules:
  # 第一条
  # 仍是第一条的说明
  - id: one          # 编号
    title: {zh: 一, en: one}
    when:
      - subject.level >= 3
      - context.channel == "counter"   # 柜面渠道
    fields: [mobile, name]
    unmask: true

  # 第二条
  - {id: two, fields: [balance], mask: full, priority: 5}  # 写在一行
  - id: three
    when: >-
      subject.level >= 3 &&
      resource.balance < 5.0
    fields:
      - id_no
    unmask: true
# 结尾
"""


def rules(text: str) -> list[dict[str, Any]]:
    """Return the rules of the first policy as YAML reads them."""
    for document in yaml.safe_load_all(text):
        if document["kind"] == "Policy":
            found: list[dict[str, Any]] = document["rules"]
            return found
    raise AssertionError


def test_where_rules_stand() -> None:
    [policy] = policy_text.outline(TEXT).policies
    assert (policy.id, policy.dash, policy.rules_flow) == ("counter", 2, False)
    blocks = [TEXT[rule.block.start : rule.block.end] for rule in policy.rules]
    assert blocks[0].startswith("  # 第一条\n  # 仍是第一条的说明\n  - id: one")
    assert blocks[0].endswith("unmask: true\n")
    assert blocks[1] == "  # 第二条\n  - {id: two, fields: [balance], mask: full, priority: 5}  # 写在一行\n"
    assert blocks[2].endswith("    unmask: true\n")
    assert [rule.data for rule in policy.rules] == rules(TEXT)
    key = policy.rules[0].keys["when"]
    assert TEXT[key.value.start : key.value.end].endswith('context.channel == "counter"')


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda t: policy_text.set_key(t, "counter", 0, "unmask", "false"),
         ("    unmask: true\n\n", "    unmask: false\n\n")),
        (lambda t: policy_text.set_key(t, "counter", 0, "priority", "7"),
         ("    unmask: true\n\n", "    unmask: true\n    priority: 7\n\n")),
        (lambda t: policy_text.set_key(t, "counter", 1, "priority", "9"), ("priority: 5}", "priority: 9}")),
        (lambda t: policy_text.set_key(t, "counter", 1, "unmask", "true"),
         ("priority: 5}", "priority: 5, unmask: true}")),
        (lambda t: policy_text.remove_key(t, "counter", 1, "mask"), ("mask: full, ", "")),
        (lambda t: policy_text.remove_key(t, "counter", 1, "priority"), (", priority: 5}", "}")),
        (lambda t: policy_text.remove_key(t, "counter", 0, "title"), ("    title: {zh: 一, en: one}\n", "")),
        (lambda t: policy_text.set_key(t, "counter", 2, "fields", "[a, b]"), ("\n      - id_no", " [a, b]")),
        (lambda t: policy_text.delete_rule(t, "counter", 1),
         ("  # 第二条\n  - {id: two, fields: [balance], mask: full, priority: 5}  # 写在一行\n", "")),
    ],
)  # fmt: skip
def test_an_edit_changes_its_place_alone(edit: Any, expected: tuple[str, str]) -> None:
    before, after = expected
    assert TEXT.count(before) == 1
    assert edit(TEXT) == TEXT.replace(before, after)


def test_the_last_rule_leaves_an_empty_list() -> None:
    text = "kind: Policy\nid: p\nrules:\n  - {id: a, unmask: true}\n"
    gone = policy_text.delete_rule(text, "p", 0)
    assert yaml.safe_load(gone)["rules"] == []
    again = policy_text.insert_rule(gone, "p", 0, "id: b\nunmask: true\n")
    assert yaml.safe_load(again)["rules"] == [{"id": "b", "unmask": True}]


def test_a_policy_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        policy_text.delete_rule(TEXT, "other", 0)
    with pytest.raises(IndexError):
        policy_text.delete_rule(TEXT, "counter", 3)


VALUES = {
    "unmask": ("true", "false"),
    "mask": ("full", "{algorithm: keep, prefix: 3}", '"a: b # c"'),
    "priority": ("0", "-5", "17"),
    "fields": ("[mobile]", "[name, id_no, 卡号]", "- mobile\n- name"),
    "when": ('["subject.level >= 3"]', "'x == \"#\"'", "- a == 1\n- 'b: c'"),
    "title": ("{zh: 新, en: new}",),
}
NEW = "id: new\n# 说明\ntitle: {zh: 新规则, en: new}\nwhen:\n  - subject.level >= 1\nfields: [mobile]\nunmask: true\n"


def apply(random: Random, text: str, policy: str, model: list[dict[str, Any]]) -> str:
    """Do a random edit to a text and to what it says."""
    count = len(model)
    kind = random.choice(("set", "set", "remove", "insert", "delete", "move", "copy")) if count else "insert"
    at = random.randrange(count) if count else 0
    match kind:
        case "set":
            key = random.choice(list(VALUES))
            value = random.choice(VALUES[key])
            model[at][key] = yaml.safe_load(value)
            return policy_text.set_key(text, policy, at, key, value)
        case "remove":
            key = random.choice([*VALUES, "nothing"])
            if list(model[at]) == [key]:
                return text
            model[at].pop(key, None)
            return policy_text.remove_key(text, policy, at, key)
        case "insert":
            place = random.randint(0, count)
            model.insert(place, yaml.safe_load(NEW))
            return policy_text.insert_rule(text, policy, place, NEW)
        case "delete":
            del model[at]
            return policy_text.delete_rule(text, policy, at)
        case "move":
            to = random.randrange(count)
            model.insert(to, model.pop(at))
            return policy_text.move_rule(text, policy, at, to)
    copied = copy.deepcopy(model[at])
    copied["id"] = "copied"
    model.insert(at + 1, copied)
    return policy_text.copy_rule(text, policy, at, "copied")


FLOW = "kind: Policy\nid: counter\nrules: [{id: one, unmask: true}, {id: two, fields: [a], mask: full}]  # 一行\n"
NO_BREAK = "kind: Policy\nid: counter\nrules:\n- id: one\n  unmask: true\n- id: two\n  mask: full"
SAMPLES = [path.read_text(encoding="utf-8") for path in sorted((POLICIES / "policies").glob("*.yaml"))]


@settings(PROPERTY, max_examples=examples(75))
@given(sources())
def test_edits_say_what_they_should_and_keep_the_rest(random: Random) -> None:
    text = random.choice([TEXT, TEXT, FLOW, NO_BREAK, random.choice(SAMPLES)])
    policy = policy_text.outline(text).policies[0].id
    model = copy.deepcopy(rules(text))
    outside = [line for line in text.split("\n") if line.startswith("#")]
    for _ in range(random.randint(1, 6)):
        text = apply(random, text, policy, model)
        assert rules(text) == model, text
    assert [line for line in text.split("\n") if line.startswith("#")] == outside
