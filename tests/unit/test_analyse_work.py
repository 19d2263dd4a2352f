"""How much the analyser looks at: every pair of rules that can meet, and few others."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from pdp.lang.analyse import analyse
from pdp.lang.analyse.axes import Axes
from pdp.lang.analyse.budget import Budget
from pdp.lang.analyse.cubes import disjoint
from pdp.lang.analyse.pairs import meeting_pairs
from pdp.lang.analyse.prepared import Prepared, prepare
from pdp.lang.model import Effect
from pdp.lang.resolved import ResolvedSet
from pdp.values import AttributeType
from tests.unit import build
from tests.unit.build import call, value

NAMES = build.Names(
    build.attribute("subject.level", AttributeType.INT, allowed=(1, 2, 3, 4, 5)),
    build.attribute("subject.branch", AttributeType.STRING),
    build.attribute("context.menu", AttributeType.STRING),
    build.attribute("resource.balance", AttributeType.DOUBLE),
)
FIELDS = [build.field(f"f{number}") for number in range(12)]
FIELD_IDS = [field.id for field in FIELDS]
VERDICTS = (Effect.UNMASK, Effect.MASK, build.mask("suppress"))


def at_least(name: str, bound: float) -> build.Expr:
    return call("greater_equals", NAMES(name), value(bound))


def below(name: str, bound: float) -> build.Expr:
    return call("less", NAMES(name), value(bound))


def equal(name: str, text: str) -> build.Expr:
    return call("equals", NAMES(name), value(text))


def met(resolved: ResolvedSet) -> tuple[list[Prepared], list[tuple[int, int]], int]:
    """Return the rules, the pairs that meet, and how many pairs were compared to find them."""
    axes = Axes(resolved.attributes)
    rules, _, _ = prepare(resolved, axes)
    budget = Budget.for_rules(len(rules))
    before = budget.pairs
    pairs = meeting_pairs(rules, axes, budget)
    assert not budget.cut
    return rules, pairs, before - budget.pairs


def random_rules(random: Random, count: int) -> ResolvedSet:
    rules = []
    for number in range(count):
        low = float(random.randrange(0, 100, 10))
        parts = [
            equal("context.menu", str(random.randrange(12))),
            build.either(equal("subject.branch", random.choice("abc")), equal("subject.branch", random.choice("def"))),
            build.both(at_least("resource.balance", low), below("resource.balance", low + 20.0)),
            at_least("subject.level", random.randint(1, 5)),
            build.negation(equal("subject.branch", "a")),
        ]
        fields = FIELD_IDS if random.random() < 0.1 else random.sample(FIELD_IDS, 2)
        chosen = random.sample(parts, random.randint(0, 3))
        rules.append(build.rule(f"r{number}", fields, random.choice(VERDICTS), *chosen))
    return build.resolved(NAMES, FIELDS, build.policy("p", rules))


@pytest.mark.parametrize("seed", range(5))
def test_every_pair_that_can_meet_is_found(seed: int) -> None:
    rules, pairs, _ = met(random_rules(Random(seed), 120))
    expected = [
        (first.order, second.order)
        for first, second in itertools.combinations(rules, 2)
        if first.fields & second.fields
        and any(not disjoint(left, right) for left in first.cubes for right in second.cubes)
    ]
    assert pairs == expected


def test_rules_in_different_scopes_are_hardly_compared() -> None:
    policies = [
        build.policy(
            f"p{number:04}",
            [build.rule("r", FIELD_IDS[:3], VERDICTS[number % 3], at_least("subject.level", 3))],
            {"context.menu": [f"m{number // 10}"], "subject.branch": [f"b{number % 10}"]},
        )
        for number in range(2_000)
    ]
    _, pairs, compared = met(build.resolved(NAMES, FIELDS, *policies))
    assert pairs == []
    assert compared < 20_000


def test_rules_on_bands_of_a_number_are_hardly_compared() -> None:
    rules = [
        build.rule(
            f"r{number}",
            FIELD_IDS,
            VERDICTS[number % 3],
            at_least("resource.balance", number * 10.0),
            below("resource.balance", number * 10.0 + 10.0),
        )
        for number in range(1_000)
    ]
    _, pairs, compared = met(build.resolved(NAMES, FIELDS, build.policy("p", rules)))
    assert pairs == []
    assert compared < 5_000


def test_an_analysis_that_stops_early_says_so() -> None:
    rules = [
        build.rule(f"r{number}", FIELD_IDS, VERDICTS[number % 3], at_least("resource.balance", float(number)))
        for number in range(400)
    ]
    resolved = build.resolved(NAMES, FIELDS, build.policy("p", rules))
    found = analyse(resolved, verifier=build.holds)
    [limit] = [item for item in found if item.code == "analysis-budget"]
    assert limit.span == resolved.policies[0].span
    assert "400 rules" in limit.message
    assert analyse(resolved, verifier=build.holds) == found


def test_a_catch_all_under_many_equalities_is_settled_at_once() -> None:
    menus = [equal("context.menu", str(number)) for number in range(500)]
    rules = [build.rule(f"r{n}", FIELD_IDS, Effect.UNMASK, menu, priority=1) for n, menu in enumerate(menus)]
    rules.append(build.rule("all", FIELD_IDS, build.mask("suppress")))
    rules.append(build.rule("hidden", FIELD_IDS, build.mask("full"), menus[7]))
    resolved = build.resolved(NAMES, FIELDS, build.policy("p", rules))
    found = analyse(resolved, verifier=build.holds)
    assert [item.span for item in found if item.code == "shadowed-rule"] == [rules[-1].span]
    assert not [item for item in found if item.code == "analysis-budget"]
