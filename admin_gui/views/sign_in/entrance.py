"""What a service wants before anybody works with it: asked once it is connected to."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from admin_gui.domain import profiles
from admin_gui.domain.failure import Failure
from admin_gui.services.calls import Call
from admin_gui.services.connection import Connection
from admin_gui.services.session import Sessions
from jingxi_client._gen.pdp.v1 import account_service_pb2


class Entrance(QObject):
    """Asks how one signs in; one of the signals answers."""

    open = Signal()
    """Nobody signs in here: the socket file is its owner's."""
    guarded = Signal(object)
    """Everybody signs in: a GetSignInMethodsResponse."""
    failed = Signal(object)
    """A `Failure`, in words about connecting."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._sessions = Sessions(connection)
        self._call: Call | None = None

    def ask(self) -> None:
        """Ask."""
        call = self._follow(self._sessions.ways())
        call.answered.connect(self.guarded.emit)
        call.failed.connect(self._no_ways)

    def cancel(self) -> None:
        """Tell nothing any more."""
        if self._call is not None:
            self._call.cancel()

    def _no_ways(self, failure: Failure) -> None:
        if failure.code != "UNIMPLEMENTED":
            self.failed.emit(profiles.connecting(failure))
            return
        # It has no accounts, or does not tell how one signs in, which GetSession tells apart.
        self._follow(self._sessions.current()).failed.connect(self._no_session)

    def _no_session(self, failure: Failure) -> None:
        if failure.code == "UNIMPLEMENTED":
            self.open.emit()
        elif failure.code == "UNAUTHENTICATED":
            self.guarded.emit(account_service_pb2.GetSignInMethodsResponse(password=True))
        else:
            self.failed.emit(profiles.connecting(failure))

    def _follow(self, call: Call) -> Call:
        self.cancel()
        self._call = call
        return call
