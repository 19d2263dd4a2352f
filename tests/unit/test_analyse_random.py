"""The analyser on random policy sets in the whole language, judged by the engine and by the reference evaluator."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from pdp.lang.analyse import analyse
from pdp.lang.diagnostics import Diagnostic
from pdp.lang.model import Attribute, Effect
from pdp.lang.resolved import ResolvedSet
from tests.reference.compare import Refused, resolve
from tests.reference.evaluator import Reference
from tests.reference.random_requests import random_grants, random_request
from tests.reference.random_sets import STANDARD, RandomSet, random_set
from tests.reference.random_values import random_value
from tests.reference.request import Given, Request
from tests.strategies import TIMES
from tests.unit.counterexamples import assert_reproduced

REQUESTS = 40


def some_sets(seed: int) -> Iterator[tuple[Random, RandomSet, ResolvedSet]]:
    for number in range(4):
        random = Random(f"analyse {seed} {number}")
        made = random_set(random, random.randint(3, 9))
        resolved = resolve(made)
        if not isinstance(resolved, Refused):
            yield random, made, resolved


def complete_request(random: Random, made: RandomSet, resolved: ResolvedSet) -> Request:
    """Return a request that has every attribute, with an allowed value where only some are."""

    def value(name: str, kind: str, drawn: Any) -> Any:
        allowed = _allowed(resolved.attributes[name])
        if not allowed or kind.startswith("map"):
            return {} if allowed else drawn
        return tuple(random.sample(allowed, 1)) if kind.startswith("list") else random.choice(allowed)

    request = random_request(random, made)
    declared = {name: kind for name, kind in made.attributes.items() if name not in STANDARD}
    return dataclasses.replace(
        request,
        subject_id=value("subject.id", "string", request.subject_id or "a"),
        roles=value("subject.roles", "list", request.roles),
        action=value("action.name", "string", request.action or "query"),
        resource_type=value("resource.type", "string", request.resource_type or "customer"),
        resource_id=value("resource.id", "string", request.resource_id or "C1"),
        attributes={n: Given(kind, value(n, kind, random_value(random, kind))) for n, kind in declared.items()},
    )


def _allowed(attribute: Attribute) -> list[Any]:
    return [allowed.value for allowed in attribute.allowed]


def named(found: list[Diagnostic], code: str, resolved: ResolvedSet) -> set[str]:
    by_span = {rule.span: rule.name for policy in resolved.policies for rule in policy.rules}
    return {by_span[item.span] for item in found if item.code == code}


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 2 * TIMES))])
def test_findings_are_true(seed: int) -> None:
    for random, made, resolved in some_sets(seed):
        found = analyse(resolved)
        assert analyse(resolved) == found
        assert_reproduced(resolved, found)
        unreachable = named(found, "unreachable-rule", resolved)
        shadowed = named(found, "shadowed-rule", resolved)
        reference = Reference(resolved, {grant.id: grant for grant in random_grants(random, made)})
        for _ in range(REQUESTS):
            request = complete_request(random, made, resolved)
            for result in reference.explain(request):
                applies = result.holds or (result.holds is None and result.rule.effect is Effect.MASK)
                assert not (applies and result.rule.name in unreachable), (result.rule.name, request)
            for verdict in reference.decide(request).verdicts:
                assert verdict.reason.rule not in shadowed, (verdict, request)
