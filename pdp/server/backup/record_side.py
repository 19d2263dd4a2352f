"""The records' side of a backup: what is new since the last one, read while the service writes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from pdp.errors import BackupError, DivergedError
from pdp.server.backup.entries import LastCheckpoint, Watermarks, same_state
from pdp.snapshot.chain import ALGORITHMS, SpooledRecord, StreamKey, hasher, link
from pdp.snapshot.evidence.checkpoint import parse_checkpoint, stream_key
from pdp.snapshot.store.base import Reader, StreamState
from pdp.values import NANOS

BLOCK_RECORDS: Final = 2_000
BLOCK_BYTES: Final = 1024 * 1024
_DAY = 86_400 * NANOS
_MEND = "make a full backup (`--full`), and see what `pdp snapshot verify` says"


class RecordSide:
    """What a store of records has that the backups before have not.

    The streams are looked at once, at the start: what comes later is for the next backup. Raises DivergedError when
    the store does not go on where the last backup ended, StoreError when it is away.
    """

    def __init__(self, reader: Reader, before: Watermarks) -> None:
        self._reader, self._before = reader, before
        self._now = {state.key: state for state in reader.streams()}
        self.changed = {
            key: state for key, state in self._now.items() if not same_state(before.streams.get(key), state)
        }
        self.total = sum(state.count - before.count(key) for key, state in self.changed.items() if not state.dropped)
        self.checkpoints: dict[str, LastCheckpoint] = dict(before.last.checkpoints)
        for key, state in before.streams.items():
            self._check(state, self._now.get(key))

    @staticmethod
    def _check(then: StreamState, now: StreamState | None) -> None:
        goes_on = now is not None and now.count >= then.count and (now.dropped or not then.dropped)
        if not goes_on or (now is not None and now.count == then.count and now.chain != then.chain):
            raise DivergedError(f"the stream {_name(then.key)} is not as it was at the last backup; {_MEND}")

    def blocks(self) -> Iterator[list[SpooledRecord]]:
        """Yield the new records, those of a stream together and in order. `changed` may change meanwhile.

        Raises BackupError for a stream that lacks records.
        """
        for key in sorted(self.changed):
            state = self.changed[key]
            if state.dropped:
                continue
            yield from self._stream(key, self._before.streams.get(key), state)

    def _stream(self, key: StreamKey, then: StreamState | None, state: StreamState) -> Iterator[list[SpooledRecord]]:
        at = then.count if then else 0
        block: list[SpooledRecord] = []
        size = 0
        for row in self._reader.records(key, at, bare=True):
            if at == state.count or row.sequence != at:
                break
            if then is not None and at == then.count and not _links(then.chain, at, row.body, row.chain):
                raise DivergedError(f"the stream {_name(key)} goes on otherwise than at the last backup; {_MEND}")
            block.append(SpooledRecord(key, at, row.body, row.chain))
            size += len(row.body)
            at += 1
            if len(block) == BLOCK_RECORDS or size >= BLOCK_BYTES:
                yield block
                block, size = [], 0
        if block:
            yield block
        if at < state.count:
            self._ended_early(key, at)

    def _ended_early(self, key: StreamKey, at: int) -> None:
        now = next((state for state in self._reader.streams() if state.key == key), None)
        if now is None or not now.dropped:
            raise BackupError(
                f"the stream {_name(key)} has no record {at} in the store; see what `pdp snapshot verify` says, and "
                "restore the store from an earlier backup"
            )
        # Its time was over while it was read.
        self.changed[key] = now

    def new_checkpoints(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield (node, number, serialized SignedCheckpoint) of those that speak of nothing later than the streams."""
        for node in sorted({key.node for key in self._now} | self.checkpoints.keys()):
            last = self.checkpoints.get(node)
            found = self._following(node, last)
            for number, signed in found:
                if not self._is_covered(signed):
                    break
                at = parse_checkpoint(signed)[1].time_nanos
                self.checkpoints[node] = LastCheckpoint(number, at, hashlib.sha256(signed).hexdigest())
                yield node, number, signed

    def _following(self, node: str, last: LastCheckpoint | None) -> Iterator[tuple[int, bytes]]:
        """Yield a node's checkpoints after one, which must be there as it was."""
        if last is None:
            yield from ((number, signed) for _, number, signed in self._reader.checkpoints(node))
            return
        # They are found by their time, and a clock may have been set back.
        for since in (max(0, last.time_nanos - _DAY), 0):
            met = False
            for _, number, signed in self._reader.checkpoints(node, since):
                if number == last.number:
                    met = hashlib.sha256(signed).hexdigest() == last.digest
                    if not met:
                        break
                elif number > last.number:
                    if not met:
                        break
                    yield number, signed
            if met:
                return
        raise DivergedError(f"checkpoint {last.number} of node `{node}` is not as it was at the last backup; {_MEND}")

    def _is_covered(self, signed: bytes) -> bool:
        if self._covers(signed, self._now):
            return True
        # After the checkpoint, so that all it speaks of is there. What is not even then was tampered with: that belongs
        # into the backup, or nobody could see it there.
        return not self._covers(signed, {state.key: state for state in self._reader.streams()})

    @staticmethod
    def _covers(signed: bytes, states: Mapping[StreamKey, StreamState]) -> bool:
        for head in parse_checkpoint(signed)[1].heads:
            state = states.get(stream_key(head.stream))
            if state is None or head.count > state.count or (head.closed and not state.closed):
                return False
        return True


def _links(previous: bytes, sequence: int, body: bytes, value: bytes) -> bool:
    return any(link(previous, sequence, body, hasher(algorithm)) == value for algorithm in ALGORITHMS)


def _name(key: StreamKey) -> str:
    return f"`{'/'.join(map(str, key))}`"


Progress = Callable[[str, int, int], None]
"""Takes what is being done, how far it is and how much there is in all (0: unknown)."""
