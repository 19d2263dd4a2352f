"""Children in threads of the test's process, so that a test can reach into them; all else is as it is in a process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import threading
from collections.abc import Coroutine, Sequence
from typing import Any

from pdp.server.launch import Launched
from pdp.server.shipping import ship
from pdp.server.worker import work

# Process ids begin with 1, so nobody takes these for some.
_NUMBERS = itertools.count(-2, -1)


async def launch_thread(channel: socket.socket, descriptors: Sequence[int] = ()) -> Launched:
    """Start a worker in a thread; a `launch.Launch`."""
    del descriptors  # the thread has them anyway
    own = channel.dup()
    return _Thread(own, work(own, own_process=False))


async def launch_shipper_thread(channel: socket.socket, descriptors: Sequence[int] = ()) -> Launched:
    """Start a shipper in a thread; a `launch.Launch`."""
    del descriptors
    own = channel.dup()
    return _Thread(own, ship(own, own_process=False))


class _Thread:
    def __init__(self, channel: socket.socket, life: Coroutine[Any, Any, object]) -> None:
        self.pid = next(_NUMBERS)
        self._channel = channel
        self._thread = threading.Thread(target=lambda: asyncio.run(life), daemon=True)
        self._thread.start()

    async def wait(self) -> str:
        await asyncio.to_thread(self._thread.join)
        return "end of the thread"

    def kill(self) -> None:
        with contextlib.suppress(OSError):  # it has hung up already
            self._channel.shutdown(socket.SHUT_RDWR)

    def cpu_ticks(self) -> None:
        return None
