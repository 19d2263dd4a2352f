"""Ports are held for the workers and shared with nobody else."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pdp.errors import ConfigError
from pdp.server.address import Address, parse_address
from pdp.server.ports import Reservation

FREE = Address("127.0.0.1", 0)


@contextlib.contextmanager
def taken(address: Address, own_ports: int = 0) -> Iterator[Reservation]:
    reservation = Reservation.take(address, own_ports)
    try:
        yield reservation
    finally:
        reservation.release()


def worker(address: Address) -> socket.socket:
    """Listen as a worker does."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((address.host, address.port))
    made.listen()
    return made


def test_workers_share_it_and_no_other_server_gets_it() -> None:
    with taken(FREE) as held:
        assert held.address.port
        with pytest.raises(ConfigError, match="in use"):
            Reservation.take(held.address)
        with worker(held.address), worker(held.address) as second, pytest.raises(ConfigError, match="in use"):
            Reservation.take(held.address)
        # Nobody connects to the reservation itself.
        with worker(held.address) as third, socket.create_connection((held.address.host, held.address.port)):
            assert third.accept()[0].close() is None
        assert second.fileno() == -1
    with taken(held.address):
        pass


def test_a_port_that_waits_for_old_connections_can_be_had() -> None:
    with (
        taken(FREE) as held,
        worker(held.address) as listening,
        socket.create_connection((held.address.host, held.address.port)) as client,
    ):
        served, _ = listening.accept()
        served.close()  # the side that closes first waits
        assert client.recv(1) == b""
    with taken(held.address):
        pass


def test_a_listening_server_without_sharing_is_seen() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ConfigError, match="in use"):
            Reservation.take(FREE.with_port(other.getsockname()[1]))


def test_ports_of_workers_follow() -> None:
    with taken(FREE, 3) as held:
        base = held.address.port
        assert held.workers == tuple(FREE.with_port(base + number) for number in (1, 2, 3))
        for address in held.workers:
            with pytest.raises(ConfigError):
                Reservation.take(address)
        with pytest.raises(ConfigError, match=rf"127.0.0.1:{base - 1} and 1 after it"):
            Reservation.take(FREE.with_port(base - 1), 1)


def test_ports_beyond_the_last_one() -> None:
    with pytest.raises(ConfigError, match="in use or not an address"):
        Reservation.take(FREE.with_port(65_535), 1)


@pytest.mark.parametrize("text", ["192.0.2.1:0", "no.such.host.invalid:0"])
def test_hosts_of_other_machines(text: str) -> None:
    with pytest.raises(ConfigError, match="not an address of this machine"):
        Reservation.take(parse_address(text))


def test_every_address_of_a_host_is_held() -> None:
    with taken(Address("localhost", 0)) as held, pytest.raises(ConfigError):
        Reservation.take(FREE.with_port(held.address.port))


def test_socket_files(tmp_path: Path) -> None:
    path = tmp_path / "pdp.sock"
    address = parse_address(f"unix:{path}")
    Reservation.take(address).release()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        Reservation.take(address).release()  # left behind by a process that is gone
        other.listen()
        with pytest.raises(ConfigError, match="in use"):
            Reservation.take(address)
    path.unlink()
    path.write_text("")
    with pytest.raises(ConfigError, match="no socket"):
        Reservation.take(address)
    with pytest.raises(ConfigError, match="no folder"):
        Reservation.take(parse_address(f"unix:{tmp_path}/none/pdp.sock"))
