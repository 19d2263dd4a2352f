"""A pass over each stream of a source, in this process or in others."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

from pdp.snapshot.chain import StreamKey
from pdp.snapshot.columns_cached import ColumnCache
from pdp.snapshot.evidence.heads import StreamHeads
from pdp.snapshot.evidence.stream_check import Observed, StreamCheck
from pdp.snapshot.store.base import Link, StoredRecord, StreamState

_BATCH = 1_000


class Source(Protocol):
    """What is verified: a part of `store.base.Reader`, which an evidence file offers too.

    A source with an attribute `whole` that is False holds some streams only, and checkpoints that cover them. One with
    a method `check_intact` is asked by it when nothing else was found.
    """

    def streams(self) -> list[StreamState]:
        """See `Reader`."""

    def records(self, key: StreamKey, start: int = 0, *, bare: bool = False) -> Iterator[StoredRecord]:
        """See `Reader`."""

    def links(self, key: StreamKey) -> Iterator[Sequence[Link]]:
        """See `Reader`."""

    def checkpoints(self, node: str | None = None, since: int = 0) -> Iterator[tuple[str, int, bytes]]:
        """See `Reader`."""


def check_stream(
    source: Source,
    key: StreamKey,
    heads: StreamHeads | None,
    *,
    drawn: ColumnCache | None,
    grown: Callable[[int], bool],
) -> Observed:
    """Return what a pass over a stream shows; `grown` is told the records so far, and True of it ends the pass.

    With `drawn` the columns are compared too.
    """
    check = StreamCheck(key, heads, drawn=drawn)
    count = 0
    if drawn is None:
        for links in source.links(key):
            check.feed_links(links)
            count += len(links)
            if grown(count):
                break
        return check.end()
    rows = source.records(key)
    while batch := list(islice(rows, _BATCH)):
        check.feed(batch)
        count += len(batch)
        if grown(count):
            break
    return check.end()


_other: dict[str, Any] = {}
"""What a process that `start_process` began works with."""


def start_process(reopen: Callable[[], Source], deep: bool, count: Any, stop: Any) -> None:
    """Begin a process of a pool; `count` and `stop` are numbers that all of them share."""
    # Ctrl-C is for the process that waits for this one, which then stops it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _other.update(source=reopen(), drawn=ColumnCache() if deep else None, count=count, stop=stop)


def check_in_process(key: StreamKey, heads: StreamHeads | None) -> Observed:
    """Return what a pass over a stream shows, in a process of a pool."""
    told = 0

    def grown(count: int) -> bool:
        nonlocal told
        with _other["count"].get_lock():
            _other["count"].value += count - told
        told = count
        return bool(_other["stop"].value)

    return check_stream(_other["source"], key, heads, drawn=_other["drawn"], grown=grown)


def processors() -> int:
    """Return how many processors there are for this process."""
    # Those that this process may use, where the system tells.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
