"""The parts of `deploy.cluster`: they start, survive what they should survive, and let no stranger in."""

from __future__ import annotations

import http.client
import itertools
import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.cluster import (
    Account,
    Authority,
    ClusterError,
    EtcdMember,
    Files,
    Pki,
    Place,
    Postgres,
    install_store,
    postgres_url,
    whole,
)
from deploy.cluster.postgres import OWNER, url
from deploy.cluster.processes import Part, check_free, find_program, until, wait_gone
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


def _health(connection: http.client.HTTPSConnection) -> int:
    connection.request("GET", "/health")
    return connection.getresponse().status


@pytest.mark.parametrize("shown", ["nothing", "another authority's"])
def test_etcd_takes_no_stranger(members: list[EtcdMember], pki: Pki, shown: str) -> None:
    context = ssl.create_default_context(cafile=str(pki.etcd.ca))
    if shown != "nothing":
        stranger = pki.callers.issue("core-counter")
        context.load_cert_chain(stranger.certificate, stranger.key)
    for port in (members[0].client_port, members[0].peer_port):
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            _health(connection)
        connection.close()
    assert members[0].is_ready()


def _own_connection(member: EtcdMember) -> http.client.HTTPSConnection:
    files = member.client()
    context = ssl.create_default_context(cafile=str(files.ca))
    context.load_cert_chain(files.certificate, files.key)
    return http.client.HTTPSConnection(member.address, timeout=10, context=context)


def test_etcd_goes_on_with_two_of_three_and_takes_the_third_back(members: list[EtcdMember]) -> None:
    connection = _own_connection(members[1])
    assert _health(connection) == 200
    connection.close()
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
    with primary.connect() as connection, primary.connect() as other:
        connection.execute("CREATE TABLE waits (n int)")
        standby.kill()
        writer = threading.Thread(target=connection.execute, args=("INSERT INTO waits VALUES (1)",))
        writer.start()
        until(lambda: _waits(other), 30)
        standby.start()
        writer.join(60)
        assert not writer.is_alive()
        standby.kill()
        primary.require([])
        connection.execute("INSERT INTO waits VALUES (2)")


def _waits(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    return connection.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchone() is not None


def test_postgresql_takes_no_stranger(pair: tuple[Postgres, Postgres], pki: Pki) -> None:
    primary, standby = pair
    install_store(pair, pki)
    own = pki.postgres.issue("pdp")
    with psycopg.connect(postgres_url(pair, pki)) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("pdp",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP SCHEMA jingxi CASCADE")
    stranger = pki.callers.issue("pdp")
    forged = Files(own.ca, stranger.certificate, stranger.key)
    at = f"{primary.place.host}:{primary.port}"
    refused = {
        url([primary], "jingxi", "pdp", forged): "unknown ca",
        f"postgresql://pdp@{at}/jingxi?sslmode=require&sslcert=/none": "requires a valid client certificate",
        f"postgresql://pdp@{at}/jingxi?sslmode=disable": "no encryption",
        # Another's certificate, at the primary and at the standby.
        url([primary], "postgres", OWNER, own): "certificate authentication failed",
        url([standby], "postgres", OWNER, own): "certificate authentication failed",
    }  # fmt: skip
    for where, why in refused.items():
        with pytest.raises(psycopg.OperationalError, match=why):
            psycopg.connect(where)
    # And nobody takes another server for this one.
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(url([primary], "jingxi", "pdp", Files(pki.callers.ca, own.certificate, own.key)))


def test_a_port_in_use_is_told_before_anything_starts(ground: Path, pki: Pki) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        member = EtcdMember("taken", ground / "taken", pki.etcd, (port, whole.free_ports()))
        with pytest.raises(
            ClusterError, match=rf"etcd `taken` cannot listen on `127.0.0.1:{port}`: .* `--fresh --base-port"
        ):
            member.start()
    assert member.pid is None
    check_free("127.0.0.1", [port], "anybody")


def test_a_missing_program_names_its_package() -> None:
    with pytest.raises(ClusterError, match="`no-such-program` is missing; on Debian: apt-get install its-package"):
        find_program("no-such-program", "its-package")


class Sleeper(Part):
    """A program with a child, both of which ignore to be asked."""

    kind = "sleeper"

    def command(self) -> list[str]:
        return ["sh", "-c", "trap '' TERM; setsid sh -c 'echo $$ > child; exec sleep 600'; true"]

    def is_ready(self) -> bool:
        return (self.folder / "child").exists() and bool((self.folder / "child").read_text())


def test_a_kill_takes_children_of_other_sessions_along(tmp_path: Path) -> None:
    part = Sleeper("s", tmp_path / "s", Place())
    part.start()
    part.wait_until_ready()
    child = int((part.folder / "child").read_text())
    # Another command finds it, too, and only by the moment at which it began.
    assert not wait_gone([child], 0)
    found = Sleeper("s", tmp_path / "s", Place())
    assert found.pid == part.pid
    assert found.pid is not None
    (part.folder / "pid").write_text(f'{{"pid": {found.pid}, "begun": 1}}')
    assert found.pid is None
    (part.folder / "pid").unlink()
    assert part.pid is None
    part._note(part._process.pid)  # type: ignore[union-attr]
    with pytest.raises(ClusterError, match="does not stop within"):
        part.stop(0.2)
    part.kill()
    assert wait_gone([child], 0)
    assert part.pid is None


def test_a_part_that_ends_says_why(tmp_path: Path) -> None:
    class Failing(Sleeper):
        def command(self) -> list[str]:
            return ["sh", "-c", "echo there is no disk >&2; exit 3"]

    part = Failing("s", tmp_path / "s", Place())
    part.start()
    with pytest.raises(ClusterError, match="there is no disk"):
        part.wait_until_ready()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who alone runs parts as somebody else")
def test_a_folder_that_the_user_cannot_come_to_is_told(tmp_path: Path) -> None:
    account = Account.unprivileged()
    assert account is not None
    (tmp_path / "closed" / "pg").mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    with pytest.raises(ClusterError, match=rf"the user `{account.name}` cannot come through"):
        account.own(tmp_path / "closed" / "pg")


def test_a_paused_part_can_be_stopped(tmp_path: Path) -> None:
    class Quiet(Sleeper):
        def command(self) -> list[str]:
            return ["sh", "-c", "echo $$ > child; exec sleep 600"]

    part = Quiet("s", tmp_path / "s", Place())
    part.start()
    part.wait_until_ready()
    part.pause()
    assert part.pid is not None
    part.stop()
    assert part.pid is None
