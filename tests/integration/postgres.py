"""A real PostgreSQL server of our own: one a test process, a fresh database a test."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from tests.integration.needs import as_user, missing

PATIENCE = 60
OWNER = "owner"


def find() -> Path:
    """Return the folder of the newest server's programs; without one tests are skipped, but not where they must run."""
    found = sorted(
        (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")),
        key=lambda folder: float(folder.parent.name),
    )
    if found:
        return found[-1]
    on_path = shutil.which("postgres")
    if on_path is None:
        missing("a PostgreSQL server; on Debian: apt-get install postgresql")
    return Path(on_path).resolve().parent


class Postgres:
    """A server on a socket in a folder of its own; `durable` makes it wait for the disk.

    With an `address` of this machine it listens on TCP too, on a free `port` there, for whoever asks.
    """

    def __init__(self, *, durable: bool = False, address: str = "") -> None:
        self._bin = find()
        # Short, for the paths of sockets are.
        self._folder = Path(tempfile.mkdtemp(prefix="pdp-pg-"))
        self._data = self._folder / "data"
        # PostgreSQL refuses to run as root.
        self._user = _unprivileged() if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        self._run(
            "initdb", "--pgdata", str(self._data), "--username", OWNER, "--auth", "trust", "--encoding", "UTF8",
            "--locale", "C", "--no-sync",
        )  # fmt: skip
        self._address, self.port = address, 0
        if address:
            with socket.create_server((address, 0)) as free:
                self.port = free.getsockname()[1]
            with (self._data / "pg_hba.conf").open("a") as rules:
                rules.write("host all all all trust\n")
        self._options = {
            "listen_addresses": address,
            "port": str(self.port or 5432),
            "unix_socket_directories": str(self._folder),
            "fsync": "on" if durable else "off",
            "max_connections": "50",
            "shared_buffers": "128MB",
            "log_min_messages": "warning",
        }
        self._numbers = itertools.count(1)
        self.start()

    def url(self, database: str, user: str = OWNER) -> str:
        """Return how a user reaches a database."""
        return f"postgresql://{user}@/{database}?host={quote(str(self._folder), safe='')}&port={self.port or 5432}"

    def network_url(self, database: str, user: str = OWNER) -> str:
        """Return how a user on another machine reaches a database."""
        return f"postgresql://{user}@{self._address}:{self.port}/{database}"

    def create_database(self) -> str:
        """Return the name of a new, empty database."""
        name = f"test{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return name

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = " ".join(f"-c {name}={value}" for name, value in self._options.items())
        log = str(self._folder / "log")
        self._run("pg_ctl", "start", "--wait", f"--timeout={PATIENCE}", "-D", str(self._data), "-l", log, "-o", options)

    @contextmanager
    def killed(self) -> Iterator[None]:
        """End it as a crash does, nothing is finished or written, and start it again afterwards."""
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait", f"--timeout={PATIENCE}", "-D", str(self._data))
        try:
            yield
        finally:
            self.start()

    def close(self) -> None:
        """Stop it and take its folder away."""
        pid = self._data / "postmaster.pid"
        if pid.exists():
            self._run("pg_ctl", "stop", "--mode=fast", "--wait", f"--timeout={PATIENCE}", "-D", str(self._data))
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> None:
        account = [] if self._user is None else as_user(self._user)
        # Into a file: a server that outlives its starter would keep a pipe open.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [*account, str(self._bin / program), *arguments], cwd=self._folder, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, timeout=2 * PATIENCE, check=False,
            )  # fmt: skip
            output.seek(0)
            assert done.returncode == 0, f"{program}: {output.read().decode(errors='replace')}"


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.fail("there is no user `postgres` or `nobody` to run PostgreSQL as")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """The URL of a new database as its owner."""
    name = postgres.create_database()
    yield postgres.url(name)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
