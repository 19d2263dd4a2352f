"""Which rules can match a request at all: a hash join on the attributes that rules compare with constants.

A conjunct `attribute == constant` or `constant in list` that is false makes its rule false whatever the others are, so
a rule need not be looked at unless all of its indexed attributes have the right values. Where an indexed attribute is
missing the conjunct is undecided, and the rules that the other attributes leave possible go to the exact evaluation.

Rules that share attributes form a group with one table. A look into a table costs as much as a handful of rules, so
groups are joined, on the attributes that they have in common, as long as few rules come to lie together.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pdp.engine.rules import CompiledRule, Condition
from pdp.engine.runtime import MISSING
from pdp.lang.expr import BOOL, INT, STRING, AttributeRef, Call, Expr, Literal, list_of

MAX_GROUPS = 16
MAX_KEYS_PER_RULE = 256
# How many more rules may be looked at to save a look into a table.
MAX_CROWDING = 8
_KEY_TYPES = (STRING, INT, BOOL)


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule under the keys it may match, with the conjuncts that the keys do not settle."""

    rule: CompiledRule
    rest: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The rules that are indexed by the same attributes; without attributes, those that are always looked at.

    `list_attribute` is the one of them, if any, that is a list: each of its items is looked up.
    """

    attributes: tuple[str, ...]
    list_attribute: str | None
    table: Mapping[tuple[Any, ...], tuple[Entry, ...]]

    def possible(self, values: Sequence[Any]) -> Iterator[int]:
        """Yield the rules whose keys agree with the values that are not missing."""
        items = [
            None if value is MISSING else value if name == self.list_attribute else (value,)
            for name, value in zip(self.attributes, values, strict=True)
        ]
        for key, entries in self.table.items():
            if all(held is None or wanted in held for held, wanted in zip(items, key, strict=True)):
                for entry in entries:
                    yield entry.rule.index


def build_groups(rules: Sequence[CompiledRule]) -> list[Group]:
    """Return the groups in a fixed order; every rule is in exactly one."""
    keys = {rule.index: _constants(rule) for rule in rules}
    frequency = Counter(name for found in keys.values() for name in found)
    # The names that most rules constrain come first; dropping the rarest keeps the number of groups small.
    candidates = sorted(frequency, key=lambda name: (-frequency[name], name))
    while True:
        chosen = set(candidates)
        signatures = {rule.index: _signature(keys[rule.index], chosen) for rule in rules}
        if len(set(signatures.values())) <= MAX_GROUPS:
            break
        candidates.pop()
    _join(signatures, keys)
    tables: dict[tuple[str, ...], dict[tuple[Any, ...], list[Entry]]] = {}
    for rule in rules:
        signature = signatures[rule.index]
        found = keys[rule.index]
        settled = {id(expr) for name in signature for expr in found[name].conjuncts}
        rest = tuple(c for c in rule.conditions if id(c.expr) not in settled)
        table = tables.setdefault(signature, {})
        for key in itertools.product(*(found[name].values for name in signature)):
            table.setdefault(key, []).append(Entry(rule, rest))
    lists = {name for found in keys.values() for name in found if found[name].is_list}
    return [
        Group(
            signature,
            next((name for name in signature if name in lists), None),
            {key: tuple(entries) for key, entries in tables[signature].items()},
        )
        for signature in sorted(tables)
    ]


def _join(signatures: dict[int, tuple[str, ...]], keys: Mapping[int, Mapping[str, _Constants]]) -> None:
    """Replace signatures by what two of them have in common, the least crowding first."""
    members: dict[tuple[str, ...], list[int]] = {}
    for index, signature in signatures.items():
        members.setdefault(signature, []).append(index)
    crowds = {signature: _crowd(members[signature], signature, keys, len(signatures)) for signature in members}
    # For each pair of signatures: the crowding, how many lie together, and on what.
    costs: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[int, int, tuple[str, ...]]] = {}
    while True:
        for pair in itertools.combinations(sorted(members), 2):
            if pair not in costs:
                common = tuple(sorted(set(pair[0]) & set(pair[1])))
                apart = max(crowds[pair[0]], crowds[pair[1]])
                both = itertools.chain(members[pair[0]], members[pair[1]])
                together = _crowd(both, common, keys, apart + MAX_CROWDING)
                costs[pair] = (together - apart, together, common)
        pairs = [(cost, pair, most, on) for pair, (cost, most, on) in costs.items() if cost <= MAX_CROWDING]
        if not pairs:
            return
        _, pair, together, common = min(pairs)
        crowds[common] = together
        joined = [index for signature in pair for index in members.pop(signature)]
        if common in members:  # a third group, that these join
            joined += members.pop(common)
            crowds[common] = _crowd(joined, common, keys, len(signatures))
        members[common] = joined
        signatures.update(dict.fromkeys(joined, common))
        costs = {known: cost for known, cost in costs.items() if not {*pair, common} & set(known)}


def _crowd(
    indices: Iterable[int], signature: tuple[str, ...], keys: Mapping[int, Mapping[str, _Constants]], limit: int
) -> int:
    """Return how many of these rules lie under one key at most; something above the limit if it is exceeded."""
    counts: dict[tuple[Any, ...], int] = {}
    most = 0
    for index in indices:
        found = keys[index]
        for key in itertools.product(*[found[name].values for name in signature]):
            count = counts[key] = counts.get(key, 0) + 1
            if count > most:
                most = count
                if most > limit:
                    return most
    return most


@dataclass(slots=True)
class _Constants:
    values: tuple[Any, ...]
    conjuncts: list[Expr]
    is_list: bool = False


def _constants(rule: CompiledRule) -> dict[str, _Constants]:
    """Return for each attribute that conjuncts compare with constants the values that satisfy all of them.

    Of a list that is to hold several constants, one of them is as good as all.
    """
    found: dict[str, _Constants] = {}
    for condition in rule.conditions:
        member = _membership(condition.expr)
        if member is not None:
            found.setdefault(member[0], _Constants((member[1],), [condition.expr], is_list=True))
            continue
        match = _equality(condition.expr)
        if match is None or not match[1]:
            continue
        name, values = match
        if name in found:
            both = tuple(v for v in found[name].values if v in values)
            if both:  # else no key would lead to the rule, and it could not be undecided
                found[name] = _Constants(both, [*found[name].conjuncts, condition.expr])
        else:
            found[name] = _Constants(tuple(dict.fromkeys(values)), [condition.expr])
    return found


def _equality(expr: Expr) -> tuple[str, tuple[Any, ...]] | None:
    match expr:
        case (
            Call(function="equals", args=(AttributeRef(name=name), Literal() as constant))
            | Call(function="equals", args=(Literal() as constant, AttributeRef(name=name)))
        ):
            values: tuple[Any, ...] = (constant.value,)
        case Call(function="in_list", args=(AttributeRef(name=name) as attribute, Literal() as constants)):
            if any(type(v) is not _PYTHON.get(attribute.type) for v in constants.value):
                return None
            values = constants.value
        case AttributeRef(name=name):
            values = (True,)
        case Call(function="not", args=(AttributeRef(name=name),)):
            values = (False,)
        case _:
            return None
    kinds = [e.type for e in (expr.args if isinstance(expr, Call) else (expr,)) if isinstance(e, AttributeRef)]
    if name.startswith("grant.") or name == "now" or kinds[0] not in _KEY_TYPES:
        return None
    return name, values


def _membership(expr: Expr) -> tuple[str, Any] | None:
    match expr:
        case Call(function="in_list", args=(Literal(type=kind, value=value), AttributeRef(type=container, name=name))):
            if kind in _KEY_TYPES and container == list_of(kind):
                return name, value
    return None


_PYTHON = {STRING: str, INT: int, BOOL: bool}


def _signature(found: Mapping[str, _Constants], chosen: set[str]) -> tuple[str, ...]:
    """Return the attributes to index a rule by, at most one of them a list.

    The widest are left out while the keys would be too many.
    """
    # A rule whose conjuncts contradict each other has no key; it stays where a missing attribute finds it.
    usable = (name for name in found if name in chosen and found[name].values)
    kept: list[str] = []
    size = 1
    for name in sorted(usable, key=lambda name: (len(found[name].values), name)):
        if found[name].is_list and any(found[other].is_list for other in kept):
            continue
        size *= len(found[name].values)
        if size > MAX_KEYS_PER_RULE:
            break
        kept.append(name)
    return tuple(sorted(kept))
