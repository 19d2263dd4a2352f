"""The thread of a shipper process that does the shipping, and what it tells of it."""

from __future__ import annotations

import fcntl
import logging
import os
import shlex
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from pdp.errors import SpoolError, StoreError, WorkerError
from pdp.server import logs, spools
from pdp.server.errands import EVENT_BUNDLES, EVENT_RETENTION, Daily, carry_bundles
from pdp.server.facts import Shipping
from pdp.server.settings import Settings
from pdp.server.siem.outputs import Outputs
from pdp.server.status import frames
from pdp.signing import PRIVATE_NAME, NodeKey
from pdp.snapshot.evidence.checkpoint import Checkpointer, CommandCopy, Copy, DirectoryCopy, parse_checkpoint
from pdp.snapshot.ship import Shipper
from pdp.snapshot.spool import SpoolReader
from pdp.snapshot.spool.files import count_quarantined
from pdp.snapshot.store import open_writer
from pdp.snapshot.store.base import StreamState, Writer
from pdp.v1 import snapshot_pb2
from pdp.values import NANOS

LOCK = "shipping.lock"
TURN_SECONDS = 30.0
"""How long one waits for the shipper before it to end."""
_TURN_POLL_SECONDS = 0.05
_BUNDLE_SECONDS = 1.0
_BUNDLE_RETRY_SECONDS = 10.0
_STORE_AWAY = "ship.store_away"
_BLOCKED = "ship.stream_blocked"
# What is over when one of these is told.
_OVER = {
    "ship.store_back": _STORE_AWAY,
    "ship.spool_back": "ship.spool_away",
    "ship.checkpoints_back": "ship.checkpoints_away",
    "ship.bundles_back": EVENT_BUNDLES,
    "checkpoint.copy_back": "checkpoint.copy_failed",
    "retention.back": EVENT_RETENTION,
    "siem.syslog_back": "siem.syslog_away",
    "siem.file_back": "siem.file_away",
}
# Told once, and nothing that stands wrong.
_NOTICES = frozenset({"checkpoint.key_changed"})

log = logging.getLogger(__name__)


class Alarms:
    """What stands wrong now, and the log of its coming and going. Safe to share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standing: dict[str, str] = {}

    def tell(self, event: str, words: str) -> None:
        """Hear of something: that it is wrong, or that it is over."""
        with self._lock:
            known = self._standing.get(event)
            over = _OVER.get(event)
            if over is not None:
                was_wrong = self._standing.pop(over, None) is not None
                if over == "ship.checkpoints_away":
                    # These told why none was signed.
                    for name in [n for n in self._standing if n.startswith("checkpoint.") and n not in _OVER.values()]:
                        del self._standing[name]
            elif event not in _NOTICES:
                self._standing[event] = words
        if over is None and known != words:
            logs.event(log, logging.ERROR, event, "something stands wrong with records", reason=words)
        elif over is not None and was_wrong:
            logs.event(log, logging.INFO, event, words)

    def standing(self) -> dict[str, str]:
        """Return what is wrong, by event, in words."""
        with self._lock:
            return dict(self._standing)


class Sealer:
    """A `ship.Ticker` that knows the last checkpoint."""

    def __init__(self, checkpointer: Checkpointer, last: bytes | None) -> None:
        self._checkpointer = checkpointer
        self.number, self.at = 0, 0.0
        if last is not None:
            self._note(parse_checkpoint(last)[1])

    def tick(self, states: Iterable[StreamState]) -> snapshot_pb2.SignedCheckpoint | None:
        """See `Checkpointer.tick`."""
        signed = self._checkpointer.tick(states)
        if signed is not None:
            self._note(snapshot_pb2.Checkpoint.FromString(signed.checkpoint))
        return signed

    def _note(self, checkpoint: snapshot_pb2.Checkpoint) -> None:
        self.number, self.at = checkpoint.number, checkpoint.time_nanos / NANOS


class Carrier:
    """Ships what the spools of a server hold, from `start` to `stop`. `failed` is called when it cannot go on.

    Raises ConfigError for a store that there is none of, EvidenceError for a key that is none, and WorkerError when
    another shipper does not leave the spools.
    """

    def __init__(self, settings: Settings, failed: Callable[[], None]) -> None:
        self._settings = settings
        self._failed = failed
        self._folders = spools.folders(settings)
        # Says now what is wrong with the URL.
        self._open_writer().close()
        self._key = NodeKey.load(settings.data_folder / "keys" / PRIVATE_NAME)
        self._turn = _take_turn(settings.data_folder / LOCK)
        self._alarms = Alarms()
        algorithm = settings.audit.hash
        self._reader = SpoolReader(self._folders, algorithm=algorithm, alarm=spools.tell)
        self._shipper = Shipper(
            self._reader,
            self._open_writer,
            settings.node_name,
            self._open_checkpointer,
            algorithm=algorithm,
            alarm=self._alarms.tell,
            checkpoint_seconds=settings.audit.checkpoint_seconds,
        )
        self._sealer: Sealer | None = None
        self._daily = Daily(settings, self._alarms.tell)
        self._siem = Outputs(settings, self._alarms.tell)
        self._next_bundles = 0.0
        self._reached = False
        self._facts = Shipping(
            shipped=0, lag_records=0, lag_bytes=0, lag_seconds=0.0, store_up=False, store_error="", checkpoint=0,
            checkpoint_at=0.0, quarantined=0, alarms={},
        )  # fmt: skip
        self._hurry = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shipping", daemon=True)

    def start(self) -> None:
        """Ship from now on."""
        self._thread.start()
        self._siem.start()

    def stop(self, grace: float) -> None:
        """Ship what there is and sign it, for at most `grace` seconds, and leave the spools to the next one."""
        end = time.monotonic() + grace
        self._hurry = self._hurry or grace <= 0
        self._stop.set()
        self._thread.join(max(grace, 0.0))
        # Afterwards, so that a SIEM hears of the end too.
        self._siem.stop(max(end - time.monotonic(), 0.0))

    def facts(self) -> Shipping:
        """Return how it stands."""
        if not self._stop.is_set():
            try:
                self._look()
            except (SpoolError, OSError) as error:
                # The thread meets it too, and tells of it.
                logs.event(log, logging.DEBUG, "shipping.unseen", "the spools cannot be looked at", reason=str(error))
        if siem := self._siem.facts():
            self._facts["siem"] = siem
        return self._facts

    def _look(self) -> None:
        stats = self._shipper.stats()
        sealer = self._sealer
        alarms = self._alarms.standing()
        if not stats.blocked:
            alarms.pop(_BLOCKED, None)
        self._facts = Shipping(
            shipped=stats.shipped,
            lag_records=stats.lag_records,
            lag_bytes=stats.lag_bytes,
            lag_seconds=round(stats.lag_seconds, 3),
            store_up=self._reached and _STORE_AWAY not in alarms,
            store_error=alarms.get(_STORE_AWAY, ""),
            checkpoint=0 if sealer is None else sealer.number,
            checkpoint_at=0.0 if sealer is None else sealer.at,
            quarantined=count_quarantined(self._folders),
            alarms=alarms,
        )

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                wait = self._shipper.step()
                if _STORE_AWAY not in self._alarms.standing():
                    self._reached = True
                    self._carry_bundles()
                    self._expire()
                self._stop.wait(wait)
            if self._hurry:
                self._shipper.close()
            else:
                self._next_bundles = 0.0
                self._carry_bundles()
                self._shipper.finish()
        except Exception as error:  # another process begins anew where the store is
            logs.event(
                log, logging.ERROR, "shipping.failed", "shipping failed unexpectedly",
                error=type(error).__name__, traceback=list(frames(error)),
            )  # fmt: skip
            self._shipper.close()
            self._failed()
        finally:
            self._reader.close()
            os.close(self._turn)

    def _carry_bundles(self) -> None:
        now = time.monotonic()
        if now < self._next_bundles:
            return
        try:
            carry_bundles(self._settings.data_folder / "bundles", self._open_writer)
        except (StoreError, OSError) as error:
            self._next_bundles = now + _BUNDLE_RETRY_SECONDS
            self._alarms.tell(EVENT_BUNDLES, str(error))
        else:
            self._next_bundles = now + _BUNDLE_SECONDS
            self._alarms.tell("ship.bundles_back", "the store takes bundles again")

    def _expire(self) -> None:
        if self._daily.is_due:
            threading.Thread(target=self._daily.run, name="retention", daemon=True).start()

    def _open_writer(self) -> Writer:
        return open_writer(self._settings.store_url)

    def _open_checkpointer(self, writer: Writer) -> Sealer:
        settings = self._settings
        checkpointer = Checkpointer(
            writer, settings.node_name, self._key, settings.audit.hash, copies(settings), time.time_ns,
            folder=settings.data_folder / "keys", alarm=self._alarms.tell,
        )  # fmt: skip
        self._sealer = Sealer(checkpointer, writer.last_checkpoint(settings.node_name))
        return self._sealer


def copies(settings: Settings) -> list[Copy]:
    """Return the second places for checkpoints."""
    found: list[Copy] = []
    if settings.audit.checkpoint_copy is not None:
        found.append(DirectoryCopy(settings.audit.checkpoint_copy))
    if settings.audit.checkpoint_command is not None:
        found.append(CommandCopy(shlex.split(settings.audit.checkpoint_command)))
    return found


def _take_turn(path: Path) -> int:
    """Wait until no other shipper reads the spools, as one whose supervisor was killed may; return what holds the turn.

    Raises WorkerError when that takes too long.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + TURN_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                os.close(handle)
                raise WorkerError(f"another shipper holds `{path}`") from None
            time.sleep(_TURN_POLL_SECONDS)
        else:
            return handle
