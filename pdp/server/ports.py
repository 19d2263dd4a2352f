"""Holds the ports that workers listen on, so that nobody else takes them and nobody shares them by mistake."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pdp.errors import ConfigError
from pdp.server.address import Address

# How often a free port with free ones after it is looked for.
_TRIES = 20


class Reservation:
    """Ports that this process has bound and does not listen on, so that its workers can."""

    def __init__(self, address: Address, workers: Sequence[Address], sockets: Sequence[socket.socket]) -> None:
        self.address = address
        self.workers = tuple(workers)
        self._sockets = list(sockets)

    @classmethod
    def take(cls, address: Address, own_ports: int = 0) -> Self:
        """Take the port of an address, a free one for 0, and `own_ports` more that follow it.

        Raises ConfigError when another process has one of them, or the host is not this machine's.
        """
        if address.path:
            _check_socket_file(Path(address.path), address)
            return cls(address, (), ())
        for tries in range(_TRIES, 0, -1):
            held = contextlib.ExitStack()
            sockets: list[socket.socket] = []
            try:
                port = _bind(address, held, sockets)
                workers = [address.with_port(port + 1 + number) for number in range(own_ports)]
                for worker in workers:
                    _bind(worker, held, sockets)
            except (OSError, OverflowError) as error:
                held.close()
                if address.port or tries == 1:
                    raise _taken(address if not own_ports else f"{address} and {own_ports} after it") from error
                continue
            held.pop_all()
            return cls(address.with_port(port), workers, sockets)
        raise _taken(address)

    def release(self) -> None:
        """Give the ports back."""
        for held in self._sockets:
            held.close()
        self._sockets.clear()


def _bind(address: Address, held: contextlib.ExitStack, sockets: list[socket.socket]) -> int:
    """Bind every address of a host to one port and return it. Raises OSError."""
    port, bound = address.port, 0
    infos = dict.fromkeys(socket.getaddrinfo(address.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE))
    for number, (family, kind, protocol, _, where) in enumerate(infos):
        made = held.enter_context(socket.socket(family, kind, protocol))
        # Connections that a process before left waiting do not count; a socket that is bound now does.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((where[0], port, *where[2:]))
        except OSError as error:
            # `localhost` often names an IPv6 address that the machine does not have.
            if error.errno == errno.EADDRNOTAVAIL and (bound or number + 1 < len(infos)):
                continue
            raise
        bound += 1
        # INVARIANT: in this order. Bound without SO_REUSEPORT, it fails when anybody has the port; with it from now
        # on, and without SO_REUSEADDR, the workers can have it too and nobody else.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        port = made.getsockname()[1]
        sockets.append(made)
    return port


def _check_socket_file(path: Path, address: Address) -> None:
    """See that no living process listens on a socket file: binding replaces it in silence."""
    if not path.parent.is_dir():
        raise ConfigError(f"cannot listen on `{address}`: there is no folder `{path.parent}`; make it first")
    if path.exists() and not path.is_socket():
        raise ConfigError(f"cannot listen on `{address}`: the file is there and no socket; choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return
    raise _taken(address)


def _taken(address: Address | str) -> ConfigError:
    return ConfigError(f"cannot listen on `{address}`: it is in use or not an address of this machine; choose another")
