"""What every staff call has in common: its bounds, its end, and its failures as statuses."""

from __future__ import annotations

import getpass
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import grpc

from pdp.errors import LimitError, StoppingError
from pdp.server.status import failure_of
from pdp.snapshot.store.base import Reader

T = TypeVar("T")

MAX_WATCHES: Final = 16
MAX_EXPORTS: Final = 2
THREADS: Final = MAX_WATCHES + MAX_EXPORTS + 8
"""Watches and exports hold a thread each; the rest is for what is answered at once."""

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Calls:
    """Runs calls. `actor` tells who asks from the name of a connection's other end."""

    def __init__(self, actor: Callable[[str], str] | None = None) -> None:
        self._actor = actor or _owner
        self._places = {"watch": threading.Semaphore(MAX_WATCHES), "export": threading.Semaphore(MAX_EXPORTS)}
        self._stopping = threading.Event()
        self._ends: set[threading.Event] = set()
        self._lock = threading.Lock()

    def actor(self, context: grpc.ServicerContext) -> str:
        """Return who asks."""
        return self._actor(context.peer())

    def address(self, context: grpc.ServicerContext) -> str:
        """Return where from; empty for this machine's socket file."""
        peer = context.peer()
        return "" if peer.startswith("unix") else peer.partition(":")[2]

    def answer(self, context: grpc.ServicerContext, method: str, reader: Reader, act: Callable[[], T]) -> T:
        """Return what `act` does; what it asks the store ends when the caller goes away."""
        with self._failing(context, method), _stopped_with(context, reader):
            return act()

    def stream(
        self,
        context: grpc.ServicerContext,
        method: str,
        kind: str,
        reader: Reader,
        act: Callable[[threading.Event], Iterator[T]],
    ) -> Iterator[T]:
        """Yield what `act` does, which gets an event that is set when the call ends or the server stops."""
        ended = threading.Event()
        with self._failing(context, method), self._place(kind), self._known(ended), _stopped_with(context, reader):
            context.add_callback(ended.set)
            answers = act(ended)
            try:
                for answer in answers:
                    yield answer
                    if ended.is_set():
                        break
            finally:
                close = getattr(answers, "close", None)
                if close is not None:
                    close()
            if self._stopping.is_set():
                raise StoppingError("the server stops; another node answers")

    def stop(self) -> None:
        """Let every stream end."""
        self._stopping.set()
        with self._lock:
            for ended in self._ends:
                ended.set()

    @contextmanager
    def _place(self, kind: str) -> Iterator[None]:
        places = self._places[kind]
        if not places.acquire(blocking=False):
            raise LimitError(f"there are as many calls of the kind `{kind}` as the server allows; end one first")
        try:
            yield
        finally:
            places.release()

    @contextmanager
    def _known(self, ended: threading.Event) -> Iterator[None]:
        with self._lock:
            self._ends.add(ended)
            if self._stopping.is_set():
                ended.set()
        try:
            yield
        finally:
            with self._lock:
                self._ends.discard(ended)

    @contextmanager
    def _failing(self, context: grpc.ServicerContext, method: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # nothing that a client sends may stop the process
            if not context.is_active():
                # Nobody is there to be told; what was stopped fails, which is no news.
                context.abort(grpc.StatusCode.CANCELLED, "the caller went away")
            failure = failure_of(error, method)
            if failure.details:
                context.set_trailing_metadata((("grpc-status-details-bin", failure.details),))
            context.abort(_CODES[failure.code], failure.message)


@contextmanager
def _stopped_with(context: grpc.ServicerContext, reader: Reader) -> Iterator[None]:
    with reader.interruptible() as stop:
        if not context.add_callback(stop):
            stop()
        yield


def _owner(peer: str) -> str:
    """Return who may open the socket file; for an address, that it is not known who asks."""
    if not peer.startswith("unix"):
        return "unknown"
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
