"""What a worker counts: calls by method and code, their latency, and what its programs decided.

Everything here is cheap enough for every call; `exposition` makes Prometheus' text of it.
"""

from __future__ import annotations

import itertools
import os
import resource
import secrets
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from google.rpc import code_pb2

from pdp.engine.counts import Counts
from pdp.server.facts import Snapshot

BOUNDS: tuple[float, ...] = (
    0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
)  # fmt: skip
"""Upper bounds of the latency histogram in seconds."""

OTHER = "other"
"""Stands for whatever is beyond a bound on the number of series."""
MAX_ATTRIBUTES = 500
_CODES = tuple(code_pb2.Code.Name(number) for number in range(17))
_UNKNOWN = code_pb2.UNKNOWN
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Counting(Protocol):
    """A program, as far as counting goes."""

    @property
    def revision(self) -> int:
        """Its revision."""

    @property
    def hash(self) -> str:
        """The name of its content."""

    def counts(self) -> Counts:
        """Return what it decided since it was made."""


class _Series:
    """One method."""

    __slots__ = ("buckets", "codes", "seconds")

    def __init__(self) -> None:
        self.codes = [0] * len(_CODES)
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0


class Recorder:
    """Counts calls of one thread. Two threads must not share one, or counts get lost."""

    __slots__ = ("_other", "_series")

    def __init__(self, methods: Iterable[str]) -> None:
        self._series = {method: _Series() for method in (*methods, OTHER)}
        self._other = self._series[OTHER]

    def observe(self, method: str, code: int, seconds: float) -> None:
        """Count one call: the method's short name, the canonical code's number and how long it took."""
        series = self._series.get(method, self._other)
        series.codes[code if 0 <= code < 17 else _UNKNOWN] += 1
        series.buckets[bisect_left(BOUNDS, seconds)] += 1
        series.seconds += seconds

    @property
    def series(self) -> dict[str, _Series]:
        """The counters by method."""
        return self._series


class WorkerMetrics:
    """The counters of one worker process."""

    def __init__(self, methods: Iterable[str]) -> None:
        """Count calls of these methods; any other is `other`."""
        self._methods = tuple(methods)
        self._boot = secrets.token_hex(8)
        self._sequence = 0
        self._recorders: list[Recorder] = []
        self._program: Counting | None = None
        self._base = Counts()
        self._past = Counts()
        self.observe = self.recorder().observe

    def recorder(self) -> Recorder:
        """Return a recorder for one more thread; `observe` is that of the first one."""
        made = Recorder(self._methods)
        self._recorders.append(made)
        return made

    def follow(self, program: Counting) -> None:
        """Count what this program decides from now on, besides what the one before decided."""
        self._past = self._totals()
        self._program, self._base = program, program.counts()

    def _totals(self) -> Counts:
        if self._program is None:
            return self._past
        now, base, past = self._program.counts(), self._base, self._past
        undecided = past.undecided + (now.undecided - base.undecided)
        return Counts(
            past.decisions + now.decisions - base.decisions,
            past.verdicts + (now.verdicts - base.verdicts),
            _bounded(undecided, MAX_ATTRIBUTES),
        )

    def snapshot(self) -> Snapshot:
        """Return all counters."""
        self._sequence += 1
        totals = self._totals()
        verdicts: dict[str, dict[str, int]] = {}
        for (effect, level), count in sorted(totals.verdicts.items()):
            verdicts.setdefault(effect, {})[level] = count
        sums = {name: self._sum(name) for name in (*self._methods, OTHER)}
        # Methods without a call stand there with 0, so that the first one shows as a rise.
        seen = {name: series for name, series in sums.items() if name != OTHER or any(series.codes)}
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return Snapshot(
            boot=self._boot,
            sequence=self._sequence,
            pid=os.getpid(),
            requests={
                name: {_CODES[code]: count for code, count in enumerate(series.codes) if count or code == code_pb2.OK}
                for name, series in seen.items()
            },
            buckets={name: series.buckets for name, series in seen.items()},
            seconds={name: series.seconds for name, series in seen.items()},
            decisions=totals.decisions,
            verdicts=verdicts,
            undecided=dict(sorted(totals.undecided.items())),
            revision=0 if self._program is None else self._program.revision,
            hash="" if self._program is None else self._program.hash,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            rss_bytes=resident_bytes(),
        )

    def _sum(self, method: str) -> _Series:
        total = _Series()
        for recorder in self._recorders:
            series = recorder.series[method]
            total.codes = [a + b for a, b in zip(total.codes, series.codes, strict=True)]
            total.buckets = [a + b for a, b in zip(total.buckets, series.buckets, strict=True)]
            total.seconds += series.seconds
        return total


def _bounded(counts: Counter[str], limit: int) -> Counter[str]:
    """Return at most `limit` names, those that came later together as `other`: revisions come and go, series stay."""
    if len(counts) <= limit:
        return counts
    # The first ones in the order of coming, so that a name once counted by itself never goes back.
    kept = Counter(dict(itertools.islice(((n, c) for n, c in counts.items() if n != OTHER), limit - 1)))
    kept[OTHER] = counts.total() - kept.total()
    return kept


def resident_bytes() -> int:
    """Return the memory that this process holds."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):  # no such file outside Linux: the highest so far, there in bytes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
