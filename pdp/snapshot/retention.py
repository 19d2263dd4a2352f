"""The end of records: how long each class is kept, what holds it up, and how whole days are dropped (requirement B24).

A (retention, day) partition is dropped as a whole or not at all: its streams end in it, so no chain breaks, and what
stays behind, the state of each stream and the signed checkpoints, tells what was there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

from pdp.errors import ConfigError, EvidenceError, StoreError
from pdp.signing import TrustedKeys, Verdict
from pdp.snapshot.archive import Archived
from pdp.snapshot.chain import RETENTIONS, StreamKey
from pdp.snapshot.evidence.checkpoint import parse_checkpoint, stream_key
from pdp.snapshot.holds import DAY_NANOS, Record, add_hold, day_of, holding, iso, operation, remove_hold
from pdp.snapshot.store.base import Hold, Maintainer, StreamState
from pdp.v1 import snapshot_pb2

__all__ = [
    "MINIMUM", "Archiver", "Dropped", "Expiry", "Part", "Record", "RetentionPolicy", "Verify", "add_hold",
    "check_clock", "day_of", "expire", "iso", "operation", "plan", "remove_hold", "verified_by",
]  # fmt: skip

MINIMUM: Final[Mapping[str, int]] = {"short": 90, "medium": 183, "long": 1827}
"""The least that requirement B24 asks for, in days: sign-ins 90 days, operations 6 months, audit records 5 years."""

SILENCE_DAYS: Final = 3
"""A store whose newest record is older than this is no witness of the clock."""

WITNESS_DAYS: Final = 14
"""How far back the record of an earlier day may lie that bears the newest one out."""

_SLACK_DAYS: Final = 1
_NAMED_STREAMS: Final = 64

Fate = Literal["drop", "held", "open", "uncovered"]


class Streams(Protocol):
    """What retention reads: a part of `store.base.Reader`."""

    def streams(self) -> list[StreamState]:
        """Return every stream, sorted by key, with those whose records were dropped."""

    def checkpoints(self, node: str | None = None, since: int = 0) -> Iterator[tuple[str, int, bytes]]:
        """Yield (node, number, serialized SignedCheckpoint), by node and number, made at `since` or later."""


Archiver = Callable[[str, int], Archived]
"""Writes the archive of a (retention, day) and reads it back. Raises EvidenceError, StoreError or OSError."""

Verify = Callable[[bytes], snapshot_pb2.Checkpoint]
"""Returns the content of a serialized SignedCheckpoint whose signature is good. Raises EvidenceError."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How many days each class is kept; what is below requirement B24 is refused unless it is allowed in so many words.

    Raises ConfigError.
    """

    short: int = MINIMUM["short"]
    medium: int = MINIMUM["medium"]
    long: int = MINIMUM["long"]
    allow_shorter: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        problems = []
        for name in RETENTIONS:
            days, least = self.days(name), MINIMUM[name]
            if days < 1:
                problems.append((f"audit.{name}_days", f"`{days}` is no number of days to keep records"))
            elif days < least and not self.allow_shorter:
                words = f"`{days}` is below the {least} days that records of class `{name}` must be kept"
                problems.append((f"audit.{name}_days", f"{words}; raise it, or allow it with `--allow-shorter`"))
        if problems:
            raise ConfigError("; ".join(f"{name}: {words}" for name, words in problems), problems)

    def days(self, retention: str) -> int:
        """Return the days of a class. Raises KeyError for a class that does not exist."""
        return {"short": self.short, "medium": self.medium, "long": self.long}[retention]

    def due(self, parts: Iterable[tuple[str, int]], holds: Iterable[Hold], today: int) -> list[tuple[str, int]]:
        """Return the (retention, day) that may be dropped, sorted, without those that a hold covers."""
        standing = list(holds)
        return [(retention, day) for retention, day in self.past(parts, today) if not holding(standing, day)]

    def past(self, parts: Iterable[tuple[str, int]], today: int) -> list[tuple[str, int]]:
        """Return the (retention, day) whose time is over, held or not, sorted by day."""
        # A day more than said: a day of the store is one of UTC, and six months may have a day more than 183.
        found = [(r, day) for r, day in parts if today - day > self.days(r) + _SLACK_DAYS]
        return sorted(found, key=lambda part: (part[1], part[0]))


@dataclass(frozen=True, slots=True)
class Part:
    """A partition whose time is over: what it holds, and what becomes of it; `why` is in words for all but `drop`."""

    retention: str
    day: int
    streams: tuple[StreamState, ...]
    fate: Fate
    why: str = ""
    roots: Mapping[StreamKey, bytes] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many records it holds."""
        return sum(stream.count for stream in self.streams)

    @property
    def date(self) -> str:
        """The day in ISO 8601."""
        return iso(self.day)


@dataclass(frozen=True, slots=True)
class Dropped:
    """What `expire` did with a partition; `archive` is the file that it stands in now."""

    part: Part
    records: int
    archive: Path | None = None


@dataclass(frozen=True, slots=True)
class Expiry:
    """What `expire` did, or would do: `dropped` is empty in a dry run.

    `doubt` says why nothing would be dropped all the same: the records contradict the clock.
    """

    parts: tuple[Part, ...]
    dropped: tuple[Dropped, ...] = ()
    doubt: str = ""


def plan(maintainer: Maintainer, reader: Streams, policy: RetentionPolicy, today: int, verify: Verify) -> list[Part]:
    """Return the partitions whose time is over, oldest first, and what is to become of each. Raises StoreError.

    Only what is closed, covered by a checkpoint whose signature `verify` accepts, and not held is to be dropped.
    """
    past = policy.past(maintainer.parts(), today)
    if not past:
        return []
    holds = maintainer.holds()
    streams: dict[tuple[str, int], list[StreamState]] = {part: [] for part in past}
    for state in reader.streams():
        if (state.key.retention, state.key.day) in streams and state.count and not state.dropped:
            streams[state.key.retention, state.key.day].append(state)
    candidates = {
        state.key: state
        for (_, day), states in streams.items()
        if not holding(holds, day)
        for state in states
        if state.closed
    }
    roots = _covered(reader, candidates, verify)
    return [_judge(part, tuple(states), holds, roots) for part, states in streams.items()]


def _judge(
    part: tuple[str, int], states: tuple[StreamState, ...], holds: Sequence[Hold], roots: Mapping[StreamKey, bytes]
) -> Part:
    retention, day = part
    if found := holding(holds, day):
        return Part(retention, day, states, "held", ", ".join(f"`{hold.id}`: {hold.reason}" for hold in found))
    if waiting := [state.key for state in states if not state.closed]:
        return Part(retention, day, states, "open", _some(waiting))
    if missing := [state.key for state in states if state.key not in roots]:
        return Part(retention, day, states, "uncovered", _some(missing))
    if not states:
        # Records that no stream owns are not ours to drop: verification has something to tell first.
        return Part(retention, day, states, "uncovered", "its records belong to no stream")
    return Part(retention, day, states, "drop", roots={state.key: roots[state.key] for state in states})


def _some(keys: Sequence[StreamKey]) -> str:
    shown = ", ".join(f"{key.node}/{key.boot}" for key in keys[:3])
    return shown if len(keys) <= 3 else f"{shown} and {len(keys) - 3} more"


def _covered(reader: Streams, wanted: Mapping[StreamKey, StreamState], verify: Verify) -> dict[StreamKey, bytes]:
    """Return the roots of the streams of which a good checkpoint says that they ended as the store has them."""
    found: dict[StreamKey, bytes] = {}
    boots: dict[str, set[bytes]] = {}
    for key in wanted:
        boots.setdefault(key.node, set()).add(key.boot.encode())
    for node, names in boots.items():
        missing = sum(key.node == node for key in wanted)
        # A clock that was put back a little does not matter; years of checkpoints before do.
        since = (min(key.day for key in wanted if key.node == node) - 2) * DAY_NANOS
        for _, _, signed in reader.checkpoints(node, max(since, 0)):
            # A node signs thousands a day: only those that name a stream of interest are decoded.
            if not any(name in signed for name in names):
                continue
            fresh = {key: root for key, root in _ends(signed, wanted, verify) if key not in found}
            found |= fresh
            missing -= len(fresh)
            if not missing:
                break
    return found


def _ends(signed: bytes, wanted: Mapping[StreamKey, StreamState], verify: Verify) -> Iterator[tuple[StreamKey, bytes]]:
    ends = []
    for head in parse_checkpoint(signed)[1].heads:
        state = wanted.get(stream_key(head.stream))
        if state is not None and head.closed and (head.count, head.chain) == (state.count, state.chain):
            ends.append((state.key, head.root))
    if ends:
        verify(signed)
    yield from ends


def check_clock(parts: Iterable[tuple[str, int]], today: int) -> None:
    """Raise StoreError when the records do not bear out that it is `today`.

    A clock that jumped ahead makes everything look old. So the newest record must be of the last SILENCE_DAYS, and
    not the first one after a long silence: there must be others within WITNESS_DAYS before.
    """
    days = {day for _, day in parts if day <= today + 1}
    newest = max(days, default=None)
    force = "; when the date is right, force it"
    if newest is None or newest < today - SILENCE_DAYS:
        last = "there is no record up to now" if newest is None else f"the newest record is of {iso(newest)}"
        raise StoreError(f"the clock says {iso(today)}, but {last}; nothing was dropped{force}")
    if not any(today - WITNESS_DAYS <= day < today - SILENCE_DAYS for day in days):
        raise StoreError(
            f"the clock says {iso(today)}, but there is no record of the {WITNESS_DAYS} days before the last "
            f"{SILENCE_DAYS}, as after a jump of the clock; nothing was dropped{force}"
        )


def expire(
    maintainer: Maintainer,
    policy: RetentionPolicy,
    today: int,
    record: Record,
    *,
    reader: Streams,
    verify: Verify,
    actor: str = "system",
    archive: Archiver | None = None,
    clock: Callable[[], int],
    dry_run: bool = False,
    force: bool = False,
    progress: Callable[[Dropped], None] = lambda dropped: None,
) -> Expiry:
    """Drop every partition whose time is over, the oldest first, and record each as `snapshot.expire`.

    The operation is durable before its partition goes, so nothing is ever dropped unrecorded. A crash in the middle
    costs nothing: each partition goes in one transaction, and the next run takes up what is left, at worst recording
    one once more. `clock` gives the time of operations, in nanoseconds. Raises StoreError when the records contradict
    `today` (unless `force`), when a drop fails, which is recorded too, and what `record` and `archive` raise.
    """
    parts = tuple(plan(maintainer, reader, policy, today, verify))
    going = [part for part in parts if part.fate == "drop"]
    if going and not force:
        try:
            check_clock(maintainer.parts(), today)
        except StoreError as error:
            if not dry_run:
                raise
            return Expiry(parts, doubt=str(error))
    if dry_run:
        return Expiry(parts)
    done = []
    for part in going:
        path = _archived(part, archive)
        details = _details(part, policy, path)
        now = clock()
        record(operation("snapshot.expire", actor, now, details))
        try:
            count = maintainer.drop(part.retention, part.day, by=actor, at_nanos=now)
        except StoreError as error:
            record(operation("snapshot.expire", actor, clock(), details | {"error": str(error)}, success=False))
            raise
        if count != part.records:
            # Too late to be undone, but not to be told.
            words = f"{count} records were dropped and not {part.records}: others came in at that moment"
            record(operation("snapshot.expire", actor, clock(), details | {"error": words}, success=False))
            raise StoreError(f"{part.retention} of {part.date}: {words}")
        done.append(Dropped(part, count, path))
        progress(done[-1])
    return Expiry(parts, tuple(done))


def verified_by(keys: TrustedKeys) -> Verify:
    """Return a function that returns what a SignedCheckpoint holds. It raises EvidenceError unless a key signed it."""

    def verify(signed: bytes) -> snapshot_pb2.Checkpoint:
        outer, inner = parse_checkpoint(signed)
        verdict = keys.verify(outer.key_id, outer.signature, outer.checkpoint)
        if verdict is not Verdict.GOOD:
            unknown = f"the key `{outer.key_id}` is not trusted; add its node's public key"
            why = unknown if verdict is Verdict.UNKNOWN_KEY else "its signature is wrong; run `pdp snapshot verify`"
            raise EvidenceError(f"checkpoint {inner.number} of node `{inner.node}`: {why}")
        return inner

    return verify


def _archived(part: Part, archive: Archiver | None) -> Path | None:
    if archive is None:
        return None
    made = archive(part.retention, part.day)
    if made.records != part.records:
        raise StoreError(f"{part.retention} of {part.date} has changed meanwhile; run it again")
    return made.path


def _details(part: Part, policy: RetentionPolicy, archive: Path | None) -> dict[str, str]:
    lines = [
        (f"{state.key.node}/{state.key.boot}", f"{state.count} {part.roots[state.key].hex()}") for state in part.streams
    ]
    # One value for all streams stands for those, too, that are too many to be named.
    whole = "".join(f"{name} {value}\n" for name, value in lines)
    found = {
        "retention": part.retention,
        "day": part.date,
        "kept_days": str(policy.days(part.retention)),
        "records": str(part.records),
        "streams": str(len(lines)),
        "roots_sha256": hashlib.sha256(whole.encode()).hexdigest(),
    }
    if archive is not None:
        found["archive"] = str(archive)
    return found | {f"stream {name}": value for name, value in lines[:_NAMED_STREAMS]}
