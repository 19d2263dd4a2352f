"""What people ask of the record: filtered pages of 50, with nothing in memory and again and again."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snapshots_fill import Part, customer_key
from snapshots_rows import DAY_NANOS, NODE, OPEN_NANOS, OPENS

from pdp.snapshot import query
from pdp.snapshot.filter import Schema, compile_filter
from pdp.snapshot.store import open_reader
from pdp.snapshot.store.base import Place, Reader, Sql
from pdp.values import AttributeType, format_timestamp

PAGE = 50


@dataclass(frozen=True, slots=True)
class Question:
    """A page to ask for; `after` is where the page before ended."""

    key: str
    label: str
    filter: str
    after: Place | None = None
    oldest_first: bool = False
    aimed: bool = True
    """Whether the aims cover it."""


def questions(wanted: Sequence[Part]) -> list[Question]:
    """Return the questions over the days of these partitions."""
    days = sorted({part.day for part in wanted})
    middle = days[len(days) // 2]
    hour = middle * DAY_NANOS + OPENS + OPEN_NANOS // 2
    span = f'time >= timestamp("{_at(hour)}") && time < timestamp("{_at(hour + OPEN_NANOS // 10)}")'
    deep: Place = (hour, NODE, "f" * 16, "medium", middle, 2**40 - 1)
    return [
        Question("newest", "the newest", ""),
        Question("deep", "a page in the middle of all, by its key", "", deep),
        Question("subject", "of a busy teller", 'subject.id == "T0000"'),
        Question("rare-subject", "of a teller who asks little", 'subject.id == "T9876"'),
        Question("resource", "about one customer", 'resource.id == "42" && resource.type == "customer"'),
        Question("flagged", "that showed C2 or C3, of one hour", f"flagged && {span}"),
        Question("severe", "that showed C3, newest", "severity == HIGH"),
        Question("field-menu", "one field in clear in one menu", 'unmasked("id_no") && context.menu == "3008"'),
        Question(
            "field-menu-day", "the same, of a past day",
            f'unmasked("id_no") && context.menu == "3008" && time < timestamp("{_at((middle + 1) * DAY_NANOS)}")',
        ),
        Question("subject-menu", "of a teller in one menu", 'subject.id == "T0000" && context.menu == "3008"'),
        # No index helps, and no page that fills up ends it: all that the time bounds is read.
        Question("nothing", "of an unused menu, of one hour", f'context.menu == "none" && {span}', aimed=False),
        Question("subject-oldest", "of a busy teller, oldest first", 'subject.id == "T0000"', None, True),
    ]  # fmt: skip


def _at(nanos: int) -> str:
    return format_timestamp(nanos)


def where(reader: Reader, text: str) -> Sql | None:
    """Return a filter in a store's SQL."""
    names = ("context.menu", "context.application", "context.channel", "subject.branch")
    schema = Schema(
        attributes=dict.fromkeys(names, AttributeType.STRING),
        key_of=lambda _type, number: [customer_key(int(number))],
        resource_types=("customer",),
    )
    return query.where(reader, compile_filter(text, schema, time.time_ns()))


def measure(url: str, asked: Sequence[Question], make_cold: Callable[[], None], rounds: int) -> list[dict[str, Any]]:
    """Return the milliseconds of each question: with nothing in memory, and warm."""
    found = []
    for question in asked:
        cold = []
        for _ in range(max(1, rounds // 5)):
            make_cold()
            cold.append(_ask(open_reader(url), question, close=True)[0])
        reader = open_reader(url)
        _ask(reader, question)
        turns = [_ask(reader, question) for _ in range(rounds)]
        warm = [turn[0] for turn in turns]
        begun = time.perf_counter()
        total, exact = reader.count(where(reader, question.filter), exact=False)
        counted = time.perf_counter() - begun
        reader.close()
        found.append(
            {
                "key": question.key,
                "label": question.label,
                "filter": question.filter,
                "aimed": question.aimed,
                "records": turns[0][1],
                "cold_ms": round(statistics.median(cold) * 1e3, 2),
                "warm_ms": round(statistics.median(warm) * 1e3, 2),
                "warm_max_ms": round(max(warm) * 1e3, 2),
                "count": total,
                "count_exact": exact,
                "count_ms": round(counted * 1e3, 2),
            }
        )
    return found


def _ask(reader: Reader, question: Question, *, close: bool = False) -> tuple[float, int]:
    begun = time.perf_counter()
    page = reader.select(
        where(reader, question.filter), after=question.after, oldest_first=question.oldest_first, limit=PAGE
    )
    seconds = time.perf_counter() - begun
    if close:
        reader.close()
    return seconds, len(page)


def forget(files: Iterable[Path]) -> None:
    """Take files out of the system's memory, as after a restart of the machine."""
    for path in files:
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)
