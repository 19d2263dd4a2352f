"""The parts of `deploy.cluster`: they start, survive what they should survive, and let no stranger in."""

from __future__ import annotations

import http.client
import itertools
import ssl
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.cluster import (
    Authority,
    ClusterError,
    EtcdMember,
    Files,
    Pki,
    Postgres,
    whole,
)
from deploy.cluster.processes import find_program, until
from pdp.control.kv import open_store
from pdp.control.kv.tls import EtcdTls
from tests.integration.needs import missing

_folders = itertools.count()


@pytest.fixture(scope="module")
def ground() -> Iterator[Path]:
    """A folder that PostgreSQL's user can come to, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="pdp-deploy-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def pki(ground: Path) -> Pki:
    return Pki(ground / "pki")


@pytest.fixture(scope="module")
def members(ground: Path, pki: Pki) -> Iterator[list[EtcdMember]]:
    _need("etcd", "etcd-server")
    first = whole.free_ports()
    made = [EtcdMember(f"e{n}", ground / f"e{n}", pki.etcd, (first + 2 * n, first + 2 * n + 1)) for n in range(3)]
    for member in made:
        member.join(made)
        member.start()
    try:
        for member in made:
            member.wait_until_ready()
        yield made
    finally:
        for member in made:
            member.kill()


@pytest.fixture
def pair(ground: Path, pki: Pki) -> Iterator[tuple[Postgres, Postgres]]:
    """A primary and its synchronous standby."""
    folder = ground / f"pg{next(_folders)}"
    first = whole.free_ports()
    primary, standby = (Postgres(f"p{n}", folder / f"p{n}", pki.postgres, first + n) for n in (1, 2))
    try:
        primary.find_programs()
    except ClusterError as error:
        missing(str(error))
    try:
        primary.create()
        primary.start()
        primary.wait_until_ready()
        primary.create_replicator()
        standby.follow(primary)
        standby.start()
        standby.wait_until_ready()
        primary.require([standby])
        yield primary, standby
    finally:
        for server in (primary, standby):
            server.kill()


def _need(program: str, package: str) -> None:
    try:
        find_program(program, package)
    except ClusterError as error:
        missing(str(error))


def test_a_certificate_is_kept_until_it_must_be_another(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "a")
    files = authority.issue("node", ["10.0.0.1", "node.bank.example"])
    held = files.certificate.read_bytes()
    assert Authority(tmp_path / "a").issue("node", ["10.0.0.1", "node.bank.example"]) == files
    assert files.certificate.read_bytes() == held
    assert files.key.stat().st_mode & 0o777 == 0o600
    for change in ({"hosts": ["10.0.0.2"]}, {"hosts": ["10.0.0.2"], "renew": True}, {"hosts": ()}):
        authority.issue("node", **change)  # type: ignore[arg-type]
        assert files.certificate.read_bytes() != held
        held = files.certificate.read_bytes()
    authority.issue("node", days=7, renew=True)
    held = files.certificate.read_bytes()
    authority.issue("node")
    assert files.certificate.read_bytes() != held, "one that ends within a month is replaced"


async def _put(members: list[EtcdMember], files: Files) -> int:
    store = open_store(
        f"etcd://{','.join(member.address for member in members)}/t/",
        tls=EtcdTls(files.ca, files.certificate, files.key), timeout=10,
    )  # fmt: skip
    try:
        return await store.put("key", b"value")  # type: ignore[attr-defined, no-any-return]
    finally:
        await store.close()


@pytest.mark.parametrize("shown", ["nothing", "another authority's"])
def test_etcd_takes_no_stranger(members: list[EtcdMember], pki: Pki, shown: str) -> None:
    context = ssl.create_default_context(cafile=str(pki.etcd.ca))
    if shown != "nothing":
        stranger = pki.callers.issue("core-counter")
        context.load_cert_chain(stranger.certificate, stranger.key)
    for port in (members[0].client_port, members[0].peer_port):
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            connection.request("GET", "/health")
            connection.getresponse()
        connection.close()
    assert members[0].is_ready()


def test_etcd_goes_on_with_two_of_three_and_takes_the_third_back(members: list[EtcdMember]) -> None:
    members[0].kill()
    assert members[0].pid is None
    until(members[1].is_ready, 30)
    members[1].pause()
    assert not members[2].is_ready(), "one of three is no majority"
    members[1].resume()
    members[0].start()
    members[0].wait_until_ready()
    members[2].wait_until_ready()


def test_no_acknowledged_commit_is_lost_with_the_primary(pair: tuple[Postgres, Postgres]) -> None:
    primary, standby = pair
    with primary.connect() as connection:
        connection.execute("CREATE TABLE told (n bigint PRIMARY KEY)")
    acknowledged: list[int] = []
    enough = threading.Event()

    def write() -> None:
        with primary.connect() as connection:
            for n in itertools.count():
                try:
                    connection.execute("INSERT INTO told VALUES (%s)", [n])
                except psycopg.Error:
                    return
                acknowledged.append(n)
                if n == 200:
                    enough.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert enough.wait(60)
    primary.kill()
    writer.join(60)
    standby.promote()
    with standby.connect() as connection:
        kept = {row[0] for row in connection.execute("SELECT n FROM told")}
        assert set(acknowledged) <= kept
        connection.execute("INSERT INTO told VALUES (-1)")
    # The lost one comes back as the standby of the other, without what it wrote alone.
    primary.follow(standby)
    primary.start()
    primary.wait_until_ready()
    standby.require([primary])
    assert primary.is_standby
    with primary.connect() as connection:
        assert connection.execute("SELECT n FROM told WHERE n = -1").fetchone() == (-1,)
    assert max(pair, key=lambda server: (not server.is_standby, server.timeline)) is standby


def test_without_its_standby_a_commit_waits(pair: tuple[Postgres, Postgres]) -> None:
    primary, standby = pair
    with primary.connect() as connection:
        connection.execute("CREATE TABLE waits (n int)")
        standby.kill()
        connection.execute("SET statement_timeout = '1s'")
        # It stands on the primary's disk and is not acknowledged: the caller is told so.
        connection.execute("INSERT INTO waits VALUES (1)")
        assert any("synchronous" in text or "standby" in text for text in _notices(primary))


def _notices(server: Postgres) -> list[str]:
    return server.log.read_text(encoding="utf-8", errors="replace").splitlines()
