"""A connection to a collector of syslog: TLS (RFC 5425), or plain where that stays on this machine.

Syslog has no acknowledgement. What counts as arrived is what the other machine's kernel has confirmed, and after that
the connection must live on for a while: what a collector had not read when it fell over is told again.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import ssl
import struct
import termios
from collections.abc import Sequence
from typing import Final

from pdp.errors import SiemError
from pdp.server.config.siem_sections import Siem
from pdp.server.siem.address import TLS, UNIX, CollectorAddress
from pdp.server.siem.events import Event
from pdp.server.siem.syslog import frame, message

CONNECT_SECONDS: Final = 10.0
WRITE_SECONDS: Final = 20.0
"""How long a collector may take nothing at all before the connection counts as broken."""
HOLD_SECONDS: Final = 2.0


class SyslogCollector:
    """See `output.Output`."""

    hold_seconds = HOLD_SECONDS

    def __init__(self, address: CollectorAddress, settings: Siem) -> None:
        self._address = address
        self._settings = settings
        self._socket: socket.socket | None = None

    def look(self) -> None:
        """See `output.Output`."""
        if self._socket is None:
            self._socket = self._connect()
        found = self._socket
        try:
            found.settimeout(0)
            try:
                # Collectors say nothing; whatever comes tells of an end.
                while found.recv(4_096):
                    pass
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
        except OSError as error:
            raise self._failed(error) from error
        self.close()
        raise SiemError(f"`{self._address}` has closed the connection")

    def write(self, events: Sequence[Event]) -> None:
        """See `output.Output`."""
        settings = self._settings
        made = [frame(message(e, facility=settings.facility, enterprise=settings.enterprise)) for e in events]
        assert self._socket is not None, "look comes first"  # noqa: S101 - the caller's order
        try:
            self._socket.settimeout(WRITE_SECONDS)
            self._socket.sendall(b"".join(made))
        except OSError as error:
            raise self._failed(error) from error

    def has_arrived(self) -> bool:
        """See `output.Output`."""
        if self._socket is None:
            return False
        (waiting,) = struct.unpack("i", fcntl.ioctl(self._socket, termios.TIOCOUTQ, b"\0" * 4))
        return bool(waiting == 0)

    def close(self) -> None:
        """See `output.Output`."""
        found, self._socket = self._socket, None
        if found is None:
            return
        with contextlib.suppress(OSError):  # the other end is gone already
            found.settimeout(0)
            if isinstance(found, ssl.SSLSocket):
                found.unwrap()
        found.close()

    def _connect(self) -> socket.socket:
        address, settings = self._address, self._settings
        try:
            if address.scheme == UNIX:
                plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    plain.settimeout(CONNECT_SECONDS)
                    plain.connect(address.path)
                except BaseException:
                    plain.close()
                    raise
                return plain
            plain = socket.create_connection((address.host, address.port), CONNECT_SECONDS)
            try:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(WRITE_SECONDS * 1000))
                if address.scheme != TLS:
                    return plain
                return _context(settings).wrap_socket(plain, server_hostname=settings.server_name or address.host)
            except BaseException:
                plain.close()
                raise
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> SiemError:
        self.close()
        return SiemError(f"`{self._address}`: {_words(error)}")


def _context(settings: Siem) -> ssl.SSLContext:
    """Return what TLS is spoken by, read anew at every connection, so that renewed certificates count."""
    context = ssl.create_default_context(cafile=None if settings.ca is None else str(settings.ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate is not None:
        context.load_cert_chain(settings.certificate, settings.key)
    return context


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted: {error.verify_message.lower()}"
    if isinstance(error, ssl.SSLError):
        return f"tls failed: {(error.reason or str(error)).lower().replace('_', ' ')}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (error.strerror or str(error) or type(error).__name__).lower()
