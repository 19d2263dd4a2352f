"""Texts of the sample bank that answer the same question otherwise, and the questions."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from pdp.v1 import control_pb2, decision_service_pb2
from tests.reference.request import Given, Request

POLICIES: Final = Path(__file__).parents[2] / "policies"
PATH: Final = "policies/variant.yaml"
# No scenario of the sample speaks of these operators, so its golden cases hold in every variant.
OPERATORS: Final = "Z9"
FAMILY: Final = 3
_MENUS = ("1101", "1102", "1201", "1302")
_FIELDS = ("name", "id_no", "mobile", "email", "address", "balance", "account_no", "customer_no")
_ROLES = ("teller", "senior_teller", "operations_supervisor")
_BRANCH = "320400001"


@lru_cache(maxsize=1)
def sample() -> Mapping[str, str]:
    """Return the files of the sample bank: text by path."""
    files = sorted(path for path in POLICIES.rglob("*.yaml"))
    return {path.relative_to(POLICIES).as_posix(): path.read_text(encoding="utf-8") for path in files}


def variant(number: int) -> dict[str, str]:
    """Return the files of a variant: who sees `email` and what shows of `address` and `mobile` changes with its number.

    The titles of its rules hold the number, so no two variants give the same answer to an operator of OPERATORS. What
    shows of `address` depends on the hour, too, so a clock that is an hour beside gives another answer.
    """
    menu = _MENUS[number % len(_MENUS)]
    text = f"""\
kind: Policy
id: variant
title: {{zh: 变体 {number}, en: variant {number}}}
rules:
  - id: shown
    title: {{zh: 变体 {number} 显示邮箱, en: variant {number} shows e-mail addresses}}
    when: ['subject.id.startsWith("{OPERATORS}")', 'context.menu == "{menu}"', subject.level >= {1 + number % 3}]
    fields: [email]
    unmask: true
    priority: 90
  - id: shape
    title: {{zh: 变体 {number} 的形状, en: shape of variant {number}}}
    when: 'subject.id.startsWith("{OPERATORS}")'
    fields: [address, mobile]
    mask: {{algorithm: keep, prefix: {number % 5}, suffix: {1 + number % 7}}}
    priority: 90
  - id: odd-hours
    title: {{zh: 变体 {number} 奇数小时, en: odd hours of variant {number}}}
    when: ['subject.id.startsWith("{OPERATORS}")', 'now.getHours("UTC") % 2 == 1']
    fields: [address]
    mask: {{algorithm: keep, prefix: {1 + number % 5}, suffix: 8}}
    priority: 91
"""
    return {**sample(), PATH: text}


def broken() -> dict[str, str]:
    """Return a text with an error: a rule about an attribute that nobody declared."""
    return {**sample(), PATH: variant(0)[PATH].replace("subject.level", "subject.lewel")}


def sources(files: Mapping[str, str]) -> control_pb2.Sources:
    """Return files as the control plane holds them."""
    return control_pb2.Sources(
        files=[control_pb2.PolicyFile(path=path, text=files[path]) for path in sorted(files)]
    )  # fmt: skip


def questions(seed: int, count: int) -> list[Request]:
    """Return what clients ask: always about `address`, so that every answer tells by which variant it was made.

    FAMILY of them in a row share subject, action and context, as the items of a batch do. The time is left at 0: it is
    the server's.
    """
    draw = random.Random(seed)
    found: list[Request] = []
    while len(found) < count:
        first = _question(draw)
        found += [first, *(_sibling(first, draw) for _ in range(FAMILY - 1))]
    return found[:count]


def family(question: int, count: int) -> range:
    """Return the places of the questions that can be asked in one batch with this one; `count` are there in all."""
    first = question // FAMILY * FAMILY
    return range(first, min(first + FAMILY, count))


def _sibling(first: Request, draw: random.Random) -> Request:
    attributes = dict(first.attributes)
    if "resource.balance" in attributes:
        attributes["resource.balance"] = _balance(draw)
    return replace(first, resource_id=_resource(draw), attributes=attributes, fields=_fields(draw))


def _question(draw: random.Random) -> Request:
    text = {
        "subject.branch": _BRANCH, "subject.department": "counter", "resource.customer_class": "standard",
        "resource.branch": _BRANCH, "resource.region": "320400", "resource.currency": "CNY",
        "context.application": "core-counter", "context.channel": "counter", "context.terminal": "teller-terminal",
        "context.region": "320400", "context.scenario": "processing", "context.menu": draw.choice(_MENUS),
    }  # fmt: skip
    attributes = {name: Given("string", value) for name, value in text.items()}
    attributes["subject.level"] = Given("int", draw.randint(1, 4))
    attributes["resource.is_vip"] = Given("bool", draw.random() < 0.1)
    attributes["resource.balance"] = _balance(draw)
    if draw.random() < 0.1:
        # What is missing leaves conditions undecided, which must not show anything either.
        del attributes[draw.choice(("resource.balance", "subject.branch", "context.menu"))]
    return Request(
        subject_id=f"{OPERATORS}{draw.randint(100, 150)}",
        roles=(draw.choice(_ROLES),),
        action="query",
        resource_type="customer",
        resource_id=_resource(draw),
        attributes=attributes,
        fields=_fields(draw),
        message=None,
        grant_ids=(),
        now=0,
    )


def _balance(draw: random.Random) -> Given:
    return Given("double", round(draw.uniform(10, 1_200_000), 2))


def _resource(draw: random.Random) -> str:
    return f"C{draw.randint(2000, 9000)}"


def _fields(draw: random.Random) -> tuple[str, ...]:
    chosen = draw.sample(_FIELDS, draw.randint(1, len(_FIELDS)))
    return tuple(dict.fromkeys(("address", *chosen)))


def message(question: Request, request_id: str, min_revision: int) -> decision_service_pb2.DecideRequest:
    """Return a question as a call carries it."""
    out = question.message_pb()
    out.request_id, out.min_revision = request_id, min_revision
    return out
