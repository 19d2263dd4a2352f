"""Pages over many partitions: each is asked only when its times make it due, and their answers are merged."""

# ruff: noqa: S608 - only our own names stand in the texts of SQL

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from pdp.snapshot.store.base import Place, Sql, StoredRecord

SEQUENCE_BITS: Final = 40
SEQUENCE_MASK: Final = (1 << SEQUENCE_BITS) - 1
"""A row's key is `stream number << 40 | sequence`, so that node and boot are stored once a stream."""


def gaps(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the bounds (inclusive) of the keys that rows of no such stream have."""
    edges = [(-(2**63)) - 1]
    for number in sorted(numbers):
        edges += (number << SEQUENCE_BITS, (number << SEQUENCE_BITS) | SEQUENCE_MASK)
    edges.append(2**63)
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(low + 1, high - 1) for low, high in pairs if high - low > 1]


class Part(NamedTuple):
    """A partition with the bounds of its records' times, which may lie outside its day by a clock's fault."""

    retention: str
    day: int
    low: int
    high: int


class Page(NamedTuple):
    """What is asked for: see `base.Reader.select`. `mark` writes a parameter's name in the store's own style."""

    where: Sql | None
    after: Place | None
    oldest_first: bool
    limit: int
    mark: Callable[[str], str]

    def statement(self, part: Part, table: str, streams: str, row: str) -> str:
        """Return the SELECT of a partition's records, given its table as `r`, the streams' and a row's columns."""
        sense, direction = self._sense, self.direction
        conditions = [f"({self.where.text})"] if self.where is not None else []
        if self.after is not None:
            at, node, boot, sequence = map(self.mark, ("at", "node", "boot", "sequence"))
            conditions.append(f"r.{self.bound}")
            mine, theirs = (part.retention, part.day), self.after[3:5]
            if mine == theirs:
                key = f"(r.time, s.node, s.boot, r.position & {SEQUENCE_MASK})"
                conditions.append(f"{key} {sense} ({at}, {node}, {boot}, {sequence})")
            else:
                beyond = mine > theirs if self.oldest_first else mine < theirs
                conditions.append(f"(r.time, s.node, s.boot) {sense}{'=' if beyond else ''} ({at}, {node}, {boot})")
        order = ", ".join(f"{name} {direction}" for name in ("r.time", "s.node", "s.boot", "r.position"))
        # CROSS JOIN keeps SQLite from beginning with the streams.
        return (
            f"SELECT {row} FROM {table} CROSS JOIN {streams} AS s WHERE s.number = r.position >> {SEQUENCE_BITS}"
            f"{''.join(f' AND {condition}' for condition in conditions)} ORDER BY {order} LIMIT {self.mark('limit')}"
        )

    @property
    def direction(self) -> str:
        """The order of times, as SQL names it."""
        return "ASC" if self.oldest_first else "DESC"

    @property
    def bound(self) -> str:
        """What an index on time can use of `after`; empty when there is none."""
        return "" if self.after is None else f"time {self._sense}= {self.mark('at')}"

    @property
    def _sense(self) -> str:
        return ">" if self.oldest_first else "<"

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of every `statement`."""
        parameters: dict[str, Any] = {"limit": self.limit}
        if self.where is not None:
            parameters |= self.where.parameters
        if self.after is not None:
            at, node, boot, _, _, sequence = self.after
            parameters |= {"at": at, "node": node, "boot": boot, "sequence": sequence}
        return parameters


def merged(
    page: Page, parts: Sequence[Part], ask: Callable[[Sequence[Part]], list[StoredRecord]], at_once: int = 1
) -> list[StoredRecord]:
    """Return a page's records. `ask` takes one partition first, then twice as many each time, up to `at_once`."""
    oldest_first, after, limit = page.oldest_first, page.after, page.limit
    due = sorted(parts, key=lambda part: part.low if oldest_first else part.high, reverse=not oldest_first)
    if after is not None:
        due = [part for part in due if (part.high >= after[0] if oldest_first else part.low <= after[0])]
    found: list[StoredRecord] = []
    size = 1
    while due:
        group, due = due[:size], due[size:]
        if len(found) >= limit:
            last = found[limit - 1].place[0]
            group = [part for part in group if (part.low <= last if oldest_first else part.high >= last)]
            if not group:
                break
        found += ask(group)
        found.sort(key=lambda record: record.place, reverse=not oldest_first)
        del found[limit:]
        size = min(size * 2, at_once)
    return found
