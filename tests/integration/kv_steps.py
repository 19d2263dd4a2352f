"""What tests of key-value stores are made of."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from pdp.control.kv.base import Event, KeyValueStore, Page, Put, Unchanged

PATIENCE = 60
ROOT = Path(__file__).parents[2]
Opener = Callable[[], AbstractAsyncContextManager[KeyValueStore]]


def scenario(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments: Any, **fixtures: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*arguments, **fixtures), PATIENCE))

    return run


def opener(make: Callable[[], KeyValueStore]) -> Opener:
    """Return what opens a store, as another client each time, and closes it."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[KeyValueStore]:
        store = make()
        try:
            yield store
        finally:
            await store.close()

    return opened


async def put(store: KeyValueStore, key: str, value: bytes = b"", lease: int = 0) -> int:
    done = await store.commit([], [Put(key, value, lease)])
    assert done.succeeded
    return done.revision


async def take(events: AsyncGenerator[Sequence[Event], None], count: int) -> list[Event]:
    """Return at least so many events."""
    found: list[Event] = []
    while len(found) < count:
        found.extend(await anext(events))
    return found


async def pages(store: KeyValueStore, prefix: str, limit: int, revision: int = 0) -> list[Page]:
    """Return all pages at the revision of the first."""
    found = [await store.range(prefix, limit=limit, revision=revision)]
    while found[-1].more:
        after = found[-1].items[-1].key
        found.append(await store.range(prefix, after=after, limit=limit, revision=found[0].revision))
    return found


async def add_one(store: KeyValueStore, key: str) -> int:
    """Count a key up by comparing and swapping; return the revision."""
    while True:
        found = await store.get(key)
        number = int(found.value) if found else 0
        done = await store.commit([Unchanged(key, found.modified if found else 0)], [Put(key, b"%d" % (number + 1))])
        if done.succeeded:
            return done.revision


class Child:
    """Another process with the store; see `kv_process`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    @asynccontextmanager
    async def started(cls, *arguments: str) -> AsyncIterator[Child]:
        command = [sys.executable, "-m", "tests.integration.kv_process", *arguments]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=pipe, stdout=pipe)
        try:
            yield cls(process)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode().strip()
