"""Workers on real sockets without a folder to follow: the test says which revision they decide by."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

from pdp.engine import bundle
from pdp.lang.check import check
from pdp.lang.loader import load_texts
from pdp.server.callers import Registry
from pdp.server.data_folder import DataFolder
from pdp.server.launch import Launch, launch_process
from pdp.server.settings import Admin, Settings, Staff, parse_address
from pdp.server.supervisor import Supervisor
from pdp.snapshot.spool import SpoolReader
from pdp.v1 import bundle_pb2, snapshot_pb2
from tests.integration.running import ATTRIBUTES, DICTIONARY, PATIENCE, POLICY

T = TypeVar("T")

SECOND_POLICY = POLICY.replace("subject.level >= 3", "subject.level >= 4")
"""Masks `mobile` for a teller of level 3."""


def signed(revision: int, policy: str = POLICY, dictionary: str = DICTIONARY) -> bundle_pb2.SignedBundle:
    """Return the small policy set with another policy, as a revision."""
    texts = {"attributes.yaml": ATTRIBUTES, "dictionary.yaml": dictionary, "policy.yaml": policy}
    policy_set, diagnostics = load_texts(texts)
    resolved = check(policy_set, diagnostics, analyse=False)
    assert resolved is not None, diagnostics.sorted()
    return bundle.build(resolved, revision)


class Deciding:
    """A supervisor with its workers, in a thread of its own."""

    def __init__(
        self, folder: Path, *, launch: Launch = launch_process, callers: Registry | None = None, **options: Any
    ) -> None:
        defaults = {
            "address": parse_address("127.0.0.1:0"), "workers": 1, "data": folder,
            "admin": Admin(address="off"), "staff": Staff(address="off"),
        }  # fmt: skip
        self.settings = Settings(policies=folder, **(defaults | options))
        self.supervisor = Supervisor(self.settings, launch=launch)
        self._data = DataFolder.open(self.settings) if self.settings.audit.durability != "off" else None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        if callers is not None:
            self.run(self.supervisor.set_callers(callers))

    def __enter__(self) -> Self:
        self.run(self.supervisor.start())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.supervisor.stop(1.0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()
        if self._data is not None:
            self._data.close()

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        """Do something in the supervisor's loop."""
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(PATIENCE)

    def publish(self, made: bundle_pb2.SignedBundle) -> None:
        self.run(self.supervisor.set_version(made))

    @property
    def target(self) -> str:
        return str(self.supervisor.address)

    def collect(self) -> list[dict[str, Any]]:
        """Return what the workers tell."""
        return [dict(snapshot) for snapshot in self.run(self.supervisor.collect())]

    def records(self) -> list[snapshot_pb2.Snapshot]:
        """Return the records that are on the disk."""
        with contextlib.closing(SpoolReader([self.settings.data_folder / "spool"])) as reader:
            found = reader.read({}, 10_000)
        return [snapshot_pb2.Record.FromString(record.body).snapshot for record in found]


@contextlib.contextmanager
def deciding(folder: Path, **options: Any) -> Iterator[Deciding]:
    """Start workers, which have no revision yet."""
    with Deciding(folder, **options) as made:
        yield made
