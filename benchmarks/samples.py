"""Requests for the benchmarks: 12 fields, 15 attributes, always the same ones for the same set."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policy_sets import ACTIONS, BRANCHES, CHANNELS, CLASSES, FIELDS, ROLES, SCENARIOS, RuleSet

from pdp.v1 import decision_service_pb2

# 2026-03-02T10:00:00+08:00, a Monday within working hours.
NOW = 1_772_416_800 * 10**9
FIELD_IDS = tuple(FIELDS)


@dataclass(frozen=True, slots=True)
class Sample:
    """One request as plain data, the form in which every engine's client has it."""

    subject_id: str
    roles: tuple[str, ...]
    level: int
    branch: str
    action: str
    resource_id: str
    resource_branch: str
    customer_class: str
    balance: int
    application: str
    menu: str
    channel: str
    scenario: str
    terminal: str

    def payload(self, grant_ids: Sequence[str] = (), without: str = "") -> bytes:
        """Return the wire bytes of the DecideRequest, if wanted with grants and less an attribute of the subject."""
        request = decision_service_pb2.DecideRequest(request_id="20260302-000001", grant_ids=grant_ids)
        request.fields.extend(FIELD_IDS)
        request.subject.id = self.subject_id
        request.subject.roles.extend(self.roles)
        request.subject.attributes["level"].int_value = self.level
        request.subject.attributes["branch"].string_value = self.branch
        request.action.name = self.action
        request.resource.type = "customer"
        request.resource.id = self.resource_id
        request.resource.attributes["branch"].string_value = self.resource_branch
        request.resource.attributes["customer_class"].string_value = self.customer_class
        request.resource.attributes["balance"].int_value = self.balance
        for name in ("application", "menu", "channel", "scenario", "terminal"):
            request.context[name].string_value = getattr(self, name)
        if without:
            del request.subject.attributes[without]
        return request.SerializeToString()


def samples(rule_set: RuleSet, count: int, roles: Sequence[str] = ROLES) -> list[Sample]:
    """Return requests spread evenly over the set's menus; who asks about whom is drawn at random."""
    return [*drawn(rule_set, count, roles)]


def drawn(rule_set: RuleSet, count: int, roles: Sequence[str] = ROLES) -> Iterator[Sample]:
    """Yield the same requests one by one."""
    draw = random.Random(f"samples-{rule_set.name}-{count}")
    places = list(rule_set.places)
    draw.shuffle(places)
    for number in range(count):
        yield _sample(draw, *places[number % len(places)], roles)


def _sample(draw: random.Random, application: str, menu: str, roles: Sequence[str]) -> Sample:
    branch = draw.choice(BRANCHES)
    return Sample(
        subject_id=f"T{draw.randrange(10_000):04d}",
        roles=tuple(draw.sample(list(roles), draw.randint(1, 3))),
        level=draw.randint(1, 5),
        branch=branch,
        action=draw.choices(ACTIONS, (85, 5, 5, 5))[0],
        resource_id=f"C{draw.randrange(10**8):08d}",
        resource_branch=branch if draw.random() < 0.7 else draw.choice(BRANCHES),
        customer_class=draw.choices(CLASSES, (60, 20, 10, 6, 4))[0],
        balance=int(draw.lognormvariate(11, 2)) + 1,
        application=application,
        menu=menu,
        channel=draw.choice(CHANNELS),
        scenario=draw.choices(SCENARIOS, (60, 20, 10, 5, 5))[0],
        terminal=f"WS{draw.randrange(100_000):05d}",
    )
