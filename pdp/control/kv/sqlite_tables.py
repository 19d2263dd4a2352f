"""What the embedded key-value store does in its tables, in one thread, without waiting for anything but the file."""

from __future__ import annotations

import itertools
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeVar

from pdp.control.kv import bounds
from pdp.control.kv.base import Committed, Delete, Event, KeyValue, Page, Put, Unchanged
from pdp.control.kv.sqlite_schema import POSITION_BITS, connect
from pdp.errors import CompactedError, ControlStoreError, LeaseEndedError

T = TypeVar("T")

PAGE_BYTES: Final = 8 * 1024 * 1024
"""Bytes of values after which a page or a batch of changes ends early."""
BATCH: Final = 1_000
_CHUNK: Final = 500
_SUPERSEDED: Final = (
    "SELECT id FROM history AS h WHERE id < :bound AND EXISTS "
    "(SELECT 1 FROM history AS n WHERE n.key = h.key AND n.id > h.id AND n.id < :bound) LIMIT :chunk"
)
_REMOVALS: Final = "SELECT id FROM history WHERE id < :bound AND value IS NULL LIMIT :chunk"
_COLUMNS: Final = "h.key, h.value, h.version, h.created, h.id, h.lease"


class Clock(Protocol):
    """The time that leases are measured by: one for all processes until the machine starts anew."""

    def now(self) -> int:
        """Return nanoseconds that only ever go on, also while the machine sleeps."""

    def boot(self) -> str:
        """Return what tells one life of the machine from another."""


class SystemClock:
    """Linux's clock since the machine started, which nobody can set. See `Clock`."""

    def now(self) -> int:  # noqa: D102
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def boot(self) -> str:  # noqa: D102
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class Changes(NamedTuple):
    """The changes after a revision up to another one, by revision."""

    after: int
    upto: int
    revisions: Sequence[Sequence[Event]]


class Tables:
    """A connection that is opened when it is first needed and again after an error.

    Every method raises ControlStoreError when the file cannot be used.
    """

    def __init__(self, path: Path, busy_seconds: float, clock: Clock) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._clock = clock
        self._opened: sqlite3.Connection | None = None
        self._seen: int | None = None

    def close(self) -> None:
        """Let go of the connection."""
        opened, self._opened, self._seen = self._opened, None, None
        if opened is not None:
            opened.close()

    def range(self, prefix: str, after: str, limit: int, revision: int) -> Page:
        """See `KeyValueStore.range`."""
        bound = {
            "start": max(prefix, after + "\0" if after else ""),
            "end": bounds.prefix_end(prefix.encode()),
            "limit": limit + 1,
            "bound": _first(revision + 1),
        }
        with self._transaction("DEFERRED") as connection:
            head, compacted = _state(connection)
            if revision > head:
                raise ControlStoreError(f"revision {revision} is still to come, the store is at {head}")
            if revision and revision < compacted:
                raise CompactedError(f"the history goes back to revision {compacted}, not to {revision}")
            if revision in {0, head}:
                source = "keys"
            else:
                source = (
                    "(SELECT key, max(id) AS id FROM history WHERE key >= :start AND key < CAST(:end AS TEXT) "
                    "AND id < :bound GROUP BY key)"
                )
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM {source} AS k JOIN history AS h ON h.id = k.id "  # noqa: S608 - our own names
                "WHERE k.key >= :start AND k.key < CAST(:end AS TEXT) AND h.value IS NOT NULL "
                "ORDER BY k.key LIMIT :limit",
                bound,
            )
            items: list[KeyValue] = []
            size = 0
            more = False
            for row in rows:
                more = len(items) == limit or size > PAGE_BYTES
                if more:
                    break
                items.append(_key_value(row))
                size += len(row[1])
            return Page(items, revision or head, more)

    def get(self, key: str) -> KeyValue | None:
        """See `KeyValueStore.get`."""
        sql = f"SELECT {_COLUMNS} FROM keys AS k JOIN history AS h ON h.id = k.id WHERE k.key = ?"  # noqa: S608
        row = self._run(lambda connection: connection.execute(sql, (key,)).fetchone())
        return None if row is None else _key_value(row)

    def revision(self) -> int:
        """See `KeyValueStore.revision`."""
        return self._run(_state)[0]

    def commit(self, conditions: Sequence[Unchanged], changes: Sequence[Put | Delete]) -> Committed:
        """See `KeyValueStore.commit`."""
        with self._writing() as connection:
            held = all(_modified(connection, condition.key) == condition.modified for condition in conditions)
            leases = {change.lease for change in changes if isinstance(change, Put) and change.lease}
            ended = held and not all(_lease_exists(connection, lease) for lease in leases)
            if held and not ended:
                _change(connection, changes)
            head, _ = _state(connection)
        # Raised outside: leases that ended meanwhile stay ended.
        if ended:
            raise LeaseEndedError("the lease has ended")
        return Committed(held, head)

    def grant(self, seconds: int) -> int:
        """See `KeyValueStore.grant`."""
        # Nobody who kept the number of an old lease shall meet another one by it.
        number = secrets.randbits(62) + 1
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO leases (id, seconds, deadline, boot) VALUES (?, ?, ?, ?)",
                (number, seconds, self._clock.now() + seconds * 10**9, self._clock.boot()),
            )
        return number

    def renew(self, lease: int) -> bool:
        """See `KeyValueStore.renew`."""
        with self._writing() as connection:
            met = connection.execute(
                "UPDATE leases SET deadline = ? + seconds * 1000000000 WHERE id = ?", (self._clock.now(), lease)
            )
            return met.rowcount == 1

    def revoke(self, lease: int) -> None:
        """See `KeyValueStore.revoke`."""
        with self._writing() as connection:
            _end(connection, lease)

    def sweep(self) -> None:
        """End the leases whose time is over."""
        with self._writing():
            pass

    def compact(self, revision: int) -> None:
        """Refuse what lies before a revision from now on; `forget` removes it."""
        with self._writing() as connection:
            head, compacted = _state(connection)
            if revision > head:
                raise ControlStoreError(f"revision {revision} is still to come, the store is at {head}")
            if revision > compacted:
                connection.execute("UPDATE state SET compacted = ?", (revision,))

    def forget(self) -> bool:
        """Remove some of what is refused; tell whether there is more. Short, so that others may come between."""
        with self._transaction("IMMEDIATE") as connection:
            bound = {"bound": _first(_state(connection)[1] + 1), "chunk": _CHUNK}
            # INVARIANT: what a removal supersedes goes before the removal, or the key would be there again.
            for condemned in (_SUPERSEDED, _REMOVALS):
                if connection.execute(f"DELETE FROM history WHERE id IN ({condemned})", bound).rowcount:  # noqa: S608
                    return True
        return False

    def changes(self, prefix: str, after: int) -> Changes:
        """Return what changed after a revision, whole revisions of about as much as a page. Raises CompactedError."""
        with self._transaction("DEFERRED") as connection:
            head, compacted = _state(connection)
            if max(after, 1) < compacted:
                raise CompactedError(f"the history goes back to revision {compacted}, not to {after}")
            rows = connection.execute(
                "SELECT id, key, value FROM history WHERE id >= :first AND key >= :start AND key < CAST(:end AS TEXT) "
                "ORDER BY id",
                {"first": _first(after + 1), "start": prefix, "end": bounds.prefix_end(prefix.encode())},
            )
            found: list[list[Event]] = []
            count = size = 0
            for revision, group in itertools.groupby(rows, key=lambda row: row[0] >> POSITION_BITS):
                if count >= BATCH or size >= PAGE_BYTES:
                    return Changes(after, found[-1][0].revision, found)
                found.append([Event(revision, key, value) for _, key, value in group])
                count += len(found[-1])
                size += sum(len(event.value or b"") for event in found[-1])
            return Changes(after, head, found)

    def is_changed(self) -> bool:
        """Tell whether another connection committed since this was last asked: the first time it is so."""
        seen = self._run(lambda connection: connection.execute("PRAGMA data_version").fetchone()[0])
        changed: bool = seen != self._seen
        self._seen = seen
        return changed

    def is_due(self) -> bool:
        """Tell whether the time of a lease is over."""
        sql = "SELECT 1 FROM leases WHERE deadline <= ? LIMIT 1"
        now = self._clock.now()
        return self._run(lambda connection: connection.execute(sql, (now,)).fetchone()) is not None

    def _run(self, act: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return act(self._connection())
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise self._failure(error) from error

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._connection()
            connection.execute(f"BEGIN {kind}")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise self._failure(error) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Give a transaction that nobody else's can come between, in which no lease is over its time."""
        with self._transaction("IMMEDIATE") as connection:
            over = connection.execute(
                "SELECT id FROM leases WHERE deadline <= ? ORDER BY deadline", (self._clock.now(),)
            )
            for (lease,) in over.fetchall():
                _end(connection, lease)
            yield connection

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = connect(self._path, self._busy_seconds)
            # Deadlines of another life of the machine mean nothing now, nor do those of another clock.
            strange = "boot != :boot OR deadline > :now + seconds * 1000000000"
            here = {"now": self._clock.now(), "boot": self._clock.boot()}
            if self._opened.execute(f"SELECT 1 FROM leases WHERE {strange}", here).fetchone():  # noqa: S608
                sql = f"UPDATE leases SET deadline = :now + seconds * 1000000000, boot = :boot WHERE {strange}"  # noqa: S608
                self._opened.execute(sql, here)
        return self._opened

    def _failure(self, error: Exception) -> ControlStoreError:
        return ControlStoreError(f"the control store `{self._path}` fails: {error}")


def _first(revision: int) -> int:
    return revision << POSITION_BITS


def _key_value(row: tuple[str, bytes, int, int, int, int]) -> KeyValue:
    key, value, version, created, position, lease = row
    return KeyValue(key, value, version, created, position >> POSITION_BITS, lease)


def _state(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the newest revision and the one that the history goes back to."""
    return connection.execute("SELECT revision, compacted FROM state").fetchone()  # type: ignore[no-any-return]


def _modified(connection: sqlite3.Connection, key: str) -> int:
    row = connection.execute("SELECT id FROM keys WHERE key = ?", (key,)).fetchone()
    return 0 if row is None else row[0] >> POSITION_BITS


def _lease_exists(connection: sqlite3.Connection, lease: int) -> bool:
    return connection.execute("SELECT 1 FROM leases WHERE id = ?", (lease,)).fetchone() is not None


def _end(connection: sqlite3.Connection, lease: int) -> None:
    keys = connection.execute("SELECT key FROM keys WHERE lease = ? ORDER BY key", (lease,)).fetchall()
    _change(connection, [Delete(key) for (key,) in keys])
    connection.execute("DELETE FROM leases WHERE id = ?", (lease,))


def _change(connection: sqlite3.Connection, changes: Sequence[Put | Delete]) -> None:
    """Make changes in one new revision, if any of them changes anything."""
    revision = _state(connection)[0] + 1
    place = itertools.count(_first(revision))
    first = connection.total_changes
    value: bytes | None
    for change in changes:
        old = connection.execute(
            "SELECT h.version, h.created FROM keys AS k JOIN history AS h ON h.id = k.id WHERE k.key = ?", (change.key,)
        ).fetchone()
        version, created = old or (0, revision)
        if isinstance(change, Put):
            position = next(place)
            lease, value = change.lease, change.value
            connection.execute(
                "INSERT OR REPLACE INTO keys (key, id, lease) VALUES (?, ?, ?)", (change.key, position, change.lease)
            )
        elif old is not None:
            position, lease, value = next(place), 0, None
            connection.execute("DELETE FROM keys WHERE key = ?", (change.key,))
        else:
            continue
        connection.execute(
            "INSERT INTO history (id, key, version, created, lease, value) VALUES (?, ?, ?, ?, ?, ?)",
            (position, change.key, version + 1, created, lease, value),
        )
    if connection.total_changes > first:
        connection.execute("UPDATE state SET revision = ?", (revision,))
