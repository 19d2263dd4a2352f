"""Random requests and grants for a policy set: mostly sensible, often incomplete, sometimes wrong."""

from __future__ import annotations

from random import Random
from typing import Any

from pdp.lang.model import GrantSpec
from pdp.source import whole
from pdp.values import INT_MAX, INT_MIN, NANOS, TIMESTAMP_MAX, TIMESTAMP_MIN, parse_timestamp
from tests.reference.random_sets import STANDARD, RandomSet
from tests.reference.random_values import ATTRIBUTE_TYPES, STRINGS, TIMESTAMPS, pick, random_value
from tests.reference.request import Given, Request

NOW = parse_timestamp("2026-03-02T10:00:00+08:00")
_HOUR = 3_600 * NANOS
_SUBJECTS = ("T1", "T1", "T1", "a", "𠮷田")
_TYPES = ("customer", "customer", "customer", "a", "account", "")
_IDS = ("C1", "C1", "a", "C2", "")
_TOO_FAR = {
    "timestamp": (TIMESTAMP_MAX + 1, TIMESTAMP_MIN - 1, 10**24, -(10**24)),
    "duration": (INT_MAX + 1, INT_MIN - 1, 10**22),
}


def random_grants(random: Random, policy_set: RandomSet) -> list[GrantSpec]:
    """Return some grants `g0`, `g1`, …: active, expired, not yet valid, for others."""
    grants = []
    for index in range(random.randint(2, 6)):
        start = random.choice((NOW - _HOUR, NOW - _HOUR, NOW - 3 * _HOUR, NOW, NOW - 2 * _HOUR, NOW + 1))
        end = random.choice((NOW + _HOUR, NOW + 2 * _HOUR, NOW + 3 * _HOUR, NOW + _HOUR, NOW + 1, NOW))
        covered = random.choice(("all", "fields", "levels", "both"))
        grants.append(
            GrantSpec(
                id=f"g{index}",
                kind=random.choice(("supervisor", "customer")),
                subject_id=pick(random, _SUBJECTS),
                resource_type=pick(random, _TYPES[:4]),
                resource_id=random.choice(("", "C1", "", "a")),
                fields=tuple(random.sample(policy_set.fields, random.randint(1, 2)))
                if covered in ("fields", "both")
                else (),
                levels=(random.choice(("C1", "C2", "C3")),) if covered in ("levels", "both") else (),
                not_before=start,
                expires_at=end,
                approver=random.choice(("a", "M1", "")),
                approver_level=random.choice((5, 2, 3, 0)),
                scenario=random.choice(("service", "", "complaint")),
                reason="",
                evidence="",
                application=random.choice(("", "", "", "", "", "core", "core", "a")),
                span=whole("grants"),
            )
        )
    return grants


def random_request(random: Random, policy_set: RandomSet) -> Request:
    """Return a request about some of the set's fields."""
    attributes: dict[str, Given] = {}
    for name, kind in policy_set.attributes.items():
        if name not in STANDARD:
            given = _given(random, kind)
            if given is not None:
                attributes[name] = given
    if random.randint(0, 9) == 9:
        for name in random.sample(
            ("context.zz", "subject.Level", "resource.", "subject.id", "action.name", "context.id"),
            random.randint(1, 3),
        ):
            attributes[name] = Given("string", "a")
    if random.randint(0, 60) == 60:
        attributes.update({f"context.extra{i}": Given("int", i) for i in range(40)})
    if random.randint(0, 3) == 3:
        named = (Given("string", "core"), Given("string", "a"), Given("string", ""), Given("int", 1), Given(""))
        attributes["context.application"] = random.choice(named)
    fields, message = _fields(random, policy_set)
    return Request(
        subject_id=pick(random, _SUBJECTS),
        roles=tuple(random_value(random, "list(string)")),
        action=random.choice(("query", "a", "")),
        resource_type=pick(random, _TYPES),
        resource_id=random.choice(_IDS),
        attributes=attributes,
        fields=fields,
        message=message,
        grant_ids=tuple(f"g{random.choice((0, 1, 2, 3, 0, 1, 6))}" for _ in range(random.choice((0, 1, 0, 2, 4)))),
        now=random.choice(TIMESTAMPS)
        if random.randint(0, 5) == 5
        else random.choice((NOW, NOW, NOW, NOW - 1, NOW + 1, NOW + _HOUR)),
    )


def _given(random: Random, kind: str) -> Given | None:
    match random.randint(0, 19):
        case 19:
            return Given("")
        case 18:
            wrong = random.choice(ATTRIBUTE_TYPES)
            return Given(wrong, random_value(random, wrong))
        case 17 if kind in _TOO_FAR:
            return Given(kind, random.choice(_TOO_FAR[kind]))
        case 16 | 17:
            return None
        case _:
            return Given(kind, random_value(random, kind))


def _fields(random: Random, policy_set: RandomSet) -> tuple[tuple[str, ...], Any]:
    if policy_set.messages and random.randint(0, 5) == 5:
        return (), random.choice(policy_set.messages)
    names = list(random.sample(policy_set.fields, random.randint(1, len(policy_set.fields))))
    if random.randint(0, 7) == 7:
        names.insert(random.randint(0, len(names)), random.choice(("unknown", "f99", "", "𠮷", STRINGS[0])))
    if random.randint(0, 9) == 9:
        names.append(names[0])
    return tuple(names), None
