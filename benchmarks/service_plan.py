"""How much the benchmark of the service does: which servers are compared, how often and for how long."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from service_candidates import CERBOS, CERBOS_AUDIT, TRANSPORTS
from service_dialects import BATCH, UNARY
from service_paced import Pace

PLAIN, RECORDS = "plain", "records"


@dataclass(frozen=True, slots=True)
class Book:
    """Servers that are compared with each other, and only with each other: they do the same work.

    `base` is the one whose figures ratios are taken to; `connections` tells by the kind of request over how many. With
    `floors` the echoes of the transports have their turns too.
    """

    key: str
    base: str
    connections: Mapping[str, tuple[int, ...]]
    floors: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to do. `calls` is how many are under way at a time, spread over the connections.

    A turn during which others used more than `foreign` cores is done again, at most `again` times, and only as long as
    what was done again in its book took less than `again_seconds` altogether.
    """

    books: tuple[Book, ...]
    rules: int
    workers: tuple[int, ...]
    rounds: int
    calls: Mapping[str, int]
    seconds: float
    warm_up: float
    compared: int
    pace: Pace
    paced_rounds: int
    idle: float
    foreign: float
    again: int
    again_seconds: float
    transports: tuple[str, ...] = TRANSPORTS


def _books(plain: tuple[int, ...], records: tuple[int, ...], records_batch: tuple[int, ...]) -> tuple[Book, ...]:
    return (
        Book(PLAIN, CERBOS, {UNARY: plain, BATCH: plain}, floors=True),
        Book(RECORDS, CERBOS_AUDIT, {UNARY: records, BATCH: records_batch}),
    )


_CALLS = {UNARY: 64, BATCH: 8}
FULL = Plan(
    books=_books((1, 8, 64), (8, 64), (8,)),
    rules=100, workers=tuple(sorted({1, os.cpu_count() or 1})), rounds=5, calls=_CALLS, seconds=1.5, warm_up=1.5,
    compared=300, pace=Pace(2_000, 8, 5.0), paced_rounds=5, idle=5.0, foreign=0.15, again=2, again_seconds=60.0,
)  # fmt: skip
NATIVE_RECORDS = replace(
    FULL, books=(Book(RECORDS, CERBOS_AUDIT, {UNARY: (8,)}),), transports=("native",), rounds=9, compared=60,
    pace=Pace(2_000, 8, 2.0), paced_rounds=1, idle=1.0,
)  # fmt: skip
"""The one aim of records that is hard to meet, in two minutes."""
QUICK = Plan(
    books=_books((8,), (8,), (8,)),
    rules=20, workers=(1,), rounds=2, calls=_CALLS, seconds=0.2, warm_up=0.1,
    compared=20, pace=Pace(200, 2, 0.5), paced_rounds=1, idle=0.2, foreign=2.0, again=0, again_seconds=0.0,
)  # fmt: skip
