"""What every staff call has in common: its bounds, its end, and its failures as statuses."""

from __future__ import annotations

import getpass
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from typing import Final, TypeVar

import grpc

from pdp.control.accounts import Signed
from pdp.control.accounts.permissions import Permission, allows, permission_word
from pdp.errors import AccessDeniedError, LimitError, StoppingError
from pdp.server.status import failure_of
from pdp.snapshot.store.base import Reader

T = TypeVar("T")

MAX_WATCHES: Final = 16
MAX_EXPORTS: Final = 2
MAX_ANALYSES: Final = 2
MAX_BUNDLES: Final = 4
MAX_CHECKS: Final = 4
MAX_SCENARIO_RUNS: Final = 4
MAX_SIGN_INS: Final = 4
MAX_OIDC: Final = 4
MAX_STRANGERS: Final = 8
MAX_HEALTH_WATCHES: Final = 8
MAX_REFLECTIONS: Final = 4
THREADS: Final = (
    MAX_WATCHES
    + MAX_EXPORTS
    + MAX_ANALYSES
    + MAX_BUNDLES
    + MAX_CHECKS
    + MAX_SCENARIO_RUNS
    + MAX_SIGN_INS
    + MAX_OIDC
    + MAX_STRANGERS
    + MAX_HEALTH_WATCHES
    + MAX_REFLECTIONS
    + 8
)
"""Watches, health's too, reflection, exports, analyses, runs of scenarios and sign-ins hold a thread each, those at an
OpenID provider their own, should it be slow, and so do those who are not signed in while their request is on its way;
the rest is for what is answered at once, whoever else tries to sign in.
"""

_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Calls:
    """Runs calls. `actor` tells who asks from the name of a connection's other end."""

    def __init__(self, actor: Callable[[str], str] | None = None) -> None:
        self._actor = actor or _owner
        places = {
            "watch": MAX_WATCHES,
            "export": MAX_EXPORTS,
            "impact": MAX_ANALYSES,
            "bundle": MAX_BUNDLES,
            "check": MAX_CHECKS,
            "scenarios": MAX_SCENARIO_RUNS,
            "sign_in": MAX_SIGN_INS,
            "oidc": MAX_OIDC,
            "stranger": MAX_STRANGERS,
            "health": MAX_HEALTH_WATCHES,
            "reflection": MAX_REFLECTIONS,
        }
        self._places = {kind: threading.Semaphore(count) for kind, count in places.items()}
        self._stopping = threading.Event()
        self._ends: set[threading.Event] = set()
        self._lock = threading.Lock()
        self._closers = ThreadPoolExecutor(2, thread_name_prefix="staff-end")
        self._signed: weakref.WeakKeyDictionary[grpc.ServicerContext, Signed] = weakref.WeakKeyDictionary()

    def identify(self, context: grpc.ServicerContext, signed: Signed) -> None:
        """Remember whose call this is."""
        with self._lock:
            self._signed[context] = signed

    def signed(self, context: grpc.ServicerContext) -> Signed | None:
        """Return who is signed in; None where the port has no accounts."""
        with self._lock:
            return self._signed.get(context)

    def require(
        self, context: grpc.ServicerContext, permission: Permission, *, application: str | None, branch: str | None
    ) -> None:
        """See that who asks may do something in an application and a branch, None for all; without accounts everybody
        may. Raises AccessDeniedError.
        """
        signed = self.signed(context)
        if signed is not None and not allows(signed.account, permission, application, branch):
            raise AccessDeniedError(
                f"`{signed.account.name}` has not the right `{permission_word(permission)}` for this application and "
                "branch"
            )

    def actor(self, context: grpc.ServicerContext) -> str:
        """Return who asks: an account, or the user whose socket file it is."""
        signed = self.signed(context)
        return self._actor(context.peer()) if signed is None else signed.account.name

    def address(self, context: grpc.ServicerContext) -> str:
        """Return where from; empty for this machine's socket file."""
        peer = context.peer()
        return "" if peer.startswith("unix") else peer.partition(":")[2]

    def answer(self, context: grpc.ServicerContext, method: str, reader: Reader | None, act: Callable[[], T]) -> T:
        """Return what `act` does; what it asks the store of records, if any, ends when the caller goes away."""
        if reader is None:
            with self.failing(context, method):
                return act()
        with self.failing(context, method), reader.interruptible() as stop:

            def end() -> None:
                # Stopping waits for the store, which grpc's own thread must not.
                self._closers.submit(stop)

            if not context.add_callback(end):
                stop()
            return act()

    def stream(
        self,
        context: grpc.ServicerContext,
        method: str,
        kind: str,
        reader: Reader | None,
        act: Callable[[threading.Event], Generator[T, None, None]],
    ) -> Iterator[T]:
        """Return the answers of `act`, which gets an event that is set when the call ends or the server stops.

        However the call ends, `act` is closed then, and `finish` waits for it.
        """
        ended = threading.Event()

        def guarded() -> Generator[T, None, None]:
            with self.place(kind), self._known(ended), closing(act(ended)) as made:
                for answer in made:
                    yield answer
                    if ended.is_set():
                        break
            if self._stopping.is_set():
                raise StoppingError("the server stops; another node answers")

        answers = _Answers(guarded(), reader, lambda: self.failing(context, method))

        def end() -> None:
            ended.set()
            # It waits for the store and for the answer that is being made, which grpc's own thread must not.
            self._closers.submit(answers.close)

        if not context.add_callback(end):
            end()
        return answers

    def finish(self) -> None:
        """Return once every call that was broken off has come to its end."""
        self._closers.shutdown(wait=True)

    def stop(self) -> None:
        """Let every stream end."""
        self._stopping.set()
        with self._lock:
            for ended in self._ends:
                ended.set()

    @contextmanager
    def place(self, kind: str) -> Iterator[None]:
        """Take one of the places for calls of a kind. Raises LimitError when there is none."""
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
    def failing(self, context: grpc.ServicerContext, method: str) -> Iterator[None]:
        """Tell the caller of whatever fails within."""
        try:
            yield
        except StopIteration:
            raise
        except Exception as error:  # nothing that a client sends may stop the process
            if not context.is_active():
                # Nobody is there to be told; what was stopped fails, which is no news.
                context.abort(grpc.StatusCode.CANCELLED, "the caller went away")
            failure = failure_of(error, method)
            if failure.details:
                context.set_trailing_metadata((("grpc-status-details-bin", failure.details),))
            context.abort(_CODES[failure.code], failure.message)


class _Answers(Iterator[T]):
    """Answers that one thread asks for and another may end."""

    def __init__(
        self,
        answers: Generator[T, None, None],
        reader: Reader | None,
        failing: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._answers = answers
        self._reader = reader
        self._failing = failing
        self._lock = threading.Lock()
        self._stop: Callable[[], None] | None = None
        self._interrupted = False

    def __next__(self) -> T:
        with self._lock, self._failing(), _interruptible(self._reader) as stop:
            self._stop = stop
            if self._interrupted:
                stop()
            return next(self._answers)

    def close(self) -> None:
        """Stop what the store is asked, and end the answers once the one that is being made is there."""
        self._interrupted = True
        if self._stop is not None:
            self._stop()
        with self._lock:
            self._answers.close()


def _interruptible(reader: Reader | None) -> AbstractContextManager[Callable[[], None]]:
    return nullcontext(_nothing) if reader is None else reader.interruptible()


def _nothing() -> None:
    """Stop nothing."""


def _owner(peer: str) -> str:
    """Return who may open the socket file; for an address, that it is not known who asks."""
    if not peer.startswith("unix"):
        return "unknown"
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
