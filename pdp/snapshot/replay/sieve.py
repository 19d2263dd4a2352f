"""Sorts the rules of a policy set by what a record holds: those that no condition refutes, and what is open about them.

Conditions are grouped by the attributes that they read. What the conditions of a group come to is worked out once for
the same values of these attributes and kept as sets of rules, which are numbers with a bit for each rule. So what no
condition reads does not matter, and records are alike which come to the same in every condition.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from pdp.engine.assemble import Schema, assemble_rule
from pdp.engine.codegen import clock_readings
from pdp.engine.rules import CompiledRule, Condition
from pdp.engine.runtime import MISSING
from pdp.engine.view import Parties, RequestView
from pdp.lang.expr import STRING, AttributeRef, Call, Expr, Literal, VariableRef, list_of, walk
from pdp.snapshot.replay.doubt import REFUTED, SURE, AttributeNames, Doubt, Outcomes
from pdp.snapshot.replay.facts import Values
from pdp.snapshot.replay.known import Known
from pdp.snapshot.replay.uses import comparison, reads_clocks_only

_MOST_BYTES: Final = 100_000_000
"""About so much is remembered of what groups come to, and then other things."""
_MOST_DOUBTS: Final = 50_000
_NO_VALUES: Final = ()
GRANT: Final = "grant"
CLOCK: Final = "clock"
_MOST_TRIES: Final = 50
"""So often a condition is evaluated before it is compiled, which takes as long."""

Rules = int
"""A set of rules: bit `n` stands for the rule with index `n`."""


def members(rules: Rules) -> Iterator[int]:
    """Yield the indices of a set of rules, in canonical order."""
    while rules:
        lowest = rules & -rules
        yield lowest.bit_length() - 1
        rules ^= lowest


@dataclass(slots=True, eq=False)
class Atom:
    """A condition that some rules have in common; `rule` is one of them, with it at a `place`.

    `test` is (attribute, test of its value) where it is that simple; `code` is it compiled, once it was asked often.
    """

    condition: Condition
    rule: CompiledRule
    place: int
    test: tuple[str, Callable[[Any], bool]] | None
    rules: Rules = 0
    tries: int = 0
    code: Callable[..., list[int] | None] | None = None


class Doubts:
    """The conditions of a group that are not certain to hold, and the outcomes that each may have."""

    __slots__ = ("about",)

    def __init__(self, about: tuple[tuple[Atom, Outcomes], ...]) -> None:
        self.about = about


@dataclass(slots=True, eq=False)
class _Group:
    """The conditions that read the same attributes; `found` by what is fixed of these, then by the rest."""

    attributes: tuple[str, ...]
    atoms: list[Atom] = field(default_factory=list)
    rules: Rules = 0
    found: dict[Hashable, dict[Hashable, Found]] = field(default_factory=dict)


class Found(NamedTuple):
    """What the conditions of a group come to.

    `left` are all rules but those that it refutes, `open` those of them that may not apply for what this group knows.
    """

    left: Rules
    open: Rules
    doubts: Doubts


class Sifted(NamedTuple):
    """The rules that are not refuted, and the doubts about them. Equal for records that are alike."""

    rules: Rules
    doubts: tuple[Doubts, ...]


class Plan:
    """How records are sifted that kept the same of the same attributes."""

    __slots__ = ("joint", "known", "left", "open", "single")

    def __init__(self, known: Known, rules: Rules) -> None:
        self.known = known
        self.left = rules
        self.open: list[Found] = []
        self.single: list[tuple[int, dict[Hashable, Found], _Group]] = []
        self.joint: list[tuple[tuple[int, ...], dict[Hashable, Found], _Group]] = []


class Sieve:
    """Holds the conditions of rules. One thread at a time may use it.

    `attributes` are those that conditions read. All of a grant is one of them, `grant`; so are the time itself, `now`,
    and what clocks show then, `clock`, for conditions that see no more of it.
    """

    def __init__(self, rules: Sequence[CompiledRule], schema: Schema) -> None:
        self._schema = schema
        self._names = AttributeNames()
        self._groups: dict[frozenset[str], _Group] = {}
        self._doubts: dict[Hashable, Doubts] = {}
        self._readings: set[tuple[str, str]] = set()
        self._all: Rules = (1 << len(rules)) - 1
        self._kept = 0
        # Two sets of rules, and some 300 bytes around them.
        self._most = _MOST_BYTES // (len(rules) // 4 + 300)
        atoms: dict[Hashable, Atom] = {}
        for rule in rules:
            for place, condition in enumerate(rule.conditions):
                key = _key(condition, rule)
                atom = atoms.get(key)
                if atom is None:
                    atom = atoms[key] = Atom(condition, rule, place, _simple(condition.expr))
                    self._group(condition, rule).atoms.append(atom)
                atom.rules |= 1 << rule.index
        for group in self._groups.values():
            for atom in group.atoms:
                group.rules |= atom.rules
        # What most rules ask for comes first: what few ask for need not be looked at where these are gone by then.
        self._ordered = sorted(self._groups.values(), key=lambda group: -group.rules.bit_count())
        self.attributes = frozenset(name for group in self._groups.values() for name in group.attributes)

    def _group(self, condition: Condition, rule: CompiledRule) -> _Group:
        # All that is known of a grant is one value.
        names = {GRANT if name.startswith("grant.") else name for name in condition.attributes}
        if "now" in names and reads_clocks_only(condition.expr, rule.variables):
            names = names - {"now"} | {CLOCK}
            self._readings.update(clock_readings(condition.expr, rule.variables))
        found = self._groups.get(frozenset(names))
        if found is None:
            found = self._groups[frozenset(names)] = _Group(tuple(sorted(names)))
        return found

    @property
    def readings(self) -> Sequence[tuple[str, str]]:
        """The clock readings (function, time zone) that are all that some conditions see of the time."""
        return sorted(self._readings)

    def plan(self, known: Known, slots: Mapping[str, int], parties: Parties, *, granted: bool) -> Plan:
        """Return how to sift the records of which this is known; `parties` are those of one of them.

        `granted` says whether `grant` may be anything but the absence of one.
        """
        plan = Plan(known, self._all)
        fixed = {**known.fixed} if granted else {**known.fixed, GRANT: None}
        for group in self._ordered:
            held = tuple((name, fixed[name]) for name in group.attributes if name in fixed)
            found = group.found.setdefault(held, {})
            free = tuple(slots[name] for name in group.attributes if name not in fixed)
            if not free:
                what = found.get(_NO_VALUES) or self._find(plan, group, found, _NO_VALUES, parties, group.rules)
                plan.left &= what.left
                if what.open:
                    plan.open.append(what)
            elif len(free) == 1:
                plan.single.append((free[0], found, group))
            else:
                plan.joint.append((free, found, group))
        return plan

    def sift(self, plan: Plan, rules: Rules, values: Values, parties: Callable[[], Parties]) -> Sifted:
        """Return which of some rules may apply to a record; `parties` are asked for only where it is unlike others."""
        open_ = plan.open
        rules &= plan.left
        for slot, known, group in plan.single:
            if rules & group.rules:
                value = values[slot]
                found = known.get(value)
                if found is None:
                    found = self._find(plan, group, known, value, parties(), group.rules)
                rules &= found[0]
                if found[1]:
                    open_ = [*open_, found]
        for slots, known, group in plan.joint:
            # Few records need to be looked at under two aspects at once.
            concerned = rules & group.rules
            if concerned:
                place = (concerned, *[values[slot] for slot in slots])
                found = known.get(place)
                if found is None:
                    found = self._find(plan, group, known, place, parties(), concerned)
                rules &= found[0]
                if found[1]:
                    open_ = [*open_, found]
        if not open_:
            return Sifted(rules, ())
        return Sifted(rules, tuple([found[2] for found in open_ if found[1] & rules]))

    def _find(
        self,
        plan: Plan,
        group: _Group,
        found: dict[Hashable, Found],
        values: Hashable,
        parties: Parties,
        concerned: Rules,
    ) -> Found:
        """Work out and remember what the conditions of a group come to, as far as they concern some rules."""
        known = plan.known
        view = RequestView(self._schema, parties)
        unknown = known.unknown

        def attribute(name: str) -> Any:
            return MISSING if name in unknown else view.get(name)

        refuted = open_ = 0
        doubts: list[tuple[Atom, Outcomes]] = []
        for atom in group.atoms:
            if not atom.rules & concerned:
                continue
            outcomes = self._outcomes(atom, attribute, known, parties)
            if outcomes == REFUTED:
                refuted |= atom.rules
            elif outcomes != SURE:
                open_ |= atom.rules
                doubts.append((atom, outcomes))
        self._kept += 1
        if self._kept > self._most:
            for other in self._groups.values():
                for known_values in other.found.values():
                    known_values.clear()
            self._kept = 1
        told = found[values] = Found(self._all & ~refuted, open_ & ~refuted, self._same((*doubts,)))
        return told

    def _outcomes(self, atom: Atom, attribute: Callable[[str], Any], known: Known, parties: Parties) -> Outcomes:
        condition = atom.condition
        if atom.test is not None:
            name, test = atom.test
            held = attribute(name)
            if held is not MISSING:
                return SURE if test(held) else REFUTED
        atom.tries += 1
        if atom.tries > _MOST_TRIES and known.unknown.isdisjoint(condition.attributes):
            if atom.code is None:
                atom.code = assemble_rule(replace(atom.rule, conditions=(condition,)), self._schema)
            open_ = atom.code(*parties)
            if not open_:
                return REFUTED if open_ is None else SURE
        doubt = Doubt(attribute, atom.rule.variables, known.unknown, known.intervals, self._names)
        return doubt.condition(condition.expr)

    def _same(self, about: tuple[tuple[Atom, Outcomes], ...]) -> Doubts:
        """Return the same doubts for the same conditions and outcomes."""
        doubts = self._doubts.get(about)
        if doubts is None:
            if len(self._doubts) >= _MOST_DOUBTS:
                self._doubts.clear()
            doubts = self._doubts[about] = Doubts(about)
        return doubts


_TEXTS: Final = list_of(STRING)


def _simple(expr: Expr) -> tuple[str, Callable[[Any], bool]] | None:
    """Return (attribute, test of its value) of what most conditions are, for there are too many for the long way."""
    match expr:
        case Call(function="in_list", args=(AttributeRef(name=name, type=kind), Literal(value=values))) if (
            kind == STRING
        ):
            return name, lambda held: held in values
        case Call(function="in_list", args=(Literal(value=str() as value), AttributeRef(name=name, type=kind))) if (
            kind == _TEXTS
        ):
            return name, lambda held: value in held
        case Call(function="not", args=(operand,)):
            inner = _simple(operand)
            if inner is not None:
                name, test = inner
                return name, lambda held: not test(held)
    compared = comparison(expr)
    if compared is None or compared[1] not in _OPERATORS:
        return None
    function, constant = _OPERATORS[compared[1]], compared[2][0]
    return compared[0].name, lambda held: function(held, constant)


_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "less": operator.lt, "less_equals": operator.le, "greater": operator.gt, "greater_equals": operator.ge,
}  # fmt: skip


def _key(condition: Condition, rule: CompiledRule) -> Hashable:
    """Return what is equal for conditions of one policy set that come to the same."""
    match condition.expr:
        case Call(function="in_list", args=(AttributeRef(name=name, type=kind), Literal(value=values))) if (
            kind == STRING
        ):
            return name, values
    # Equal texts are lowered once.
    used = any(isinstance(part, VariableRef) for part in walk(condition.expr))
    return id(condition.expr), id(rule.variables) if used else None
