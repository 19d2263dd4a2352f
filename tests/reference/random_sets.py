"""Random policy sets as the YAML documents that people write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import yaml

from pdp.values import format_duration, format_timestamp
from tests.reference.conditions import BUILT_IN
from tests.reference.random_expressions import Expressions
from tests.reference.random_values import ATTRIBUTE_TYPES, literal, pick, random_value

STANDARD = {
    "subject.id": "string",
    "subject.roles": "list(string)",
    "action.name": "string",
    "resource.type": "string",
    "resource.id": "string",
}
# Words that Python, the generated program or protobuf's classes could trip over are wanted.
_WORDS = (
    "level", "class", "menu", "lambda", "flags", "projects", "at", "span", "ok", "def", "none", "x", "x_y", "now",
    "vars", "values", "entries", "len",
)  # fmt: skip
_ROOTS = ("subject", "resource", "context", "action")
_MASKS: tuple[dict[str, Any], ...] = (
    {"algorithm": "keep", "prefix": 3, "suffix": 4},
    {"algorithm": "full"},
    {"algorithm": "suppress"},
    {"algorithm": "null"},
    {"algorithm": "mask", "prefix": 2},
    {"algorithm": "hash", "key": "k1"},
    {"algorithm": "full", "length": 5, "char": "#"},
    {"algorithm": "keep", "prefix": 1},
    {"algorithm": "bucket", "edges": ["0", "50000"]},
    {"algorithm": "address"},
    {"algorithm": "keep", "prefix": 3, "suffix": 4, "char": "#"},
)
_LEVELS = ("C2", "C1", "C3")
_CATEGORIES = ("contact", "identity", "money")
_TAGS = ("phone", "net", "card")
_OBLIGATIONS = (
    "watermark",
    "alert",
    {"type": "alert", "severity": "high"},
    {"type": "require_reason", "min": "5", "zh": "原因"},
)
_GRANT_CLAUSES = (
    "grant.active", "grant.active", 'grant.kind == "supervisor"', "grant.approver_level >= 3",
    'grant.scenario in ["service", ""]', "!grant.active",
    'grant.kind == "customer" && grant.active', "grant.approver != subject.id",
    "grant.approver_level > 2 || resource.id == 'C1'",
)  # fmt: skip
# Rules often ask the same clock.
_CLOCK_CLAUSES = (
    'now.getHours("Asia/Shanghai") >= 9', 'now.getHours("Asia/Shanghai") < 18 && now.getMinutes("Asia/Shanghai") < 30',
    'now.getDayOfWeek("Asia/Shanghai") in [1, 2, 3, 4, 5]', "now.getHours() == 2", 'now.getSeconds("+05:30") == 0',
    'now.getHours("America/New_York") < 9 || now.getDayOfWeek("America/New_York") == 0', "now.getDate() == 2",
)  # fmt: skip
_INDEXED = ("string", "int", "bool")


@dataclass(frozen=True)
class RandomSet:
    """A policy set with what a maker of requests needs to know about it."""

    texts: Mapping[str, str]
    attributes: Mapping[str, str]
    fields: tuple[str, ...]
    never_unmask: frozenset[str]
    messages: tuple[tuple[str, str, str], ...]


class _Maker:
    def __init__(self, random: Random, size: int) -> None:
        self._random = random
        self._size = size
        self._declared: dict[str, str] = {}
        self._fields: dict[str, dict[str, Any]] = {}
        self._masks: list[str] = []

    def make(self) -> RandomSet:
        documents = [self._attributes(), self._mask_documents(), self._dictionary(), *self._message_maps()]
        messages = [
            (d["application"], d["message"], part["name"] if part else "")
            for d in documents
            if d["kind"] == "MessageMap"
            for part in (None, *d.get("each", ()))
        ]
        documents += [self._policy(index) for index in range(self._random.randint(1, 2 + self._size))]
        texts: dict[str, list[str]] = {}
        for number, document in enumerate(documents):
            name = f"{self._random.choice('abc')}{number if self._random.randint(0, 1) else ''}.yaml"
            texts.setdefault(name, []).append(
                yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=self._random.choice((80, 10_000)))
            )
        return RandomSet(
            {name: "---\n".join(parts) for name, parts in texts.items()},
            {**STANDARD, **self._declared},
            tuple(self._fields),
            frozenset(name for name, field in self._fields.items() if field.get("never_unmask")),
            tuple(messages),
        )

    def _chance(self, percent: int) -> bool:
        return self._random.randint(0, 99) >= 100 - percent

    def _attributes(self) -> dict[str, Any]:
        document: dict[str, Any] = {}
        # A few that scopes and indexes like, then any.
        kinds = [
            "string",
            "string",
            "int",
            "bool",
            *(self._random.choice(ATTRIBUTE_TYPES) for _ in range(self._random.randint(2, 10))),
        ]
        for kind in kinds:
            name = f"{self._random.choice(_ROOTS)}.{self._random.choice(_WORDS)}"
            if name in self._declared:
                continue
            self._declared[name] = kind
            document[name] = {"type": kind}
            if self._chance(20):
                document[name]["default"] = yaml_value(kind, random_value(self._random, kind, written=True))
        if self._chance(15):
            document["action.name"] = {"type": "string", "label": "operation"}
        return {"kind": "Attributes", "attributes": document}

    def _mask_documents(self) -> dict[str, Any]:
        chosen = self._random.sample(_MASKS, self._random.randint(1, 5))
        self._masks = [f"mask{index}" for index in range(len(chosen))]
        return {"kind": "Masks", "masks": dict(zip(self._masks, chosen, strict=True))}

    def _mask(self) -> Any:
        return self._random.choice(self._masks) if self._chance(60) else dict(self._random.choice(_MASKS))

    def _dictionary(self) -> dict[str, Any]:
        for index in range(self._random.randint(2, 5 + 2 * self._size)):
            field: dict[str, Any] = {
                "label": f"f{index}",
                "level": self._random.choice(_LEVELS),
                "category": self._random.choice(_CATEGORIES),
            }
            if self._chance(40):
                field["tags"] = self._random.sample(_TAGS, self._random.randint(1, 2))
            if self._chance(70):
                field["mask"] = self._mask()
            if self._chance(25):
                field["never_unmask"] = True
            elif self._chance(20):
                field["default"] = self._random.choice(("mask", "unmask"))
            self._fields[f"f{index}" if index % 3 else f"f.f{index}"] = field
        document: dict[str, Any] = {"kind": "Dictionary", "fields": self._fields}
        if self._chance(70):
            document["defaults"] = {
                level: self._random.choice(("mask", "unmask")) for level in _LEVELS if self._chance(70)
            }
            if not document["defaults"]:
                del document["defaults"]
        return document

    def _message_maps(self) -> list[dict[str, Any]]:
        if not self._chance(40):
            return []
        names = list(self._fields)
        self._random.shuffle(names)
        document: dict[str, Any] = {
            "kind": "MessageMap",
            "application": "core",
            "message": "detail",
            "resource": {"type": "customer", "id": "$.no"},
            "fields": {name: f"$.a{i}" for i, name in enumerate(names[: self._random.randint(1, len(names))])},
        }
        if self._chance(50):
            document["each"] = [
                {"name": "items", "path": "$.items", "fields": {name: f"$.b{i}" for i, name in enumerate(names[:2])}}
            ]
        return [document]

    def _policy(self, index: int) -> dict[str, Any]:
        document: dict[str, Any] = {
            "kind": "Policy",
            "id": self._random.choice("pqz") + str(index),
            "title": {"zh": f"策略{index}", "en": f"p{index}"},
        }
        scope = {}
        for _ in range(self._random.choice((0, 1, 0, 2))):
            name, kind = self._indexed()
            values = [
                yaml_value(kind, random_value(self._random, kind, written=True))
                for _ in range(self._random.randint(1, 3))
            ]
            values = list({repr(v): v for v in values}.values())
            scope[name] = values[0] if len(values) == 1 else values
        if scope:
            document["scope"] = scope
        variables: dict[str, str] = {}
        texts: dict[str, str] = {}
        for position in range(self._random.choice((0, 0, 1, 3))):
            kind = self._random.choice(("bool", "bool", "int", "string", "list(string)"))
            names = self._visible() if self._chance(30) else self._declared_and_standard()
            texts[f"v{position}"] = Expressions(self._random, names, dict(variables)).make(kind, 2)
            variables[f"v{position}"] = kind
        if texts:
            document["variables"] = texts
        document["rules"] = [self._rule(number, variables) for number in range(self._random.randint(1, 3 + self._size))]
        return document

    def _declared_and_standard(self) -> dict[str, str]:
        return {**STANDARD, **self._declared, "now": "timestamp"}

    def _visible(self) -> dict[str, str]:
        return {**self._declared_and_standard(), **BUILT_IN}

    def _indexed(self) -> tuple[str, str]:
        names = [(name, kind) for name, kind in {**self._declared, **STANDARD}.items() if kind in _INDEXED]
        return (
            names[min(self._random.randint(0, 4), len(names) - 1)] if self._chance(80) else self._random.choice(names)
        )

    def _rule(self, number: int, variables: Mapping[str, str]) -> dict[str, Any]:
        rule: dict[str, Any] = {"id": f"r{number}", "title": f"rule {number}"}
        clauses = [self._clause(variables) for _ in range(self._random.choice((1, 1, 0, 2, 1, 3)))]
        if clauses:
            rule["when"] = clauses[0] if len(clauses) == 1 and self._chance(50) else clauses
        unmask = self._chance(45)
        selected, chosen = self._selectors(unmask)
        rule["fields"] = selected
        forbidden = [name for name in chosen if unmask and self._fields[name].get("never_unmask")]
        excepted = (
            forbidden
            + [
                name
                for name in chosen
                if name not in forbidden and len(chosen) - len(forbidden) > 1 and self._chance(10)
            ][:1]
        )
        if excepted:
            rule["except"] = excepted
        if unmask:
            rule["unmask"] = True
        else:
            rule["mask"] = "default" if self._chance(25) else self._mask()
        if self._chance(40):
            rule["priority"] = self._random.choice((10, -5, 10, 1000, -1000, 1))
        if self._chance(30):
            rule["obligations"] = self._random.sample(_OBLIGATIONS, self._random.randint(1, 2))
        return rule

    def _selectors(self, unmask: bool) -> tuple[Any, list[str]]:
        """Return the selectors of a rule and the fields they choose; an unmasking one leaves at least one to unmask."""
        allowed = [name for name, field in self._fields.items() if not (unmask and field.get("never_unmask"))]
        if not allowed:
            self._fields["spare"] = {"label": "spare", "level": "C1"}
            allowed = ["spare"]
        if self._chance(15):
            return "all", list(self._fields)
        selectors: list[Any] = []
        chosen: list[str] = []
        for _ in range(self._random.randint(1, 2)):
            name = self._random.choice(allowed)
            field = self._fields[name]
            if self._chance(40):
                selector = {"level": field["level"]}
                if self._chance(40) and "category" in field:
                    selector["category"] = field["category"]
                if self._chance(30) and "tags" in field:
                    selector["tag"] = field["tags"][0]
                if len(selector) > 1 and self._chance(40):
                    del selector["level"]
                selectors.append(selector)
                chosen += [n for n, f in self._fields.items() if _selected(f, selector) and n not in chosen]
            elif name not in selectors:
                selectors.append(name)
                chosen += [name] if name not in chosen else []
        return selectors, chosen

    def _clause(self, variables: Mapping[str, str]) -> str:
        if self._chance(40):
            return self._equality()
        if self._chance(35):
            return pick(self._random, _GRANT_CLAUSES)
        if self._chance(20):
            return self._random.choice(_CLOCK_CLAUSES)
        names = self._visible() if self._chance(15) else self._declared_and_standard()
        return Expressions(self._random, names, variables).condition(self._random.choice((1, 2, 2, 3)))

    def _equality(self) -> str:
        """A clause that an index may take."""
        name, kind = self._indexed()
        if kind == "bool":
            return self._random.choice((name, f"!{name}", f"{name} == true", f"!({name})", f"false == {name}"))
        constants = [literal(self._random, kind) for _ in range(self._random.randint(1, 3))]
        listed = f"{name} in [{', '.join(constants)}]"
        other, its_kind = self._indexed()
        both = f"{listed} && {other} == {literal(self._random, its_kind)}"
        form = self._random.randint(0, 11)
        choices = (
            f"{name} == {constants[0]}",
            listed,
            f"{constants[0]} == {name}",
            listed,
            both,
            f"{name} in []",
            f"{name} != {constants[0]}",
        )
        return choices[form % len(choices)] if form < 10 else choices[0]


def _selected(field: Mapping[str, Any], selector: Mapping[str, str]) -> bool:
    return (
        selector.get("level", field["level"]) == field["level"]
        and selector.get("category", field.get("category")) == field.get("category")
        and ("tag" not in selector or selector["tag"] in field.get("tags", ()))
    )


def yaml_value(kind: str, value: Any) -> Any:
    """Return a value as a policy file writes it."""
    if kind == "timestamp":
        return format_timestamp(value)
    if kind == "duration":
        return format_duration(value)
    return list(value) if kind.startswith("list(") else value


def random_set(random: Random, size: int) -> RandomSet:
    """Return a policy set; `size` from 0 up bounds policies, rules and fields."""
    return _Maker(random, size).make()
