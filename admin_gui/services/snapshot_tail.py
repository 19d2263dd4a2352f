"""Records as they come in, for as long as somebody looks; a connection that breaks is taken up where it broke."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from admin_gui.domain.failure import Failure
from admin_gui.services.calls import Call
from admin_gui.services.snapshots import Snapshots
from jingxi_client._gen.pdp.v1 import snapshot_service_pb2

_AGAIN_MILLISECONDS: Final = 1_000
_TOGETHER_MILLISECONDS: Final = 120


class Tail(QObject):
    """Follows a filter. What comes in a short while is told together, so that a flood does not stop the window."""

    began = Signal()
    """From now on nothing is missed: what was there before is to be read now."""
    came = Signal(list)
    """SnapshotEntry messages in the order in which they came."""
    failed = Signal(object)
    """A `Failure` that ended it; a service that is away is asked again by itself."""

    def __init__(self, snapshots: Snapshots, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._snapshots = snapshots
        self._text = ""
        self._token = ""
        self._call: Call | None = None
        self._held: list[snapshot_service_pb2.SnapshotEntry] = []
        self._again = QTimer(self, singleShot=True, interval=_AGAIN_MILLISECONDS)
        self._again.timeout.connect(self._begin)
        self._together = QTimer(self, singleShot=True, interval=_TOGETHER_MILLISECONDS)
        self._together.timeout.connect(self._tell)

    @property
    def is_on(self) -> bool:
        """Whether it follows, or tries to."""
        return self._call is not None or self._again.isActive()

    def follow(self, text: str) -> None:
        """Follow what comes in from now on."""
        self.stop()
        self._text, self._token = text, ""
        self._begin()

    def stop(self) -> None:
        """Follow nothing any more."""
        self._again.stop()
        self._together.stop()
        self._held = []
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _begin(self) -> None:
        call = self._call = self._snapshots.watch(self._text, self._token)
        call.answered.connect(self._heard)
        call.ended.connect(self._broken)
        call.failed.connect(self._refused)

    def _heard(self, answer: snapshot_service_pb2.WatchSnapshotsResponse) -> None:
        if not self._token:
            self.began.emit()
        self._token = answer.resume_token
        if answer.HasField("entry"):
            self._held.append(answer.entry)
            if not self._together.isActive():
                self._together.start()

    def _tell(self) -> None:
        held, self._held = self._held, []
        self.came.emit(held)

    def _broken(self) -> None:
        self._call = None
        self._again.start()

    def _refused(self, failure: Failure) -> None:
        self._call = None
        if failure.code == "UNAVAILABLE":
            self._again.start()
        elif self._token and failure.code == "INVALID_ARGUMENT":
            # Another server does not know the place: begin again, and what was there is read again.
            self._token = ""
            self._again.start()
        else:
            self.failed.emit(failure)
