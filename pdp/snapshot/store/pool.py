"""A few connections that threads share, so that one slow question does not hold up the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """Anything that can be let go of."""

    def close(self) -> None:
        """Let go."""


C = TypeVar("C", bound=Closable)


class Pool(Generic[C]):
    """Connections opened when they are first needed, at most `size` at a time; one that failed is not used again."""

    def __init__(self, connect: Callable[[], C], size: int) -> None:
        self._connect = connect
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[C] = []
        self._closed = False

    @contextmanager
    def use(self) -> Iterator[C]:
        """Give a connection to one thread, when one is free."""
        with self._free:
            with self._lock:
                held = self._idle.pop() if self._idle else None
            connection = self._connect() if held is None else held
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            with self._lock:
                if not self._closed:
                    self._idle.append(connection)
                    return
            connection.close()

    def close(self) -> None:
        """Let go of all connections: of those in use when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
