"""Tasks that run until they are ended, and how they wait.

`asyncio.wait_for` of Python 3.11 forgets a cancellation that comes together with what it waits for (cpython issue
86296), so it is not used here, and who ends a task does not rely on one cancellation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

_AGAIN_SECONDS: Final = 0.2


async def wait(event: asyncio.Event, seconds: float) -> bool:
    """Return whether an event is set, at the latest after some seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_SECONDS)
