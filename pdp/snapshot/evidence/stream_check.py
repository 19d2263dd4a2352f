"""One stream's records against its chain, its tree and what signed checkpoints say of it.

One pass, with the memory of a batch. Most records take two hashes for the chain and the tree; only where something
does not fit is more tried, to tell what was done: a record that fits its place but not its content was changed; one
that fits under another number shows that records before it are missing or were added; two that fit in each other's
places were exchanged. Whoever works out the whole chain anew leaves no such trace: then the signed root does not fit,
and the first checkpoint that it does not fit bounds where.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final, NamedTuple

from pdp.snapshot import chain, columns
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.columns_cached import ColumnCache
from pdp.snapshot.evidence import merkle
from pdp.snapshot.evidence.heads import Head, StreamHeads
from pdp.snapshot.store.base import Link, StoredRecord, TreeState

MOST_SHIFT: Final = 32
"""So many records may be missing or added at one place and still be told exactly when later ones were renumbered."""
MOST_BREAKS: Final = 64
_MOST_SEARCHES = 2_000
_TAIL = MOST_SHIFT + 2
_pack = struct.Struct(">Q").pack
_values = itemgetter(*columns.NAMES)


@dataclass(slots=True)
class Break:
    """A record that does not fit the chain value stored before it.

    `before` are the records before it, `computed` what its chain value should be after the one before.
    """

    row: StoredRecord
    before: Sequence[StoredRecord]
    previous: bytes
    computed: bytes
    shift: int
    chain_altered: bool = False
    """The next record fits `computed`: only the stored chain value is wrong."""


class Shift(NamedTuple):
    """From the record of `boundary` on, true sequences are `after` more than the stored ones, not `before`."""

    boundary: Break
    before: int
    after: int


class HeadResult(NamedTuple):
    """How a head fits; `root` is None where the tree is not known because of an earlier fault."""

    head: Head
    chain: bool
    root: bool | None


@dataclass(slots=True)
class Observed:
    """What one pass over a stream showed; `classify` makes findings of it. Sequences are as stored unless told."""

    key: StreamKey
    algorithm: str
    records: int = 0
    size: int = 0
    """The true sequence after the last record."""
    last_chain: bytes = b""
    tree: TreeState | None = None
    breaks: list[Break] = field(default_factory=list)
    more_breaks: int = 0
    shifts: list[Shift] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    """First and last true sequence of what is not there."""
    late: list[StoredRecord] = field(default_factory=list)
    """Records that came after one with a higher number."""
    results: list[HeadResult] = field(default_factory=list)
    columns: list[tuple[StoredRecord, list[str]]] = field(default_factory=list)
    more_columns: int = 0


class StreamCheck:
    """Takes a stream's records in order and notes what does not fit.

    With `drawn` it compares the columns too; one cache serves the streams of a thread.
    """

    def __init__(self, key: StreamKey, heads: StreamHeads | None, *, drawn: ColumnCache | None = None) -> None:
        self._heads = heads.heads() if heads else []
        self._drawn = drawn
        self._use(key, heads.algorithm if heads else chain.ALGORITHMS[0])
        self._is_told = heads is not None
        self._tree: TreeState | None = merkle.EMPTY
        self._start = 0  # the true sequence of `_values[0]`
        self._values: list[bytes] = []
        self._value = b""  # the one before them
        self._at = 0
        self._expected = 0
        self._shift = 0
        self._tail: list[StoredRecord] = []
        self._last_break: Break | None = None
        self._searches = 0

    def _use(self, key: StreamKey, algorithm: str) -> None:
        self.seen = Observed(key, algorithm)
        self._new = chain.hasher(algorithm)
        self._previous = self._genesis = chain.genesis(key, algorithm)

    def feed(self, rows: Sequence[StoredRecord]) -> None:
        """Check the next records, and their columns where that is asked for."""
        self._follow([row[1:4] for row in rows], rows)
        if self._drawn is not None:
            self._check_columns(rows, self._drawn)

    def feed_links(self, links: Sequence[Link]) -> None:
        """Check the next records without their columns."""
        self._follow(links, None)

    def _follow(self, links: Sequence[Link], rows: Sequence[StoredRecord] | None) -> None:
        """Follow the chain; `rows` are the records of the links, made here when something does not fit."""
        if not self._is_told and links:
            self._guess(links[0])
        new, pack, values = self._new, _pack, self._values
        previous, expected, shift = self._previous, self._expected, self._shift
        for index, (sequence, body, digest) in enumerate(links):
            if sequence == expected and new(previous + pack(expected + shift) + body).digest() == digest:
                previous = digest
                expected += 1
                values.append(digest)
                continue
            self._previous, self._expected = previous, expected
            rows = rows or self._rows(links)
            self._slow(rows[index], rows, index)
            previous, expected, shift, values = self._previous, self._expected, self._shift, self._values
        self._previous, self._expected = previous, expected
        self.seen.records += len(links)
        self._settle()
        last = rows[-_TAIL:] if rows else self._rows(links[-_TAIL:])
        self._tail = [*self._tail, *last][-_TAIL:]

    def _rows(self, links: Sequence[Link]) -> list[StoredRecord]:
        return [StoredRecord(self.seen.key, *link, {}) for link in links]

    def end(self) -> Observed:
        """Return what was seen."""
        self._settle()
        self._end_shift()
        seen = self.seen
        seen.size = self._expected + self._shift
        seen.last_chain, seen.tree = self._previous, self._tree
        return seen

    def _guess(self, link: Link) -> None:
        # No checkpoint tells the algorithm of a new stream.
        self._is_told = True
        for algorithm in chain.ALGORITHMS:
            key = self.seen.key
            if chain.link(chain.genesis(key, algorithm), 0, link[1], chain.hasher(algorithm)) == link[2]:
                self._use(key, algorithm)

    def _slow(self, row: StoredRecord, rows: Sequence[StoredRecord], index: int) -> None:
        if row.sequence < self._expected:
            self._late(row)
            return
        if row.sequence > self._expected:
            self._settle()
            true = row.sequence + self._shift
            self.seen.gaps.append((self._expected + self._shift, true - 1))
            self._jump(true)
            self._accept(row)
            return
        broken = self._last_break if self._last_break and self._last_break.row.sequence == row.sequence - 1 else None
        if broken is not None and self._fits(row, broken.computed, self._shift):
            broken.chain_altered = True
            self._accept(row)
            return
        if broken is not None and (shift := self._find_shift(row)) is not None:
            self._take_shift(broken, shift)
            self._accept(row)
            return
        before = [*self._tail, *rows[max(0, index - _TAIL) : index]][-_TAIL:]
        computed = chain.link(self._previous, max(0, row.sequence + self._shift), row.body, self._new)
        found = self._last_break = Break(row, before, self._previous, computed, self._shift)
        if len(self.seen.breaks) < MOST_BREAKS:
            self.seen.breaks.append(found)
        else:
            self.seen.more_breaks += 1
        self._accept(row)

    def _accept(self, row: StoredRecord) -> None:
        self._previous, self._expected = row.chain, row.sequence + 1
        self._values.append(row.chain)

    def _late(self, row: StoredRecord) -> None:
        if len(self.seen.late) < MOST_BREAKS:
            self.seen.late.append(row)
        else:
            self.seen.more_breaks += 1

    def _fits(self, row: StoredRecord, previous: bytes, shift: int) -> bool:
        true = row.sequence + shift
        return true >= 0 and chain.link(previous, true, row.body, self._new) == row.chain

    def _find_shift(self, row: StoredRecord) -> int | None:
        self._searches += 1
        if self._searches > _MOST_SEARCHES:
            return None
        for distance in range(1, MOST_SHIFT + 1):
            for shift in (self._shift + distance, self._shift - distance):
                if self._fits(row, self._previous, shift):
                    return shift
        return None

    def _take_shift(self, broken: Break, shift: int) -> None:
        if self._values:
            self._values.pop()
        self._settle()
        self.seen.shifts.append(Shift(broken, self._shift, shift))
        self._shift = shift
        self._jump(broken.row.sequence + shift)
        self._values.append(broken.row.chain)

    def _end_shift(self) -> None:
        """See by a signed chain value whether the very last record only bears another number."""
        broken = self._last_break
        if broken is None or broken.row.sequence != self._expected - 1:
            return
        for head in self._heads:
            shift = head.size - 1 - broken.row.sequence
            if head.chain == broken.row.chain and shift != self._shift:
                self._take_shift(broken, shift)
                self._settle()
                return

    def _jump(self, true: int) -> None:
        """Go on at another true sequence: the tree cannot be followed any more."""
        self._tree = None
        self._start, self._values = true, []

    def _settle(self) -> None:
        """Grow the tree by the values that came, and compare it with the heads on the way."""
        while self._at < len(self._heads):
            head = self._heads[self._at]
            cut = head.size - self._start
            if cut > len(self._values):
                break
            self._at += 1
            if head.size == 0:
                self._compare_empty(head)
                continue
            if cut <= 0:
                if cut == 0 and self._tree is not None:  # a second head of one size
                    self._compare(head)
                continue
            self._grow(cut)
            self._compare(head)
        self._grow(len(self._values))

    def _grow(self, cut: int) -> None:
        if not cut:
            return
        part, self._values = self._values[:cut], self._values[cut:]
        if self._tree is not None:
            self._tree = merkle.extend(self._tree, part, self._new)
        self._start += cut
        self._value = part[-1]

    def _compare(self, head: Head) -> None:
        root = None if self._tree is None else merkle.root(self._tree, self._new) == head.root
        self.seen.results.append(HeadResult(head, self._value == head.chain, root))

    def _compare_empty(self, head: Head) -> None:
        fits = merkle.root(merkle.EMPTY, self._new) == head.root
        self.seen.results.append(HeadResult(head, self._genesis == head.chain, fits))

    def _check_columns(self, rows: Sequence[StoredRecord], drawn: ColumnCache) -> None:
        broken = {one.row.sequence for one in self.seen.breaks}
        for row in rows:
            held = row.columns
            if not held or row.sequence in broken:
                continue
            fresh = drawn.row(row.body)
            # Almost always they are the same to the letter, or but for how a database writes JSON.
            if _values(held) == fresh or not columns.differing(held, dict(zip(columns.NAMES, fresh, strict=True))):
                continue
            names = columns.altered(held, row.body)
            if names:
                if len(self.seen.columns) < MOST_BREAKS:
                    self.seen.columns.append((row, names))
                else:
                    self.seen.more_columns += 1
