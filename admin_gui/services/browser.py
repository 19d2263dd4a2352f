"""The way through the system's browser to an OpenID provider and back to this machine (RFC 8252, section 7.3)."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from PySide6.QtCore import QObject, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtNetwork import QHostAddress, QTcpServer, QTcpSocket

from admin_gui.domain.say import Say

PATH: Final = "/callback"
_MAX_HEAD: Final = 16_384
_MAX_FIELDS: Final = 20
_READ_MILLISECONDS: Final = 5_000
_TITLE: Final = Say("精细", "Jingxi")
_DONE: Final = Say("身份提供方已答复。请回到程序；此页可以关闭。", "The provider has answered. Go back to the program.")
_FAILED: Final = Say(
    "身份提供方未让您登录。请回到程序查看原因。", "The provider did not sign you in. The program tells more."
)
_OTHER: Final = Say("这不是此处等待的登录。", "This is not the sign-in that waits here.")

Open = Callable[[str], bool]
"""Opens an address in the browser; tells whether one was found."""


def system_browser(url: str) -> bool:
    """Open an address in the system's browser."""
    return QDesktopServices.openUrl(QUrl(url))


@dataclass(frozen=True, slots=True)
class Said:
    """What the redirect says: a code, or the provider's error; `issuer` is empty when it does not say it."""

    state: str
    code: str
    issuer: str
    error: str


class Loopback(QObject):
    """Listens on a free port of 127.0.0.1 for one redirect of the state that `expect` names; others are turned away."""

    came = Signal(object)
    """A `Said`. It listens no more then."""

    def __init__(self, speak: Callable[[Say], str], parent: QObject | None = None) -> None:
        """`speak` gives a text in the language of now. Raises OSError when it cannot listen."""
        super().__init__(parent)
        self._speak = speak
        self._state, self._closed = "", False
        self._sockets: set[QTcpSocket] = set()
        self._server = QTcpServer(self)
        self._server.newConnection.connect(self._accept)
        if not self._server.listen(QHostAddress(QHostAddress.SpecialAddress.LocalHost), 0):
            raise OSError(self._server.errorString())
        self.uri = f"http://127.0.0.1:{self._server.serverPort()}{PATH}"

    def expect(self, state: str) -> None:
        """Take the redirect with this state from now on."""
        self._state = state

    def close(self) -> None:
        """Listen no more; it goes away by itself once browsers have been answered."""
        if not self._closed:
            self._closed, self._state = True, ""
            self._server.close()
            self._go_away()

    def _accept(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            # Browsers open connections ahead of need, and leave them idle.
            self._sockets.add(socket)
            patience = QTimer(socket, singleShot=True, interval=_READ_MILLISECONDS)
            patience.timeout.connect(lambda socket=socket: socket.abort())
            patience.start()
            socket.disconnected.connect(lambda socket=socket: self._gone(socket))
            socket.readyRead.connect(lambda socket=socket: self._read(socket))

    def _gone(self, socket: QTcpSocket) -> None:
        self._sockets.discard(socket)
        socket.deleteLater()
        self._go_away()

    def _go_away(self) -> None:
        if self._closed and not self._sockets:
            self.deleteLater()

    def _read(self, socket: QTcpSocket) -> None:
        if socket.bytesAvailable() > _MAX_HEAD:
            socket.abort()
            return
        head = bytes(socket.peek(_MAX_HEAD).data())
        if b"\r\n\r\n" not in head:
            return
        socket.readAll()
        words = head.split(b"\r\n", 1)[0].decode("ascii", "replace").split(" ")
        said = read(words[1]) if len(words) == 3 and words[0] == "GET" else None
        if said is None or not self._state or said.state != self._state:
            self._show(socket, "400 Bad Request", _OTHER)
            return
        self._show(socket, "200 OK", _FAILED if said.error else _DONE)
        self.close()
        self.came.emit(said)

    def _show(self, socket: QTcpSocket, status: str, words: Say) -> None:
        title, text = html.escape(self._speak(_TITLE)), html.escape(self._speak(words))
        page = f'<!doctype html><html><meta charset="utf-8"><title>{title}</title><p>{text}</p></html>\n'.encode()
        # The address of this page holds the code: nothing may carry it on.
        head = (
            f"HTTP/1.0 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(page)}\r\n"
            "Content-Security-Policy: default-src 'none'\r\nReferrer-Policy: no-referrer\r\n"
            "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        socket.write(head.encode() + page)
        socket.disconnectFromHost()


def read(target: str) -> Said | None:
    """Return what the target of a request says; None when it is not what a provider sends."""
    try:
        parts = urlsplit(target)
        if parts.path != PATH:
            return None
        fields = parse_qs(parts.query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return None
    if any(len(values) > 1 for values in fields.values()):
        return None
    given = {name: values[0] for name, values in fields.items()}
    error = ": ".join(_plain(given[name]) for name in ("error", "error_description") if given.get(name))
    if not given.get("state") or not (given.get("code") or error):
        return None
    return Said(given["state"], given.get("code", ""), given.get("iss", ""), error)


def _plain(text: str) -> str:
    return "".join(character for character in text[:200] if character.isprintable())
