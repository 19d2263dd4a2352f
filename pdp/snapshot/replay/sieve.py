"""Sorts the rules of a policy set by what a record holds: those that no condition refutes, and what is open about them.

Conditions are grouped by the attributes that they read. What the conditions of a group come to is worked out once for
the same values of these attributes and kept as sets of rules, which are numbers with a bit for each rule. So what no
condition reads does not matter, and records are alike which come to the same in every condition.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from pdp.engine.assemble import Schema, assemble_rule
from pdp.engine.codegen import clock_readings
from pdp.engine.grants import NO_GRANT, GrantFacts
from pdp.engine.rules import CompiledRule, Condition
from pdp.engine.runtime import FUNCTIONS, MISSING
from pdp.engine.view import Parties, RequestView
from pdp.lang.expr import STRING, AttributeRef, Call, Expr, Literal, list_of
from pdp.snapshot.replay.doubt import REFUTED, SURE, AttributeNames, Doubt, Outcomes
from pdp.snapshot.replay.facts import Values
from pdp.snapshot.replay.known import Known, parties_of
from pdp.snapshot.replay.uses import ReadsVariables, comparison, reads_clocks_only
from pdp.values import NANOS

_MOST_BYTES: Final = 100_000_000
"""About so much is remembered of what groups come to, and then other things."""
_MOST_DOUBTS: Final = 50_000
_MOST_SURROUNDINGS: Final = 20_000
"""So many are remembered and no others: where there are more, the next is hardly ever one of them."""
_CROWD: Final = 100
"""An attribute of where somebody asks that has more values than that is looked up on its own: a terminal's number."""
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

    `test` is one of its only attribute's value where it is that simple; `code` is it compiled, once it was asked often.
    """

    condition: Condition
    rule: CompiledRule
    place: int
    test: Callable[[Any], bool] | None
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
    """The conditions that read the same attributes; `found` by what is fixed of these, then by the rest.

    Those of one attribute are `simple` tests of its value, with the rules that have them, and the `others`.
    """

    attributes: tuple[str, ...]
    atoms: list[Atom] = field(default_factory=list)
    simple: list[tuple[Rules, Callable[[Any], bool]]] = field(default_factory=list)
    others: list[Atom] = field(default_factory=list)
    rules: Rules = 0
    found: dict[Hashable, dict[Hashable, Found]] = field(default_factory=dict)


_Single = tuple[int, "dict[Hashable, Found]", _Group]
"""A group of one attribute that is not fixed: its slot, what was found by its value, and the group."""


class Found(NamedTuple):
    """What the conditions of a group come to.

    `left` are all rules but those that it refutes, `open` those of them that may not apply for what this group knows.
    """

    left: Rules
    open: Rules
    doubts: Doubts


_Together = tuple[Rules, tuple[Found, ...]]
"""What several groups come to: the rules that none refutes, and those of the groups that leave something open."""

Sifted = tuple[Rules, tuple[Doubts, ...]]
"""The rules that are not refuted, and the doubts about them. Equal for records that are alike."""


class _Surroundings:
    """Groups of one attribute each of where and when somebody asks: many ask from the same place.

    What they come to together is `found` by the `values` of all, as far as it is kept.
    """

    __slots__ = ("found", "groups", "values")

    def __init__(self, groups: Sequence[_Single], found: dict[Hashable, _Together]) -> None:
        self.groups = groups
        self.found = found
        self.values = operator.itemgetter(*[slot for slot, _, _ in groups])


class Plan:
    """How records are sifted that kept the same of the same attributes.

    `single` has by slot what is found by the value there, the rules concerned, and the groups that it is all about;
    `singles` are all groups of one attribute.
    """

    __slots__ = ("clock", "joint", "known", "left", "now", "open", "single", "singles", "surroundings")

    def __init__(self, known: Known, rules: Rules, slots: Mapping[str, int]) -> None:
        self.known = known
        self.now, self.clock = slots.get("now", 0), slots.get(CLOCK, 0)
        self.left = rules
        self.open: tuple[Found, ...] = ()
        self.surroundings: _Surroundings | None = None
        self.singles: list[_Single] = []
        self.single: list[tuple[int, dict[Hashable, _Together], Rules, Sequence[_Single]]] = []
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
        # Function and time zone of what a clock shows: all that some conditions see of the time.
        self._readings: dict[tuple[str, str], None] = {}
        self._second: int | None = None
        self._shown: tuple[int, ...] = ()
        self._all: Rules = (1 << len(rules)) - 1
        # What groups come to together, by what is found by each alone.
        self._together: dict[tuple[int, ...], dict[Hashable, _Together]] = {}
        self._around: dict[tuple[int, ...], dict[Hashable, _Together]] = {}
        self._around_kept = 0
        self._kept = 0
        # Two sets of rules, and some 300 bytes around them.
        self._most = _MOST_BYTES // (len(rules) // 4 + 300)
        atoms: dict[Hashable, Atom] = {}
        reads_variables = ReadsVariables()
        for rule in rules:
            for place, condition in enumerate(rule.conditions):
                key = _key(condition, rule, reads_variables)
                atom = atoms.get(key)
                if atom is None:
                    atom = atoms[key] = Atom(condition, rule, place, _simple(condition.expr))
                    self._group(condition, rule).atoms.append(atom)
                atom.rules |= 1 << rule.index
        for group in self._groups.values():
            for atom in group.atoms:
                group.rules |= atom.rules
                # What is known of a grant is no value to be tested.
                if atom.test is None or group.attributes == (GRANT,):
                    group.others.append(atom)
                else:
                    group.simple.append((atom.rules, atom.test))
        # What most rules ask for comes first: what few ask for need not be looked at where these are gone by then.
        self._ordered = sorted(self._groups.values(), key=lambda group: -group.rules.bit_count())
        self.attributes = frozenset(name for group in self._groups.values() for name in group.attributes)

    def _group(self, condition: Condition, rule: CompiledRule) -> _Group:
        # All that is known of a grant is one value.
        names = {GRANT if name.startswith("grant.") else name for name in condition.attributes}
        if "now" in names and reads_clocks_only(condition.expr, rule.variables):
            names = names - {"now"} | {CLOCK}
            self._readings |= dict.fromkeys(clock_readings(condition.expr, rule.variables))
        found = self._groups.get(frozenset(names))
        if found is None:
            found = self._groups[frozenset(names)] = _Group(tuple(sorted(names)))
        return found

    def plan(self, known: Known, slots: Mapping[str, int], facts: bytes, now: int, *, granted: bool) -> Plan:
        """Return how to sift the records of which this is known; `facts` are those of one of them, made at `now`.

        `granted` says whether `grant` may be anything but the absence of one.
        """
        plan = Plan(known, self._all, slots)
        fixed = {**known.fixed} if granted else {**known.fixed, GRANT: None}
        for group in self._ordered:
            held = tuple((name, fixed[name]) for name in group.attributes if name in fixed)
            found = group.found.setdefault(held, {})
            free = tuple(slots[name] for name in group.attributes if name not in fixed)
            if not free:
                what = found.get(_NO_VALUES)
                if what is None:
                    parties = parties_of(facts, known, now)
                    what = self._find(plan, group, found, _NO_VALUES, parties, group.rules)
                plan.left &= what.left
                if what.open:
                    plan.open += (what,)
            elif len(free) == 1:
                plan.singles.append((free[0], found, group))
            else:
                plan.joint.append((free, found, group))
        self._arrange(plan)
        return plan

    def _arrange(self, plan: Plan) -> None:
        """Sort the groups of one attribute into those that are looked up together and those on their own."""
        around: list[_Single] = []
        alone: list[_Single] = []
        for single in plan.singles:
            (around if _is_around(single) else alone).append(single)
        if len(around) < 2:
            around, alone = [], plan.singles
        plan.surroundings = _Surroundings(around, self._around.setdefault(_ids(around), {})) if around else None
        plan.single = []
        for slot in dict.fromkeys(slot for slot, _, _ in alone):
            same = [single for single in alone if single[0] == slot]
            concerned = functools.reduce(operator.or_, [group.rules for _, _, group in same])
            plan.single.append((slot, self._together.setdefault(_ids(same), {}), concerned, same))

    def sift(
        self, plan: Plan, rules: Rules, values: Values, facts: bytes, now: int, grant: GrantFacts = NO_GRANT
    ) -> Sifted:
        """Return which of some rules may apply to a record, whose `values` are told the time.

        Equal for records that are alike. Its `facts` are read only where it is unlike others.
        """
        values[plan.now] = now
        second = now // NANOS
        if second != self._second:
            self._second = second
            self._shown = tuple([FUNCTIONS[name](now, zone) for name, zone in self._readings])
        # What stands for the time: equal where all conditions see the same of it.
        values[plan.clock] = self._shown
        open_ = plan.open
        rules &= plan.left
        around, alone = plan.surroundings, plan.single
        if around is not None:
            together = around.found.get(around.values(values)) or self._all_around(plan, around, values, facts, now)
            rules &= together[0]
            open_ += together[1]
        for slot, single, concerned, groups in alone:
            if rules & concerned:
                value = values[slot]
                told = single.get(value)
                if told is None:
                    told = self._find_together(plan, groups, values, facts, now, grant)
                    self._keep()
                    single[value] = told
                rules &= told[0]
                open_ += told[1]
        for slots, known, group in plan.joint:
            # Few records need to be looked at under two aspects at once.
            concerned = rules & group.rules
            if concerned:
                place = (concerned, *[values[slot] for slot in slots])
                found = known.get(place)
                if found is None:
                    parties = parties_of(facts, plan.known, now, grant)
                    found = self._find(plan, group, known, place, parties, concerned)
                rules &= found.left
                if found.open:
                    open_ += (found,)
        doubts: tuple[Doubts, ...] = ()
        for found in open_:  # one or two
            if found[1] & rules:
                doubts += (found[2],)
        return rules, doubts

    def _all_around(self, plan: Plan, around: _Surroundings, values: Values, facts: bytes, now: int) -> _Together:
        """Work out what the groups come to together, and remember it while there is room."""
        together = self._find_together(plan, around.groups, values, facts, now)
        if any(len(found) > _CROWD for _, found, _ in around.groups):
            self._around_kept -= len(around.found)
            around.found.clear()
            self._arrange(plan)
        elif self._around_kept < min(_MOST_SURROUNDINGS, self._most):
            self._around_kept += 1
            around.found[around.values(values)] = together
        return together

    def _find_together(
        self,
        plan: Plan,
        groups: Iterable[_Single],
        values: Values,
        facts: bytes,
        now: int,
        grant: GrantFacts = NO_GRANT,
    ) -> _Together:
        left = self._all
        open_ = []
        for slot, known, group in groups:
            found = known.get(values[slot])
            if found is None:
                parties = parties_of(facts, plan.known, now, grant)
                found = self._find(plan, group, known, values[slot], parties, group.rules)
            left &= found.left
            if found.open:
                open_.append(found)
        return left, (*open_,)

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
        atoms = group.atoms
        if group.simple and (held := attribute(group.attributes[0])) is not MISSING:
            atoms = group.others
            for rules, test in group.simple:
                if not test(held):
                    refuted |= rules
        for atom in atoms:
            if not atom.rules & concerned:
                continue
            outcomes = self._outcomes(atom, attribute, known, parties)
            if outcomes == REFUTED:
                refuted |= atom.rules
            elif outcomes != SURE:
                open_ |= atom.rules
                doubts.append((atom, outcomes))
        self._keep()
        told = found[values] = Found(self._all & ~refuted, open_ & ~refuted, self._same((*doubts,)))
        return told

    def _keep(self) -> None:
        """Count what is remembered, and forget all when it is too much."""
        self._kept += 1
        if self._kept > self._most:
            for group in self._groups.values():
                for known in group.found.values():
                    known.clear()
            for together in self._together.values():
                together.clear()
            self._kept = 1

    def _outcomes(self, atom: Atom, attribute: Callable[[str], Any], known: Known, parties: Parties) -> Outcomes:
        condition = atom.condition
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


def _ids(singles: Iterable[_Single]) -> tuple[int, ...]:
    """Return what tells groups apart, with what is fixed of them; what was found is emptied, but never given up."""
    return tuple(id(found) for _, found, _ in singles)


def _is_around(single: _Single) -> bool:
    """Whether all that a group reads is where and when somebody asks, and of that there is not too much."""
    _, found, group = single
    names = group.attributes
    return len(found) <= _CROWD and all(name.startswith(("context.", "action.")) or name == CLOCK for name in names)


_TEXTS: Final = list_of(STRING)


def _simple(expr: Expr) -> Callable[[Any], bool] | None:
    """Return a test of the attribute's value for what most conditions are: there are too many for the long way."""
    match expr:
        case Call(function="in_list", args=(AttributeRef(type=kind), Literal(value=values))) if kind == STRING:
            return lambda held: held in values
        case Call(function="in_list", args=(Literal(value=str() as value), AttributeRef(type=kind))) if kind == _TEXTS:
            return lambda held: value in held
        case Call(function="not", args=(operand,)):
            inner = _simple(operand)
            return None if inner is None else lambda held: not inner(held)
    compared = comparison(expr)
    if compared is None or compared[1] not in _OPERATORS:
        return None
    function, constant = _OPERATORS[compared[1]], compared[2][0]
    return lambda held: function(held, constant)


_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "less": operator.lt, "less_equals": operator.le, "greater": operator.gt, "greater_equals": operator.ge,
}  # fmt: skip


def _key(condition: Condition, rule: CompiledRule, reads_variables: ReadsVariables) -> Hashable:
    """Return what is equal for conditions of one policy set that come to the same."""
    match condition.expr:
        case Call(function="in_list", args=(AttributeRef(name=name, type=kind), Literal(value=values))) if (
            kind == STRING
        ):
            return name, values
    # Equal texts are lowered once.
    return id(condition.expr), id(rule.variables) if reads_variables(condition.expr) else None
