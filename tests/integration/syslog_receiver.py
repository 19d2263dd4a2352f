"""A collector of syslog on a real socket: octet counting (RFC 5425, or plain), messages parsed strictly (RFC 5424)."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.pki import Authority, Identity

# Each part as the grammar of section 6 has it.
_NAME = r"[\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}"
_VALUE = r'(?:[^"\\\]]|\\["\\\]])*'
_HEAD = re.compile(
    r"<(?P<priority>\d{1,3})>1 (?P<time>-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z) (?P<host>[\x21-\x7e]{1,255}) "
    r"(?P<app>[\x21-\x7e]{1,48}) (?P<process>[\x21-\x7e]{1,128}) (?P<kind>[\x21-\x7e]{1,32}) "
)
_ELEMENT = re.compile(rf'\[({_NAME})((?: {_NAME}="{_VALUE}")*)\]')
_PARAMETER = re.compile(rf' ({_NAME})="({_VALUE})"')


@dataclass(frozen=True)
class Message:
    """A parsed message; `elements` by name without the enterprise number."""

    priority: int
    time: str
    host: str
    app: str
    process: str
    kind: str
    elements: dict[str, dict[str, str]]
    text: str
    raw: bytes

    @property
    def facts(self) -> dict[str, str]:
        return self.elements["jingxi"]

    @property
    def severity(self) -> int:
        return self.priority % 8


def parse(raw: bytes, enterprise: int = 32473) -> Message:
    """Return a message. Fails when it is not what RFC 5424 says."""
    text = raw.decode("utf-8")
    head = _HEAD.match(text)
    assert head is not None, text
    at = head.end()
    elements: dict[str, dict[str, str]] = {}
    while text[at : at + 1] == "[":
        element = _ELEMENT.match(text, at)
        assert element is not None, text[at:]
        name, _, number = element[1].partition("@")
        assert number == ("" if name == "origin" else str(enterprise)), element[1]
        found = [(key, re.sub(r"\\(.)", r"\1", value)) for key, value in _PARAMETER.findall(element[2])]
        assert name not in elements
        elements[name] = dict(found)
        at = element.end()
    assert text[at : at + 2] == " \ufeff", text[at:]
    return Message(
        int(head["priority"]), head["time"], head["host"], head["app"], head["process"], head["kind"], elements,
        text[at + 2 :], raw,
    )  # fmt: skip


def frames(stream: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield the messages of a stream until it ends; what is cut short does not count."""
    data = b""
    while True:
        while (match := re.match(rb"[1-9]\d{0,5} ", data)) is not None:
            end = match.end() + int(match[0])
            if len(data) < end:
                break
            yield data[match.end() : end]
            data = data[end:]
        assert re.match(rb"\d{0,6}( |$)", data), data[:40]
        found = stream(65_536)
        if not found:
            return
        data += found


@dataclass
class Receiver:
    """Takes connections from `begin` to `end`, and may begin again at the same port."""

    context: ssl.SSLContext | None = None
    path: Path | None = None
    port: int = 0
    messages: list[Message] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def begin(self) -> None:
        if self.path is not None:
            self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listening.bind(str(self.path))
            self._listening.listen()
        else:
            self._listening = socket.create_server(("127.0.0.1", self.port))
            self.port = self._listening.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Break everything off, as a collector that falls over does."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        assert not self._thread.is_alive()
        if self.path is not None:
            self.path.unlink()

    def wait_for(self, holds: Callable[[list[Message]], bool], seconds: float = 60.0) -> list[Message]:
        """Return all messages once they are as they should be."""
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self.messages), seconds), [m.text for m in self.messages]
            return list(self.messages)

    def wait_refused(self, seconds: float = 60.0) -> str:
        """Return why a connection came to nothing, once one did."""
        with self._changed:
            assert self._changed.wait_for(lambda: bool(self.refused), seconds)
            return self.refused[0]

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            self._connections.append(plain)
            try:
                stream = plain if self.context is None else self.context.wrap_socket(plain, server_side=True)
            except OSError as error:
                with self._changed:
                    self.refused.append(str(error))
                    self._changed.notify_all()
                plain.close()
                continue
            self._connections.append(stream)
            # One sender at a time is all there is.
            with contextlib.suppress(OSError), stream:
                for raw in frames(stream.recv):
                    with self._changed:
                        self.messages.append(parse(raw))
                        self._changed.notify_all()


def tls(folder: Path, identity: Identity, clients: Authority | None = None) -> ssl.SSLContext:
    """Return what a collector speaks TLS by; `clients` signed the certificates that senders must show."""
    certificate, key = identity.write(folder, "collector")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if clients is not None:
        context.load_verify_locations(cadata=clients.pem.decode())
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextlib.contextmanager
def receiving(receiver: Receiver) -> Iterator[Receiver]:
    """Run a receiver."""
    receiver.begin()
    try:
        yield receiver
    finally:
        receiver.end()
