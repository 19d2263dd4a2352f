"""The control store as somebody sees it who may reach it directly: an operator, or an intruder."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from deploy.cluster.pki import Files
from pdp.control import layout
from pdp.control.kv import open_store
from pdp.control.kv.base import Delete, KeyValueStore, Put
from pdp.control.kv.tls import EtcdTls
from pdp.control.published import Published as Reading
from pdp.errors import ControlStoreError
from pdp.v1 import control_pb2
from tests.cluster.checker import Published
from tests.cluster.history import History, Seen

T = TypeVar("T")
_LOOK_EVERY = 0.25


class Store:
    """The store's calls for a thread; close it."""

    def __init__(self, url: str, files: Files) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.store: KeyValueStore = self.run(_opened(url, EtcdTls(files.ca, files.certificate, files.key)))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the store's event loop and return what came of it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    def head(self) -> control_pb2.Head | None:
        return self.run(Reading(self.store).head())

    def value(self, key: str) -> bytes | None:
        """Return what stands at a key; None when nothing does."""
        found = self.run(self.store.get(key))
        return None if found is None else found.value

    def put(self, *pairs: tuple[str, bytes | None]) -> None:
        """Write keys in one transaction, or remove them (None), whatever was there."""
        changes = [Delete(key) if value is None else Put(key, value) for key, value in pairs]
        assert self.run(self.store.commit([], changes)).succeeded

    def statuses(self) -> list[control_pb2.NodeStatus]:
        """Return what the nodes whose lease holds say of themselves."""
        page = self.run(self.store.range(layout.NODES))
        return [control_pb2.NodeStatus.FromString(item.value) for item in page.items]

    def published(self) -> dict[int, Published]:
        """Return all revisions with their texts."""
        reading = Reading(self.store)

        async def read() -> dict[int, Published]:
            found = {}
            texts: dict[str, dict[str, str]] = {}
            after = ""
            while True:
                page = await self.store.range(layout.REVISIONS, after=after)
                for item in page.items:
                    revision = control_pb2.Revision.FromString(item.value)
                    if revision.sources not in texts:
                        sources = await reading.sources(revision.sources)
                        texts[revision.sources] = {file.path: file.text for file in sources.files}
                    found[revision.number] = Published(revision.bundle_hash, texts[revision.sources])
                if not page.more:
                    return found
                after = page.items[-1].key

        return self.run(read())

    @contextlib.contextmanager
    def watched(self, history: History) -> Iterator[None]:
        """Keep what the nodes say of themselves, several times a second, while something is done."""
        stop = threading.Event()

        def look() -> None:
            last: dict[str, Seen] = {}
            while not stop.wait(_LOOK_EVERY):
                with contextlib.suppress(ControlStoreError):
                    for status in self.statuses():
                        seen = Seen(
                            time.monotonic(), status.node, status.boot, status.revision, status.refused_revision,
                            status.refused_code,
                        )  # fmt: skip
                        if last.get(status.node, seen._replace(at=0))[1:] != seen[1:] or status.node not in last:
                            history.seen.append(seen)
                            last[status.node] = seen

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(30)

    def close(self) -> None:
        self.run(self.store.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


def refusals(statuses: Sequence[control_pb2.NodeStatus], number: int) -> dict[str, str]:
    """Return with which code each node refuses a revision."""
    return {status.node: status.refused_code for status in statuses if status.refused_revision == number}


async def _opened(url: str, tls: EtcdTls) -> KeyValueStore:
    return open_store(url, tls=tls)
