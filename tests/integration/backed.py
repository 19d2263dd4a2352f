"""A node with a real data folder, stores and keys, without a service: what is backed up and restored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pdp.control.kv import open_store
from pdp.control.kv.base import Delete, KeyValueStore, Put
from pdp.server.backup import make, restore, shelf
from pdp.server.backup.keys import BackupKey
from pdp.server.backup.make import Made, Source
from pdp.server.config.kinds import Secret
from pdp.server.config.sections import Audit, Control
from pdp.server.settings import Settings
from pdp.signing import NodeKey, TrustedKeys
from pdp.snapshot.evidence.checkpoint import Checkpointer, DirectoryCopy
from pdp.snapshot.evidence.verify import Report, verify
from pdp.snapshot.ship import Shipper
from pdp.snapshot.spool import Spool, SpoolReader
from pdp.snapshot.store import open_reader, open_writer
from pdp.snapshot.store.base import StoredRecord, StreamState
from tests.integration.store_contract import DAY, DAY_NANOS, decision

KEY = BackupKey.of(bytes(range(32)))


@dataclass
class Clock:
    """A clock that stands still unless it is moved; shippers take its seconds too."""

    nanos: int = DAY * DAY_NANOS

    def __call__(self) -> int:
        return self.nanos


@dataclass
class Machine:
    """One node. Its lives write records; `ship` brings them into the store and signs a checkpoint."""

    data: Path
    store: str = ""
    control: str = ""
    copy: Path | None = None
    clock: Clock = field(default_factory=Clock)
    alarms: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.store = self.store or f"sqlite:{quote(str(self.data / 'store' / 'snapshots.db'))}"
        self.control = self.control or f"sqlite:{quote(str(self.data / 'control' / 'control.db'))}"

    def install(self) -> None:
        """Make what a first start makes."""
        for name in ("keys", "spool", "store", "control"):
            (self.data / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data.chmod(0o700)
        NodeKey.load_or_create(self.data / "keys")
        (self.data / "keys" / "resource").write_text("k1 " + "ab" * 32 + "\n")
        (self.data / "node").write_text("n1\n")

    @property
    def settings(self) -> Settings:
        trust = self.data / "keys" / "control" if self.control.startswith("etcd") else None
        return Settings(
            data=self.data,
            audit=Audit(store=Secret(self.store, "test")),
            control=Control(store=Secret(self.control, "test"), trust=trust),
        )

    def life(self) -> Spool:
        """Begin a life of a writing process."""
        return Spool(self.data / "spool", node="n1", clock=self.clock)

    def write(self, life: Spool, count: int, retention: str = "short") -> list[str]:
        """Record decisions, and return their ids."""
        first, self.count = self.count, self.count + count
        for number in range(first, self.count):
            life.append([(retention, decision(number))])
        return [f"d{number}" for number in range(first, self.count)]

    def ship(self, *, sign: bool = True) -> None:
        """Bring everything into the store."""
        copies = [] if self.copy is None else [DirectoryCopy(self.copy)]
        keys = self.data / "keys"

        def open_checkpointer(writer: Any) -> Checkpointer:
            key = NodeKey.load_or_create(keys)
            return Checkpointer(writer, "n1", key, "sha256", copies, self.clock, folder=keys, alarm=self.alarm)

        shipper = Shipper(
            SpoolReader([self.data / "spool"]), lambda: open_writer(self.store), "n1",
            open_checkpointer if sign else None, alarm=self.alarm, clock=self.clock, wall_clock=self.clock,
        )  # fmt: skip
        shipper.finish()
        self.clock.nanos += 1_000

    def alarm(self, event: str, words: str) -> None:
        self.alarms.append((event, words))

    def control_do(self, act: Callable[[KeyValueStore], Any]) -> Any:
        """Do something with the control store."""

        async def do() -> Any:
            store = open_store(self.control)
            try:
                return await act(store)
            finally:
                await store.close()

        return asyncio.run(do())

    def put(self, **values: bytes) -> None:
        self.control_do(lambda store: store.commit([], [Put(f"drafts/{k}", v) for k, v in values.items()]))

    def delete(self, *names: str) -> None:
        self.control_do(lambda store: store.commit([], [Delete(f"drafts/{name}") for name in names]))

    def keys_held(self) -> dict[str, bytes]:
        """Return every key of the control store."""

        async def look(store: KeyValueStore) -> dict[str, bytes]:
            return {item.key: item.value for item in (await store.range("")).items}

        found: dict[str, bytes] = self.control_do(look)
        return found

    def backup(self, folder: Path, kind: str | None = None, **options: Any) -> Made:
        source = Source(self.settings, None, lambda: open_store(self.control), **options)
        with shelf.locked(folder):
            return make.make(source, folder, KEY, kind, wait_seconds=0)

    def restored(self, folder: Path, at: str | None = None, **options: Any) -> restore.Restored:
        """Restore into this machine, which is empty."""
        target = restore.Target(self.data, self.store, lambda: open_store(self.control), **options)
        return restore.restore(shelf.newest(folder, at), KEY, target, clock=self.clock)

    def records(self) -> list[StoredRecord]:
        with closing(open_reader(self.store)) as reader:
            return [row for state in reader.streams() for row in reader.records(state.key)]

    def ids(self) -> list[str]:
        return sorted(row.columns["id"] for row in self.records() if row.columns["kind"] == "decision")

    def states(self) -> list[StreamState]:
        with closing(open_reader(self.store)) as reader:
            return reader.streams()

    def checkpoints(self) -> list[tuple[str, int, bytes]]:
        with closing(open_reader(self.store)) as reader:
            return list(reader.checkpoints())

    def verify(self, copies: Sequence[Path] = ()) -> Report:
        with closing(open_reader(self.store)) as reader:
            return verify(reader, TrustedKeys.load(self.data / "keys"), copies)
