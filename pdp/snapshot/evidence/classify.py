"""What was done to a stream, from what a pass over its records showed."""

from __future__ import annotations

from itertools import permutations

from google.protobuf.message import DecodeError

from pdp.lang.model import Label
from pdp.snapshot import chain, columns
from pdp.snapshot.chain import StreamKey
from pdp.snapshot.evidence.findings import Finding, Kind
from pdp.snapshot.evidence.heads import Head, StreamHeads
from pdp.snapshot.evidence.stream_check import Break, Observed
from pdp.snapshot.store.base import StoredRecord, StreamState

MOST_FINDINGS = 50
_TWICE = Label("这个序号已有记录", "there is another of this number")
_OTHER_CHAIN = Label("存储记着另一链值", "the store has another chain value for it")
_RENUMBERED = Label("其后的序号被改过", "the numbers of later records were changed")


def record_id(row: StoredRecord) -> str:
    """Return a record's id where it can be read, else what the store holds as its id."""
    try:
        return str(columns.extract(row.body)["id"])
    except DecodeError:
        return str(row.columns.get("id", ""))


def classify(seen: Observed, heads: StreamHeads | None, state: StreamState | None) -> list[Finding]:
    """Return the findings about a stream, by sequence. `state` is what its source itself says of it, if it does."""
    made = _Classifying(seen)
    made.shifted()
    made.gone()
    made.exchanged()
    made.changed()
    made.compared()
    made.ended(heads, state)
    made.searched()
    faults = sorted(made.findings, key=lambda finding: (finding.sequence or 0, finding.kind))
    more = max(0, len(faults) - MOST_FINDINGS) + seen.more_breaks + seen.more_columns
    del faults[MOST_FINDINGS:]
    if more:
        words = Label(f"这条链上还有 {more} 处", f"{more} more places in this chain")
        faults.append(Finding(Kind.ALTERED, made.key.node, made.key, detail=words))
    return faults + made.information


class _Classifying:
    def __init__(self, seen: Observed) -> None:
        self.seen = seen
        self.key: StreamKey = seen.key
        self.findings: list[Finding] = []
        self.information: list[Finding] = []
        self._new = chain.hasher(seen.algorithm)
        self._breaks = list(seen.breaks)
        self._gaps = list(seen.gaps)
        self._missing: list[tuple[int, int, bytes]] = []
        """First and last true sequence, and the chain value before, of what is missing with renumbering."""
        self._confirmed = 0
        """So many records are as the last head says that fits."""

    def find(
        self,
        kind: Kind,
        first: int,
        last: int | None = None,
        row: StoredRecord | None = None,
        detail: Label = Label(),  # noqa: B008
    ) -> None:
        """Add a finding."""
        self.findings.append(
            Finding(kind, self.key.node, self.key, first, last, record_id(row) if row else "", detail=detail)
        )

    def shifted(self) -> None:
        """Tell what is missing or was added where the later records were renumbered."""
        added: list[StoredRecord] = []
        for boundary, before, after in self.seen.shifts:
            self._drop(boundary)
            sequence = boundary.row.sequence
            if after > before:
                self._missing.append((sequence + before, sequence + after - 1, boundary.previous))
                continue
            rows = list(boundary.before[len(boundary.before) - (before - after) :])
            added += rows
            inside = {row.sequence for row in rows}
            self._breaks = [one for one in self._breaks if one.row.sequence not in inside]
        for row in added:
            # One that fits where something is missing was only moved.
            place = next((m for m in self._missing if self._links(m[2], m[0], row)), None)
            if place is None:
                self.find(Kind.ADDED, row.sequence, None, row, _RENUMBERED)
                continue
            self._missing.remove(place)
            if place[1] > place[0]:
                self._missing.append((place[0] + 1, place[1], row.chain))
            detail = Label(f"它原来的序号是 {place[0]}", f"its own number is {place[0]}")
            self.find(Kind.REORDERED, row.sequence, None, row, detail)
        for first, last, _ in self._missing:
            self.find(Kind.MISSING, first, last, None, _RENUMBERED)

    def gone(self) -> None:
        """Tell gaps in the numbers, and records that came too late to stand in them."""
        for row in self.seen.late:
            gap = next((gap for gap in self._gaps if gap[0] <= row.sequence <= gap[1]), None)
            if gap is None:
                self.find(Kind.ADDED, row.sequence, None, row, _TWICE)
                continue
            self._gaps.remove(gap)
            parts = ((gap[0], row.sequence - 1), (row.sequence + 1, gap[1]))
            self._gaps += [part for part in parts if part[0] <= part[1]]
            self.find(Kind.REORDERED, row.sequence, None, row)
        for first, last in sorted(self._gaps):
            self.find(Kind.MISSING, first, last)

    def exchanged(self) -> None:
        """Tell records that fit in each other's places."""
        moved: dict[int, int] = {}
        for place, other in permutations(self._breaks, 2):
            true, row = place.row.sequence + place.shift, other.row
            digest = chain.link(place.previous, true, row.body, self._new)
            if digest in (row.chain, place.row.chain):
                moved[place.row.sequence] = row.sequence
                # Of two neighbours the second one's predecessor is itself out of place.
                moved.setdefault(row.sequence, place.row.sequence)
        rows = {one.row.sequence: one for one in self._breaks}
        for sequence, other_place in sorted(moved.items()):
            detail = Label(f"与 {other_place} 互换", f"exchanged with {other_place}")
            self.find(Kind.REORDERED, sequence, None, rows[sequence].row, detail)
        values = [rows[sequence].row.chain for sequence in moved]
        self._breaks = [
            one
            for one in self._breaks
            if one.row.sequence not in moved
            and not any(self._links(value, one.row.sequence + one.shift, one.row) for value in values)
        ]

    def changed(self) -> None:
        """Tell records that stand in their places with another content or chain value."""
        broken = {one.row.sequence for one in self._breaks if not one.chain_altered}
        for one in self._breaks:
            row = one.row
            if one.chain_altered:
                self.find(Kind.ALTERED, row.sequence, None, row, Label("是链值", "its chain value"))
            elif row.sequence + 1 in broken or not self._is_after_change(one):
                self.find(Kind.ALTERED, row.sequence, None, row)
            elif row.sequence - 1 in broken:
                continue  # the one before is told already, and with its chain value wrong nothing after it can fit
            elif len(self._breaks) > 1:
                detail = Label("其中之一，或二者", "one of them or both")
                self.find(Kind.ALTERED, row.sequence - 1, row.sequence, one.before[-1], detail)
            else:
                before = one.before[-1]
                self.find(Kind.ALTERED, before.sequence, None, before, Label("连同链值", "with its chain value"))

    def _is_after_change(self, one: Break) -> bool:
        """Whether it is the record before that was changed, together with its chain value.

        Then the signed tree of all stored chain values does not fit, which it does when only a content was changed.
        """
        if not one.before or self.seen.shifts or self.seen.gaps:
            return False
        size = one.row.sequence + 1
        below = [result for result in self.seen.results if result.head.size < size]
        above = [result for result in self.seen.results if result.head.size >= size]
        if below and not (below[-1].chain and below[-1].root):
            return below[-1].head.size == size - 1 and not any(
                other.row.sequence < one.row.sequence for other in self._breaks
            )
        return bool(above) and above[0].root is False and above[0].chain

    def compared(self) -> None:
        """Tell where a signed head does not fit although every record fits the one before it."""
        good, excused = 0, False
        for head, fits_chain, fits_root in self.seen.results:
            if fits_chain and (fits_root is not False or excused):
                good = self._confirmed = head.size
                continue
            if not self._has_fault(good, head.size):
                self._mismatch(good, head)
            if not fits_chain:
                return
            good, excused = head.size, True

    def _has_fault(self, first: int, size: int) -> bool:
        shift = max((abs(s.after) for s in self.seen.shifts), default=0)
        return any(
            finding.sequence is not None and first - shift <= (finding.last or finding.sequence)
            and finding.sequence < size + shift
            for finding in self.findings
        )  # fmt: skip

    def _mismatch(self, first: int, head: Head) -> None:
        last = max(head.size - 1, first)
        detail = Label(
            f"检查点 {head.checkpoint} 签名的是另外的记录，此后的链值可能是重新计算的",
            f"checkpoint {head.checkpoint} signed others, and the chain may have been worked out anew",
        )
        self.findings.append(
            Finding(Kind.ROOT_MISMATCH, self.key.node, self.key, first, last, checkpoint=head.checkpoint, detail=detail)
        )

    def ended(self, heads: StreamHeads | None, state: StreamState | None) -> None:
        """Compare how many records there are with what is signed and with what the source itself says."""
        size = self.seen.size
        told = heads.last.size if heads else 0
        if heads and told > size:
            number = heads.last.checkpoint
            self._short(size, told, Label(f"检查点 {number} 有 {told} 条", f"checkpoint {number} has {told}"))
        elif state is not None and state.count > size:
            self._short(size, state.count, Label(f"存储记有 {state.count} 条", f"the store counts {state.count}"))
        known = size if state is None else min(size, state.count)
        closed = heads.closed_at if heads else None
        if closed is not None and size > closed:
            self._added(closed, size, Label("这条链已经结束", "the chain had ended before"))
        elif known < size and known >= told:
            self._added(known, size, Label("存储的计数里没有", "the store does not count it"))
        if told < size and closed is None:
            self.information.append(Finding(Kind.AFTER_CHECKPOINT, self.key.node, self.key, told, size - 1))
        if state is None or self.findings or state.count != size:
            return
        if size and state.chain != self.seen.last_chain:
            self.find(
                Kind.ALTERED,
                size - 1,
                None,
                None,
                Label("存储记着另一链值", "the store has another chain value for it"),
            )
        elif state.tree.size and self.seen.tree is not None and state.tree != self.seen.tree:
            detail = Label("存储的树与记录不符", "the tree that the store keeps does not fit the records")
            self.find(Kind.ROOT_MISMATCH, 0, max(size - 1, 0), None, detail)

    def _short(self, size: int, told: int, detail: Label) -> None:
        if self._confirmed < size:
            # The chain may have been worked out anew, and then others than the last ones are gone.
            zh = f"从 {self._confirmed} 起的记录没有检查点确认"
            en = f"no checkpoint confirms the records from {self._confirmed} on"
            detail = Label(f"{detail.zh}；{zh}", f"{detail.en}; {en}")
        self.find(Kind.MISSING, size, told - 1, None, detail)

    def _added(self, first: int, size: int, detail: Label) -> None:
        self.find(Kind.ADDED, first, size - 1, None, detail)

    def searched(self) -> None:
        """Tell columns for searching that were changed."""
        for row, names in self.seen.columns:
            self.find(Kind.COLUMN_ALTERED, row.sequence, None, row, Label("、".join(names), ", ".join(names)))

    def _links(self, previous: bytes, sequence: int, row: StoredRecord) -> bool:
        return sequence >= 0 and chain.link(previous, sequence, row.body, self._new) == row.chain

    def _drop(self, gone: Break) -> None:
        self._breaks = [one for one in self._breaks if one is not gone]
