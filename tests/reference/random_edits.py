"""Random edits of policy sets: what people change, and combinations that nobody would think of."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from random import Random
from typing import Any

import yaml

from tests.reference.random_expressions import Expressions
from tests.reference.random_sets import RandomSet, yaml_value
from tests.reference.random_values import random_value

_LEVELS = ("C1", "C2", "C3")
_MASKS: tuple[dict[str, Any], ...] = (
    {"algorithm": "full"},
    {"algorithm": "keep", "prefix": 1},
    {"algorithm": "keep", "suffix": 4},
    {"algorithm": "hash", "digest": "sha256"},
)

Document = dict[str, Any]


def edited(random: Random, made: RandomSet, count: int) -> RandomSet:
    """Return a set with so many random edits; it may be one that `check` refuses."""
    documents = [document for text in made.texts.values() for document in yaml.safe_load_all(text)]
    for _ in range(count):
        random.choice(_EDITS)(random, made, documents)
    texts = [yaml.safe_dump(document, allow_unicode=True, sort_keys=False) for document in documents]
    return dataclasses.replace(made, texts={f"{number}.yaml": text for number, text in enumerate(texts)})


def _of_kind(documents: list[Document], kind: str) -> list[Document]:
    return [document for document in documents if document["kind"] == kind]


def _policy(random: Random, documents: list[Document]) -> Document:
    return random.choice(_of_kind(documents, "Policy"))


def _rule(random: Random, documents: list[Document]) -> Document:
    found: Document = random.choice(_policy(random, documents)["rules"])
    return found


def _field(random: Random, documents: list[Document]) -> Document:
    [dictionary] = _of_kind(documents, "Dictionary")
    found: Document = dictionary["fields"][random.choice(list(dictionary["fields"]))]
    return found


def _clauses(rule: Document) -> list[str]:
    when = rule.get("when", [])
    return [when] if isinstance(when, str) else list(when)


def _remove_rule(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    rules = _policy(random, documents)["rules"]
    if len(rules) > 1:
        del rules[random.randint(0, len(rules) - 1)]


def _copy_rule(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    rules = _policy(random, documents)["rules"]
    copy = {**_rule(random, documents), "id": f"new{len(rules)}"}
    rules.insert(random.randint(0, len(rules)), copy)


def _move_rule(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    rules = _policy(random, documents)["rules"]
    rules.append(rules.pop(random.randint(0, len(rules) - 1)))


def _drop_clause(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    rule = _rule(random, documents)
    clauses = _clauses(rule)
    if clauses:
        del clauses[random.randint(0, len(clauses) - 1)]
        rule["when"] = clauses
        if not clauses:
            del rule["when"]


def _add_clause(random: Random, made: RandomSet, documents: list[Document]) -> None:
    rule = _rule(random, documents)
    rule["when"] = [*_clauses(rule), _condition(random, made)]


def _change_clause(random: Random, made: RandomSet, documents: list[Document]) -> None:
    rule = _rule(random, documents)
    clauses = _clauses(rule)
    if clauses:
        position = random.randint(0, len(clauses) - 1)
        clauses[position] = random.choice((_condition(random, made), f"!({clauses[position]})"))
        rule["when"] = clauses


def _condition(random: Random, made: RandomSet) -> str:
    names = {**made.attributes, "grant.active": "bool", "grant.approver_level": "int"}
    return Expressions(random, names, {}).condition(random.choice((1, 2)))


def _turn_effect(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    rule = _rule(random, documents)
    if rule.pop("unmask", False):
        rule["mask"] = "default"
    else:
        rule.pop("mask", None)
        rule["unmask"] = True


def _change_mask(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    rule = _rule(random, documents)
    if "mask" in rule:
        rule["mask"] = random.choice(("default", dict(random.choice(_MASKS))))


def _change_priority(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    _rule(random, documents)["priority"] = random.choice((-1000, -5, 0, 0, 1, 10, 1000))


def _change_fields(random: Random, made: RandomSet, documents: list[Document]) -> None:
    rule = _rule(random, documents)
    rule.pop("except", None)
    rule["fields"] = random.choice(("all", random.sample(made.fields, random.randint(1, min(3, len(made.fields))))))


def _change_obligations(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    _rule(random, documents)["obligations"] = [{"type": random.choice(("alert", "watermark"))}]


def _change_title(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    _rule(random, documents)["title"] = "another title"


def _change_scope(random: Random, made: RandomSet, documents: list[Document]) -> None:
    policy = _policy(random, documents)
    scope = dict(policy.get("scope", {}))
    name = random.choice([n for n, kind in made.attributes.items() if kind in ("string", "int", "bool")])
    if name in scope and random.randint(0, 1):
        del scope[name]
    else:
        values = [
            yaml_value(made.attributes[name], random_value(random, made.attributes[name], written=True))
            for _ in range(random.randint(1, 3))
        ]
        scope[name] = list({repr(value): value for value in values}.values())
    policy.pop("scope", None)
    if scope:
        policy["scope"] = scope


def _change_variable(random: Random, made: RandomSet, documents: list[Document]) -> None:
    variables = _policy(random, documents).get("variables")
    if variables:
        variables[random.choice(list(variables))] = _condition(random, made)


def _change_default(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    field = _field(random, documents)
    if field.pop("default", None) is None or random.randint(0, 1):
        field["default"] = random.choice(("mask", "unmask"))


def _change_level_default(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    [dictionary] = _of_kind(documents, "Dictionary")
    dictionary["defaults"] = {level: random.choice(("mask", "unmask")) for level in _LEVELS}


def _change_level(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    _field(random, documents)["level"] = random.choice(_LEVELS)


def _change_never(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    field = _field(random, documents)
    if not field.pop("never_unmask", False):
        field["never_unmask"] = True


def _change_field_mask(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    field = _field(random, documents)
    if field.pop("mask", None) is None or random.randint(0, 1):
        field["mask"] = dict(random.choice(_MASKS))


def _remove_field(random: Random, made: RandomSet, documents: list[Document]) -> None:
    [dictionary] = _of_kind(documents, "Dictionary")
    if len(dictionary["fields"]) > 1:
        del dictionary["fields"][random.choice(list(dictionary["fields"]))]


def _add_field(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    [dictionary] = _of_kind(documents, "Dictionary")
    dictionary["fields"][f"added{len(dictionary['fields'])}"] = {"label": "added", "level": random.choice(_LEVELS)}


def _change_named_mask(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    masks = random.choice(_of_kind(documents, "Masks"))["masks"]
    masks[random.choice(list(masks))] = dict(random.choice(_MASKS))


def _change_attribute_default(random: Random, made: RandomSet, documents: list[Document]) -> None:
    attributes = random.choice(_of_kind(documents, "Attributes"))["attributes"]
    name = random.choice(list(attributes))
    declared = attributes[name]
    kind = declared.get("type")
    if kind is None:  # a built-in one, of which only what is recorded is said
        return
    if declared.pop("default", None) is None or random.randint(0, 1):
        declared["default"] = yaml_value(kind, random_value(random, kind, written=True))


def _change_attribute_type(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    attributes = random.choice(_of_kind(documents, "Attributes"))["attributes"]
    declared = attributes[random.choice(list(attributes))]
    swapped = {"int": "double", "double": "int", "list(int)": "list(double)", "list(double)": "list(int)"}
    if "type" in declared:
        declared["type"] = swapped.get(declared["type"], declared["type"])


def _change_map(random: Random, _made: RandomSet, documents: list[Document]) -> None:
    for document in _of_kind(documents, "MessageMap"):
        if len(document["fields"]) > 1:
            del document["fields"][random.choice(list(document["fields"]))]


_EDITS: tuple[Callable[[Random, RandomSet, list[Document]], None], ...] = (
    _remove_rule, _copy_rule, _move_rule, _drop_clause, _add_clause, _change_clause, _turn_effect, _change_mask,
    _change_priority, _change_fields, _change_obligations, _change_title, _change_scope, _change_variable,
    _change_default, _change_level_default, _change_level, _change_never, _change_field_mask, _remove_field, _add_field,
    _change_named_mask, _change_attribute_default, _change_attribute_type, _change_map,
)  # fmt: skip
