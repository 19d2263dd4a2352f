"""A thread with a connection of its own to the embedded store, asked from an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pdp.control.kv.sqlite_tables import Tables
from pdp.errors import ControlStoreError

T = TypeVar("T")


class Worker:
    """Does one thing after another; nobody waits longer than `timeout` seconds for it."""

    def __init__(self, name: str, tables: Tables, timeout: float) -> None:
        self._tables = tables
        self._timeout = timeout
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._closed = False

    async def ask(self, act: Callable[[Tables], T]) -> T:
        """Return what an act on the tables returns. Raises ControlStoreError when it takes too long; what has begun
        goes on.
        """
        if self._closed:
            raise ControlStoreError("the control store is closed")
        doing = asyncio.get_running_loop().run_in_executor(self._thread, act, self._tables)
        try:
            return await asyncio.wait_for(doing, self._timeout)
        except TimeoutError as error:
            raise ControlStoreError(f"the control store does not answer within {self._timeout:g} s") from error

    async def close(self) -> None:
        """Let go of the connection once what has begun is done, and take nothing more."""
        if self._closed:
            return
        self._closed = True
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._tables.close)
        self._thread.shutdown(wait=False)
        # A disk that hangs shall not keep the process: the thread lets go when it can.
        await asyncio.wait({closing}, timeout=self._timeout)
