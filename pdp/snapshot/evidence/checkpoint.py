"""Signed checkpoints: what a node says of its streams, in the store and out of the reach of whoever can change it.

Checkpoints of a node are numbered from 1 and each holds the hash of the one before. Order of the steps: signed, kept
in a file of the node, added to the store, sent to the copies; so a checkpoint that may have got anywhere is known to
the node after any crash, and its number is never signed again for another.

A node that was restored from a backup does not know what it signed after that backup was made. It goes on at a number
that it cannot have reached, its floor, and the hash of the one before ties that to the last one in the store.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from google.protobuf.message import DecodeError

from pdp.errors import EvidenceError
from pdp.signing import NodeKey, TrustedKeys, Verdict, sync_folder
from pdp.snapshot.chain import StreamKey, hasher
from pdp.snapshot.evidence import merkle
from pdp.snapshot.evidence.copies import CommandCopy, Copy, DirectoryCopy
from pdp.snapshot.store.base import StreamState, Writer
from pdp.v1 import snapshot_pb2
from pdp.values import NANOS

__all__ = ["STATE_NAME", "Alarm", "Checkpointer", "CommandCopy", "Copy", "DirectoryCopy", "parse_checkpoint"]

STATE_NAME: Final = "checkpoint.last"
"""The node's own last checkpoint, in the folder of its key."""

FLOOR_NAME: Final = "checkpoint.floor"
"""In the same folder after a restore: the number, in decimal, that no checkpoint from now on may be below."""

Alarm = Callable[[str, str], None]
"""Takes a stable dotted event (`checkpoint.rolled_back`, `checkpoint.copy_failed`, …) and a sentence."""

_UNSENT = 10_000
_FIRST_PAUSE = 1 * NANOS
_LONGEST_PAUSE = 60 * NANOS


def parse_checkpoint(signed: bytes) -> tuple[snapshot_pb2.SignedCheckpoint, snapshot_pb2.Checkpoint]:
    """Return a serialized SignedCheckpoint and what it holds. Raises EvidenceError; no signature is checked."""
    try:
        outer = snapshot_pb2.SignedCheckpoint.FromString(signed)
        return outer, snapshot_pb2.Checkpoint.FromString(outer.checkpoint)
    except DecodeError as error:
        raise EvidenceError("the bytes are no checkpoint") from error


def stream_key(stream: snapshot_pb2.Stream) -> StreamKey:
    """Return a Stream message as a key."""
    return StreamKey(stream.node, stream.boot, stream.retention, stream.day)


def stream_message(key: StreamKey) -> snapshot_pb2.Stream:
    """Return a key as a Stream message."""
    return snapshot_pb2.Stream(node=key.node, boot=key.boot, retention=key.retention, day=key.day)


class _Covered(NamedTuple):
    """What the last checkpoint that speaks of a stream says of it."""

    size: int
    chain: bytes
    closed: bool

    def contradicts(self, now: _Covered) -> bool:
        """Whether a stream cannot have become so: it only grows, and not at all once it is closed."""
        if now.size == self.size:
            return now.chain != self.chain or (self.closed and not now.closed)
        return now.size < self.size or self.closed


@dataclass(slots=True)
class _Outbox:
    """What a copy has not got yet. Of very many the oldest are let go, as a copy may have gaps."""

    copy: Copy
    unsent: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=_UNSENT))
    failing: bool = False
    pause: int = _FIRST_PAUSE
    failed_at: int = 0

    def is_waiting(self, now: int) -> bool:
        """Whether it is too early to try again. A clock that was set back does not make it wait longer."""
        return 0 <= now - self.failed_at < self.pause


class Checkpointer:
    """Signs the state of a node's streams. One a node; its methods are called by one thread.

    `folder` is that of the node's key. Raises EvidenceError, after an alarm, when the store or a copy does not fit what
    this node signed before; StoreError when the store is away.
    """

    def __init__(
        self,
        writer: Writer,
        node: str,
        key: NodeKey,
        algorithm: str,
        copies: Sequence[Copy],
        clock: Callable[[], int],
        *,
        folder: Path,
        alarm: Alarm,
    ) -> None:
        self._writer, self._node, self._key, self._algorithm = writer, node, key, algorithm
        self._new = hasher(algorithm)
        self._clock, self._alarm = clock, alarm
        self._file = folder / STATE_NAME
        self._floor = _read_floor(folder / FLOOR_NAME)
        self._outboxes = [_Outbox(copy) for copy in copies]
        self._covered: dict[StreamKey, _Covered] = {}
        self._pending: bytes | None = None
        self._last: bytes | None = None
        self.number = 0
        self._begin()

    def tick(self, states: Iterable[StreamState]) -> snapshot_pb2.SignedCheckpoint | None:
        """Sign a checkpoint if a stream has grown or ended since the last, and send on what copies lack.

        `states` are those in the store: every stream that is not closed, and those that were closed since the last
        tick. Returns the new checkpoint. Raises StoreError when the store is away; the next tick then adds the same
        checkpoint first. Raises EvidenceError when a stream has gone back.
        """
        self._add_pending()
        signed = self._sign(states)
        self._send()
        return signed

    def unsent(self) -> dict[str, int]:
        """Return how many checkpoints each copy lacks, by its name."""
        return {outbox.copy.name: len(outbox.unsent) for outbox in self._outboxes}

    def _sign(self, states: Iterable[StreamState]) -> snapshot_pb2.SignedCheckpoint | None:
        seen: dict[StreamKey, _Covered] = {}
        grown: list[StreamState] = []
        for state in states:
            seen[state.key] = now = _Covered(state.count, state.chain, state.closed)
            before = self._covered.get(state.key)
            if before is not None and before.contradicts(now):
                self._refuse(
                    "checkpoint.stream_back",
                    f"the stream `{'/'.join(map(str, state.key))}` had {before.size} records in the store and now has "
                    f"{now.size}, or others: the store was rolled back or changed; restore it",
                )
            if now != before and (state.count or state.closed):
                grown.append(state)
        if not grown:
            self._covered = seen
            return None
        message = snapshot_pb2.Checkpoint(
            node=self._node,
            number=(number := max(self.number + 1, self._floor)),
            time_nanos=self._clock(),
            algorithm=self._algorithm,
            previous=b"" if self._last is None else self._new(self._last).digest(),
            heads=[self._head(state) for state in sorted(grown, key=lambda state: state.key)],
        ).SerializeToString(deterministic=True)
        signed = snapshot_pb2.SignedCheckpoint(
            checkpoint=message, key_id=self._key.id, signature=self._key.sign(message)
        )
        data = signed.SerializeToString(deterministic=True)
        _replace(self._file, data)
        # INVARIANT: from here on the number is used, whatever the store says.
        self.number, self._last, self._pending, self._covered = number, data, data, seen
        self._add_pending()
        return signed

    def _head(self, state: StreamState) -> snapshot_pb2.StreamHead:
        if state.tree.size != state.count:
            self._refuse("checkpoint.tree", f"a tree of {state.tree.size} for {state.count} records; restore the store")
        return snapshot_pb2.StreamHead(
            stream=stream_message(state.key),
            count=state.count,
            chain=state.chain,
            root=merkle.root(state.tree, self._new),
            closed=state.closed,
        )

    def _add_pending(self) -> None:
        """Add what is signed to the store, which may have it already: its answer may have been lost."""
        if self._pending is None:
            return
        if self._writer.last_checkpoint(self._node) != self._pending:
            self._writer.add_checkpoint(self._node, self.number, self._pending)
        for outbox in self._outboxes:
            outbox.unsent.append((self.number, self._pending))
        self._pending = None

    def _begin(self) -> None:
        """Go on after the node's last checkpoint, on which the store, the node's file and the copies must agree."""
        stored, kept = self._writer.last_checkpoint(self._node), _read(self._file)
        last = stored
        if kept is not None and self._is_next(kept, stored):
            last = kept  # signed, and then the process ended before the store had it
        elif kept is not None:
            self._compare(f"`{self._file}`", kept, stored)
        for outbox in self._outboxes:
            self._catch_up(outbox, last)
        if last is None:
            return
        signed, message = parse_checkpoint(last)
        self._check_key(signed)
        if last != stored:
            self._writer.add_checkpoint(self._node, message.number, last)
        if last != kept:
            _replace(self._file, last)
        self.number, self._last = message.number, last
        self._covered = {stream_key(h.stream): _Covered(h.count, h.chain, h.closed) for h in message.heads}

    def _is_next(self, known: bytes, stored: bytes | None) -> bool:
        message = parse_checkpoint(known)[1]
        previous = b"" if stored is None else self._new(stored).digest()
        # After a restore the next one's number is higher than one more; the hash tells that nothing comes between.
        follows = message.number == _number(stored) + 1 or (message.number >= self._floor > _number(stored))
        return follows and (message.node, message.previous) == (self._node, previous)

    def _compare(self, where: str, known: bytes, stored: bytes | None) -> None:
        """Refuse to go on when the store's last checkpoint is older than one that is known, or another."""
        message, there = parse_checkpoint(known)[1], _number(stored)
        if message.node != self._node:
            self._refuse(
                "checkpoint.other_node",
                f"{where} holds a checkpoint of node `{message.node}`, but this is `{self._node}`; "
                "a node keeps its name and its data folder",
            )
        if there < message.number < self._floor:
            # Signed after the backup that this node was restored from; those who verify see it in the copy.
            return
        if message.number > there:
            self._refuse(
                "checkpoint.rolled_back",
                f"the store's last checkpoint of node `{self._node}` is {there}, but {where} has number "
                f"{message.number}: the store was rolled back or changed; restore it, or give the node a new name "
                "and data folder",
            )
        if message.number == there and known != stored:
            self._refuse(
                "checkpoint.forked",
                f"{where} has another checkpoint {there} of node `{self._node}` than the store: two nodes have one "
                "name, or the store was changed; restore it, or give the node a new name and data folder",
            )

    def _check_key(self, signed: snapshot_pb2.SignedCheckpoint) -> None:
        verdict = TrustedKeys.of(self._key).verify(signed.key_id, signed.signature, signed.checkpoint)
        if verdict is Verdict.BAD:
            self._refuse(
                "checkpoint.bad_signature",
                f"the last checkpoint of node `{self._node}` in the store has a wrong signature: the store was "
                "changed; restore it",
            )
        if verdict is Verdict.UNKNOWN_KEY:
            self._alarm(
                "checkpoint.key_changed",
                f"checkpoints of node `{self._node}` were signed with key {signed.key_id} and are from now on with "
                f"{self._key.id}; verifiers need both",
            )

    def _catch_up(self, outbox: _Outbox, last: bytes | None) -> None:
        try:
            known = outbox.copy.last(self._node)
        except OSError as error:
            self._copy_failed(outbox, error)
            known = None
        if known is not None:
            self._compare(f"the copy `{outbox.copy.name}`", known, last)
        if last is not None and last != known:
            outbox.unsent.append((_number(last), last))

    def _send(self) -> None:
        for outbox in self._outboxes:
            if not outbox.unsent or (outbox.failing and outbox.is_waiting(self._clock())):
                continue
            try:
                while outbox.unsent:
                    outbox.copy.send(self._node, *outbox.unsent[0])
                    outbox.unsent.popleft()
            except OSError as error:
                self._copy_failed(outbox, error)
            else:
                if outbox.failing:
                    outbox.failing, outbox.pause = False, _FIRST_PAUSE
                    self._alarm("checkpoint.copy_back", f"the copy `{outbox.copy.name}` takes checkpoints again")

    def _copy_failed(self, outbox: _Outbox, error: OSError) -> None:
        outbox.failed_at = self._clock()
        if outbox.failing:
            outbox.pause = min(outbox.pause * 2, _LONGEST_PAUSE)
            return
        outbox.failing, outbox.pause = True, _FIRST_PAUSE
        reason = (error.strerror or type(error).__name__).lower()
        self._alarm(
            "checkpoint.copy_failed",
            f"the copy `{outbox.copy.name}` does not take checkpoints: {reason}; they are kept and it is tried again",
        )

    def _refuse(self, event: str, words: str) -> NoReturn:
        self._alarm(event, words)
        raise EvidenceError(words)


def _number(signed: bytes | None) -> int:
    return 0 if signed is None else parse_checkpoint(signed)[1].number


def _read_floor(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as error:
        raise EvidenceError(f"cannot read `{path}`, which the restore of a backup wrote: {error}") from error


def _read(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise EvidenceError(f"cannot read the node's last checkpoint `{path}`: {reason}") from error
    try:
        parse_checkpoint(data)
    except EvidenceError as error:
        raise EvidenceError(f"the node's last checkpoint `{path}` is damaged; restore it from a backup") from error
    return data


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        with open(  # noqa: PTH123 - it has a mode
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb"
        ) as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise EvidenceError(f"cannot keep the node's last checkpoint in `{path}`: {reason}") from error
