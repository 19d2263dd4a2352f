"""Calls that do not block the window: what comes is told by signals in the thread of the window.

A call that was cancelled tells nothing any more, whatever is still under way.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from PySide6.QtCore import QObject, Qt, Signal, Slot

from admin_gui.domain.failure import Failure

UNARY_SECONDS = 30.0


class Call(QObject):
    """Something that was asked. It belongs to the connection, which lets go of it once nothing more will be told."""

    answered = Signal(object)
    """The answer, of a stream each of them."""
    ended = Signal()
    """A stream is over, or the one answer has come."""
    failed = Signal(object)
    """A `Failure`; nothing follows."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._over = False
        self._cancel: Callable[[], object] = _nothing
        self._post_office = _post_office()

    @classmethod
    def over(cls) -> Call:
        """Return a call that tells nothing."""
        made = cls()
        made._over = True
        return made

    @property
    def is_over(self) -> bool:
        """Whether nothing will be told any more."""
        return self._over

    def cancel(self) -> None:
        """End it; nothing is told from now on."""
        if not self._over:
            self._over = True
            end = self._cancel
            self._let_go()
            end()

    def tell(self, kind: str, what: Any) -> None:
        """Tell what came, in the thread of the window."""
        if self._over:
            return
        if kind == "answer":
            self.answered.emit(what)
            return
        self._over = True
        if kind == "end":
            self.ended.emit()
        else:
            self.failed.emit(what)
        self._let_go()

    def _let_go(self) -> None:
        # What the connection would keep otherwise until it ends: a call holds its answer.
        self._cancel = _nothing
        self.deleteLater()

    def _post(self, kind: str, what: Any = None) -> None:
        with contextlib.suppress(RuntimeError):  # the program has ended, and what is told in its thread with it
            self._post_office.came.emit(self, kind, what)


class _PostOffice(QObject):
    """Hands what other threads tell to their calls, in the thread of the window.

    INVARIANT: other threads touch nothing of a call that belongs to Qt, so that it can be deleted at any time; this
    lives as long as the program does.
    """

    came = Signal(object, object, object)

    def __init__(self) -> None:
        super().__init__()
        self.came.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @Slot(object, object, object)
    def _deliver(self, call: Call, kind: str, what: Any) -> None:
        call.tell(kind, what)


@functools.cache
def _post_office() -> _PostOffice:
    return _PostOffice()


class UnaryCall(Call):
    """A question with one answer."""

    def begin(self, method: Any, request: Any, seconds: float, metadata: Any) -> UnaryCall:
        """Ask."""
        future = method.future(request, timeout=seconds, metadata=metadata)
        self._cancel = future.cancel
        future.add_done_callback(self._done)
        return self

    def _done(self, future: Any) -> None:
        if future.cancelled():
            return
        try:
            answer = future.result()
        except grpc.RpcError as error:
            self._post("failure", failure_of(error))
            return
        self._post("answer", answer)
        self._post("end")


class StreamCall(Call):
    """A question with many answers. They are read in a thread of their own, a bounded number ahead of the window."""

    _AHEAD = 64

    def begin(self, method: Any, request: Any, metadata: Any) -> StreamCall:
        """Ask."""
        self._room = threading.Semaphore(self._AHEAD)
        stream = method(request, metadata=metadata)

        def end() -> None:
            stream.cancel()
            self._room.release()

        self._cancel = end
        threading.Thread(target=self._read, args=(stream,), name="stream", daemon=True).start()
        return self

    def _read(self, stream: Iterator[Any]) -> None:
        try:
            for answer in stream:
                self._room.acquire()
                if self._over:
                    return
                self._post("answer", answer)
        except grpc.RpcError as error:
            if not self._over:
                self._post("failure", failure_of(error))
            return
        self._post("end")

    def tell(self, kind: str, what: Any) -> None:
        """Tell what came, and let the next be read."""
        super().tell(kind, what)
        if kind == "answer":
            self._room.release()


def failure_of(error: Any) -> Failure:
    """Return a failed call as what the program shows."""
    code = error.code()
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                _ = detail.Unpack(info) or detail.Unpack(bad)
    return Failure(
        code.name if code is not None else "UNKNOWN",
        error.details() or "",
        info.reason.removeprefix("ERROR_REASON_"),
        dict(info.metadata),
        tuple((violation.field, violation.description) for violation in bad.field_violations),
    )


def _nothing() -> None:
    """Cancel nothing."""
