"""The analyser against the enumeration of every request there is, over sets small enough to enumerate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdp.lang.analyse import analyse
from pdp.lang.diagnostics import Diagnostic
from pdp.lang.expr import Expr
from pdp.lang.model import Effect
from pdp.lang.resolved import Policy, ResolvedSet, Rule
from pdp.masks import catalogue
from pdp.values import AttributeType
from tests.strategies import examples
from tests.unit import build
from tests.unit.build import call, value

NAMES = build.Names(
    build.attribute("subject.level", AttributeType.INT, allowed=(1, 2, 3)),
    build.attribute("subject.rank", AttributeType.INT),
    build.attribute("context.menu", AttributeType.STRING),
    build.attribute("context.channel", AttributeType.STRING, allowed=("app", "branch", "atm")),
    build.attribute("resource.balance", AttributeType.DOUBLE),
    build.attribute("resource.vip", AttributeType.BOOL),
    build.attribute("resource.flags", AttributeType.STRING_MAP),
)
KEEP = build.mask("keep", prefix=3, suffix=4)
FIELDS = (build.field("email", Effect.UNMASK), build.field("mobile", own_mask=KEEP))
FIELD_IDS = tuple(f.id for f in FIELDS)

# One value out of every stretch that the constants below can tell apart.
DOMAINS: Mapping[str, Sequence[Any]] = {
    "subject.level": (1, 2, 3),
    "subject.rank": (0, 3, 4, 5, 7, 8),
    "context.menu": ("", "a", "a1", "ab", "ab1", "ac", "b", "b1", "c"),
    "context.channel": ("app", "branch", "atm"),
    "resource.balance": (5.0, 10.0, 15.0, 20.5, 30.0, math.nan),
    "resource.vip": (False, True),
    "subject.roles": ((), ("x",), ("y",), ("x", "y")),
    "resource.flags": ({}, {"k": "h"}, {"k": "l"}, {"k": "z"}),
}
COMPARISONS = ("equals", "not_equals", "less", "less_equals", "greater", "greater_equals")
GRANT_KINDS = ("supervisor", "customer")
NO_GRANT = {
    "grant.active": False, "grant.kind": "", "grant.approver": "", "grant.approver_level": 0, "grant.scenario": "",
}  # fmt: skip


def compared(name: str, constants: Sequence[Any]) -> st.SearchStrategy[Expr]:
    def build_one(function: str, constant: Any, mirrored: bool) -> Expr:
        args = (NAMES(name), value(constant))
        return call(function, *(args[::-1] if mirrored else args))

    return st.builds(build_one, st.sampled_from(COMPARISONS), st.sampled_from(constants), st.booleans())


def listed(name: str, constants: Sequence[Any]) -> st.SearchStrategy[Expr]:
    chosen = st.lists(st.sampled_from(constants), max_size=3, unique=True)
    return st.builds(lambda values: call("in_list", NAMES(name), value(tuple(values))), chosen)


ATOMS: Mapping[str, st.SearchStrategy[Expr]] = {
    "subject.level": compared("subject.level", (1, 2, 3, 4)) | listed("subject.level", (1, 2, 3)),
    "subject.rank": compared("subject.rank", (4, 7)) | listed("subject.rank", (4, 7)),
    "context.menu": compared("context.menu", ("a", "ab", "b"))
    | st.builds(
        lambda text: call("starts_with", NAMES("context.menu"), value(text)), st.sampled_from(("a", "ab", "b"))
    ),
    "context.channel": listed("context.channel", ("app", "branch", "atm"))
    | st.just(call("ends_with", NAMES("context.channel"), value("m"))),
    "resource.balance": compared("resource.balance", (10.0, 20.5)),
    "resource.vip": st.just(NAMES("resource.vip"))
    | st.builds(lambda b: call("equals", NAMES("resource.vip"), value(b)), st.booleans()),
    "subject.roles": st.builds(
        lambda role: call("in_list", value(role), NAMES("subject.roles")), st.sampled_from(("x", "y"))
    ),
    "resource.flags": st.builds(
        lambda f, text: call(f, build.entry(NAMES("resource.flags"), "k"), value(text)),
        st.sampled_from(("equals", "not_equals")),
        st.sampled_from(("h", "l")),
    ),
}
GRANT_ATOMS: Sequence[Expr] = (
    NAMES("grant.active"),
    build.negation(NAMES("grant.active")),
    *(call("equals", NAMES("grant.kind"), value(kind)) for kind in ("supervisor", "customer", "")),
    call("greater_equals", NAMES("grant.approver_level"), value(3)),
    call("less", NAMES("grant.approver_level"), value(3)),
)


def conditions(atoms: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.recursive(
        atoms,
        lambda inner: (
            st.builds(build.negation, inner)
            | st.lists(inner, min_size=2, max_size=3).map(lambda parts: build.both(*parts))
            | st.lists(inner, min_size=2, max_size=3).map(lambda parts: build.either(*parts))
        ),
        max_leaves=4,
    )


@dataclass(frozen=True)
class Case:
    """A set and the attributes that its requests vary in."""

    resolved: ResolvedSet
    names: tuple[str, ...]

    @property
    def rules(self) -> list[tuple[Policy, Rule]]:
        return [(policy, rule) for policy in self.resolved.policies for rule in policy.rules]


VERDICTS = st.sampled_from((Effect.UNMASK, Effect.UNMASK, Effect.MASK, build.mask("full"), KEEP))


def rules(place: int, clauses: st.SearchStrategy[list[Expr]], verdicts: st.SearchStrategy[Any]) -> Any:
    one = st.tuples(
        st.sampled_from((FIELD_IDS, FIELD_IDS[:1], FIELD_IDS[1:])),
        verdicts,
        clauses,
        st.integers(0, 2),
        st.sampled_from(((), (), ("alert",))),
    )
    return st.lists(one, min_size=2, max_size=4).map(
        lambda drawn: [
            build.rule(f"r{place}{i}", fields, verdict, *clauses, priority=priority, obligations=obligations)
            for i, (fields, verdict, clauses, priority, obligations) in enumerate(drawn)
        ]
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    names = draw(st.lists(st.sampled_from(sorted(DOMAINS)), min_size=1, max_size=3, unique=True))
    clauses = st.lists(conditions(st.one_of([ATOMS[name] for name in names])), max_size=2)
    policies = []
    for place in range(draw(st.integers(1, 2))):
        scoped = draw(st.booleans()) and {"context.channel", "subject.level"}.intersection(names)
        scope = {name: DOMAINS[name][: draw(st.integers(1, 2))] for name in sorted(scoped or ())}
        policies.append(build.policy(f"p{place}", draw(rules(place, clauses, VERDICTS)), scope))
    return Case(build.resolved(NAMES, FIELDS, *policies), tuple(names))


@st.composite
def granted_cases(draw: st.DrawFn) -> Case:
    """Sets in which rules mostly ask for grants and little else."""
    grant_clauses = st.sampled_from(GRANT_ATOMS)
    other = st.just(NAMES("resource.vip")) | st.just(build.negation(NAMES("resource.vip")))
    clauses = st.lists(grant_clauses | grant_clauses | other, max_size=2)
    policy = build.policy("p0", draw(rules(0, clauses, VERDICTS)))
    return Case(build.resolved(NAMES, FIELDS, policy), ("resource.vip",))


@dataclass(frozen=True)
class Given:
    """One request: attribute values, and grants with the fields that each covers."""

    values: Mapping[str, Any]
    grants: tuple[tuple[Mapping[str, Any], frozenset[str]], ...]


def requests(case: Case, with_grants: bool) -> Iterator[Given]:
    grants: list[tuple[tuple[Mapping[str, Any], frozenset[str]], ...]] = [()]
    if with_grants:
        single = [
            ({"grant.active": True, "grant.kind": kind, "grant.approver_level": level}, covered)
            for kind, level in itertools.product(GRANT_KINDS, (0, 7))
            for covered in (frozenset(FIELD_IDS), frozenset(FIELD_IDS[:1]), frozenset[str]())
        ]
        grants += [(one,) for one in single]
        grants += list(itertools.combinations(single, 2))
    for chosen in itertools.product(*(DOMAINS[name] for name in case.names)):
        values = dict(zip(case.names, chosen, strict=True))
        yield from (Given(values, some) for some in grants)


def mentions_grants(rule: Rule) -> bool:
    return any("grant." in repr(clause.expr) for clause in rule.clauses)


def applies_to(policy: Policy, rule: Rule, request: Given) -> tuple[bool, frozenset[str]]:
    """Whether a rule applies, and to which of its fields."""
    views: list[tuple[Mapping[str, Any], frozenset[str]]] = [(NO_GRANT, frozenset(FIELD_IDS))]
    if mentions_grants(rule) and request.grants:
        views = list(request.grants)
    fields: set[str] = set()
    applied = False
    for view, covered in views:
        outcome = build.holds(policy, rule, {**request.values, **view})
        if outcome or (outcome is None and rule.effect is Effect.MASK):
            applied = True
            fields |= set(rule.fields) & covered if rule.effect is Effect.UNMASK else set(rule.fields)
    return applied, frozenset(fields)


def rank(case: Case, rule: Rule, field: str) -> tuple[Any, ...]:
    if rule.effect is Effect.UNMASK:
        return ()
    mask = rule.mask or case.resolved.fields[field].mask
    return catalogue.strictness(mask.algorithm, mask.parameters)


def default_rank(case: Case, field: str) -> tuple[Any, ...]:
    found = case.resolved.fields[field]
    return () if found.default is Effect.UNMASK else catalogue.strictness(found.mask.algorithm, found.mask.parameters)


Pair = tuple[str, str]


class Enumeration:
    """What is true of a set, by looking at all requests."""

    def __init__(self, case: Case, with_grants: bool = False) -> None:
        self.reachable: set[str] = set()
        self.useful: set[str] = set()
        self.conflicts: set[Pair] = set()
        self.overlaps: set[Pair] = set()
        self.needed: set[str] = set()
        for request in requests(case, with_grants):
            applied = {}
            for policy, rule in case.rules:
                applies, fields = applies_to(policy, rule, request)
                if applies:
                    self.reachable.add(rule.id)
                    applied[rule.id] = (rule, fields)
            for field in FIELD_IDS:
                self._field(case, field, [rule for rule, fields in applied.values() if field in fields])

    def _field(self, case: Case, field: str, rules: list[Rule]) -> None:
        if not rules:
            return
        best = max((rule.priority, rank(case, rule, field)) for rule in rules)
        decided = best[1]
        first = next(rule for rule in rules if (rule.priority, rank(case, rule, field)) == best)
        self.useful.add(first.id)
        self.useful |= {rule.id for rule in rules if rule.obligations and rank(case, rule, field) == decided}
        for rule in rules:
            others = [(other.priority, rank(case, other, field)) for other in rules if other is not rule]
            if (max(others)[1] if others else default_rank(case, field)) != decided:
                self.needed.add(rule.id)
        for left, right in itertools.combinations(rules, 2):
            if rank(case, left, field) != rank(case, right, field):
                if left.priority == right.priority:
                    self.conflicts.add((left.id, right.id))
                else:
                    low, high = sorted((left, right), key=lambda rule: rule.priority)
                    self.overlaps.add((low.id, high.id))


class Findings:
    """What the analyser says, by rule."""

    def __init__(self, case: Case) -> None:
        self.all = analyse(case.resolved, verifier=build.holds)
        self._ids = {rule.span: rule.id for _, rule in case.rules}

    def rules(self, code: str) -> set[str]:
        return {self._ids[item.span] for item in self.all if item.code == code}

    def pairs(self, code: str) -> list[Pair]:
        return [self.pair(item) for item in self.all if item.code == code]

    def pair(self, item: Diagnostic) -> Pair:
        return self._ids[item.span], self._ids[item.related[0].span]


def assert_reproduced(case: Case, found: Findings) -> None:
    by_id = {rule.id: (policy, rule) for policy, rule in case.rules}
    for item in found.all:
        if item.request is None:
            assert item.code in ("unreachable-rule", "redundant-rule"), item
            continue
        values, grants = build.values_of(item.request)
        request = Given(values, tuple((grant, frozenset(FIELD_IDS)) for grant in grants))
        [field, *_] = item.request.get("request", item.request)["fields"]
        for name in found.pair(item):
            policy, rule = by_id[name]
            applies, fields = applies_to(policy, rule, request)
            assert applies, (name, item)
            assert field in fields, (name, item)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_agrees_with_enumeration(case: Case) -> None:
    truth, found = Enumeration(case), Findings(case)
    ids = {rule.id for _, rule in case.rules}
    unreachable = found.rules("unreachable-rule")
    assert unreachable == ids - truth.reachable
    shadowed = found.rules("shadowed-rule")
    assert shadowed == truth.reachable - truth.useful
    conflicts = found.pairs("conflicting-rules")
    assert sorted((earlier, later) for later, earlier in conflicts) == sorted(truth.conflicts)
    overlaps = found.pairs("overlapping-rules")
    assert sorted(overlaps) == sorted(pair for pair in truth.overlaps if pair[0] not in shadowed)
    assert not found.rules("redundant-rule") & truth.needed
    assert {item.code for item in found.all} <= {
        "unreachable-rule", "shadowed-rule", "conflicting-rules", "overlapping-rules", "redundant-rule",
    }  # fmt: skip
    assert_reproduced(case, found)
    assert Findings(case).all == found.all


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(granted_cases())
def test_agrees_with_enumeration_of_grants(case: Case) -> None:
    assert_grants(case)


def assert_grants(case: Case) -> None:
    truth, found = Enumeration(case, with_grants=True), Findings(case)
    ids = {rule.id for _, rule in case.rules}
    assert found.rules("unreachable-rule") == ids - truth.reachable
    shadowed = found.rules("shadowed-rule")
    hidden = truth.reachable - truth.useful
    assert shadowed <= hidden
    if not any(rule.obligations for _, rule in case.rules):
        assert shadowed == hidden
    conflicts = found.pairs("conflicting-rules")
    assert sorted((earlier, later) for later, earlier in conflicts) == sorted(truth.conflicts)
    overlaps = found.pairs("overlapping-rules")
    assert sorted(overlaps) == sorted(pair for pair in truth.overlaps if pair[0] not in shadowed)
    assert not found.rules("redundant-rule") & truth.needed
    assert_reproduced(case, found)


GRANT_CONDITIONS: Sequence[tuple[Expr, ...]] = ((), *((atom,) for atom in GRANT_ATOMS[:4]), (GRANT_ATOMS[5],))


@pytest.mark.parametrize("obliged", [False, True])
@pytest.mark.parametrize("effects", list(itertools.product((Effect.UNMASK, Effect.MASK), repeat=2)))
def test_agrees_on_every_pair_that_asks_for_grants(effects: tuple[Effect, Effect], obliged: bool) -> None:
    for first, second, priority in itertools.product(GRANT_CONDITIONS, GRANT_CONDITIONS, (0, 1)):
        obligations = ("alert",) if obliged else ()
        pair = (
            build.rule("low", FIELD_IDS[1:], effects[0], *first, obligations=obligations),
            build.rule("high", FIELD_IDS[1:], effects[1], *second, priority=priority),
        )
        assert_grants(Case(build.resolved(NAMES, FIELDS, build.policy("p", pair)), ()))


def test_obligations_count_when_another_grant_wins() -> None:
    """The middle rule hides the lower one, yet under a second grant the highest says the same as the lower one."""
    kinds = [call("equals", NAMES("grant.kind"), value(kind)) for kind in GRANT_KINDS]
    found = (
        build.rule("low", FIELD_IDS[1:], KEEP, kinds[0], obligations=("alert",)),
        build.rule("middle", FIELD_IDS[1:], build.mask("full"), kinds[0], priority=1),
        build.rule("high", FIELD_IDS[1:], KEEP, kinds[1], priority=2),
    )
    assert_grants(Case(build.resolved(NAMES, FIELDS, build.policy("p", found)), ()))


def test_being_without_a_grant_is_one_of_the_worlds() -> None:
    found = (
        build.rule("low", FIELD_IDS, KEEP),
        build.rule("granted", FIELD_IDS, build.mask("full"), NAMES("grant.active"), priority=1),
        build.rule("other", FIELD_IDS, build.mask("full"), GRANT_ATOMS[4], priority=1),
    )
    case = Case(build.resolved(NAMES, FIELDS, build.policy("p", found)), ())
    assert Findings(case).rules("shadowed-rule") == {"low"}
    assert_grants(case)
