"""What a shipper does besides shipping: bundles go to the store, and records whose time is over go from it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError

from pdp.errors import ConfigError, EvidenceError, SpoolError, StoreError
from pdp.server import logs, spools
from pdp.server.operations import Operations
from pdp.server.settings import Settings
from pdp.signing import TrustedKeys
from pdp.snapshot.holds import day_of
from pdp.snapshot.retention import RetentionPolicy, expire, verified_by
from pdp.snapshot.store import open_maintainer, open_reader
from pdp.snapshot.store.base import Writer
from pdp.v1 import bundle_pb2, snapshot_pb2

EVENT_BUNDLES: Final = "ship.bundles_away"
EVENT_RETENTION: Final = "retention.failed"

log = logging.getLogger(__name__)


def carry_bundles(folder: Path, open_writer: Callable[[], Writer]) -> int:
    """Bring the bundles of a folder into the store and return how many there were.

    A file goes when the store has it. One that is no bundle is set aside. Raises StoreError and OSError.
    """
    files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    if not files:
        return 0
    writer = open_writer()
    try:
        for path in files:
            data = path.read_bytes()
            try:
                signed = bundle_pb2.SignedBundle.FromString(data)
            except DecodeError:
                path.rename(path.with_name(f".damaged-{path.name}"))
                logs.event(log, logging.ERROR, "bundle.damaged", "a kept bundle cannot be read", file=str(path))
                continue
            writer.add_bundle(signed.hash, signed.revision, data)
            path.unlink()
    finally:
        writer.close()
    return len(files)


def expire_records(settings: Settings, clock: Callable[[], int] = time.time_ns) -> int:
    """Drop what the settings keep no longer and return how many records that were; each drop is itself recorded.

    Raises ConfigError when the settings keep less than must be kept, and StoreError, EvidenceError or SpoolError when
    something cannot be dropped or recorded; then what is left stays for the next time.
    """
    audit = settings.audit
    policy = RetentionPolicy(audit.short_days, audit.medium_days, audit.long_days)
    keys = TrustedKeys.load(settings.data_folder / "keys")
    operations: Operations | None = None

    def record(operation: snapshot_pb2.Operation) -> None:
        nonlocal operations
        # On most days there is nothing to record.
        if operations is None:
            operations = Operations(spools.open_spool(settings))
        operations.record(operation)

    maintainer, reader = open_maintainer(settings.store_url), open_reader(settings.store_url)
    try:
        done = expire(
            maintainer, policy, day_of(clock()), record, reader=reader, verify=verified_by(keys), clock=clock
        )  # fmt: skip
    finally:
        reader.close()
        maintainer.close()
        if operations is not None:
            operations.close()
    dropped = sum(item.records for item in done.dropped)
    if dropped:
        days = [item.part.date for item in done.dropped]
        logs.event(
            log, logging.INFO, "retention.expired", "records whose time is over were dropped",
            records=dropped, parts=len(days), first=min(days), last=max(days),
        )  # fmt: skip
    return dropped


class Daily:
    """Expires records once a day, in a thread of its own, so that shipping goes on meanwhile.

    Only in the embedded store: in PostgreSQL who ships may not drop anything, and `pdp snapshot expire` does it.
    """

    FIRST_SECONDS: Final = 300.0
    """After a start there is better to do."""
    SECONDS: Final = 86_400.0

    def __init__(
        self, settings: Settings, tell: Callable[[str, str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`tell` hears of EVENT_RETENTION with why, and of `retention.back` when it went well."""
        self._settings = settings
        self._tell = tell
        self._clock = clock
        self._next = clock() + self.FIRST_SECONDS if settings.store_url.startswith("sqlite:") else None

    @property
    def is_due(self) -> bool:
        """Whether it is time."""
        return self._next is not None and self._clock() >= self._next

    def run(self) -> None:
        """Expire what is due today."""
        self._next = self._clock() + self.SECONDS
        try:
            expire_records(self._settings)
        except (ConfigError, StoreError, EvidenceError, SpoolError, OSError) as error:
            self._tell(EVENT_RETENTION, str(error))
        else:
            self._tell("retention.back", "records whose time is over go again")
