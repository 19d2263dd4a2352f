"""Locks between processes, held through a descriptor: they go with the process, however it ends."""

from __future__ import annotations

import fcntl
import time
from typing import Final

_LOOK_SECONDS: Final = 0.01


def lock_alone(descriptor: int, seconds: float) -> None:
    """Lock an open file or folder against all others until the descriptor is closed.

    Raises TimeoutError where another process keeps it for so long (it may have been stopped), and OSError.
    """
    end = time.monotonic() + seconds
    # Asked again and again: nobody could give up a thread that waits within the lock itself.
    while not _is_locked(descriptor):
        if time.monotonic() >= end:
            raise TimeoutError(f"another process has had it locked for {seconds:g} s")
        time.sleep(_LOOK_SECONDS)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
