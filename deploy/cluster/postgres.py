"""The snapshot store: PostgreSQL with a synchronous standby. Only TLS is spoken, and users are known by certificate.

Each user's name is the common name of a certificate: `postgres` makes databases and roles, `replicator` copies, and
others have the rights that `pdp snapshot init-store` gives to their roles.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from deploy.cluster.errors import ClusterError
from deploy.cluster.pki import Authority, Files
from deploy.cluster.processes import PATIENCE, Account, Part, Place, find_program, until, write_private

OWNER = "postgres"
REPLICATOR = "replicator"
_HBA = """\
# Nobody comes in without TLS and a certificate whose common name is the user.
hostssl all         all        0.0.0.0/0 cert
hostssl all         all        ::/0      cert
hostssl replication replicator 0.0.0.0/0 cert
hostssl replication replicator ::/0      cert
"""
_OPTIONS = {
    "ssl": "on",
    "ssl_min_protocol_version": "TLSv1.2",
    "unix_socket_directories": "",
    "wal_level": "replica",
    "hot_standby": "on",
    # What a rejoining server needs to undo what it wrote alone, should pg_rewind be used.
    "wal_log_hints": "on",
    # So that a standby that is away for long does not fill the disk of the primary.
    "max_slot_wal_keep_size": "1GB",
    "log_min_messages": "warning",
    "shared_buffers": "64MB",
}


class Postgres(Part):
    """One server. `create` makes a primary, `follow` a standby of another one, `promote` a primary of a standby."""

    kind = "postgresql"
    stop_signal = signal.SIGINT  # fast: connections are ended, everything is written

    def __init__(
        self,
        name: str,
        folder: Path,
        authority: Authority,
        port: int,
        place: Place = Place(),  # noqa: B008
    ) -> None:
        super().__init__(name, folder, place, Account.unprivileged())
        self._authority = authority
        self.port = port

    @property
    def data(self) -> Path:
        """What it holds."""
        return self.folder / "data"

    @property
    def is_made(self) -> bool:
        """Whether it has been made, as a primary or a standby."""
        return (self.data / "PG_VERSION").exists()

    @property
    def is_standby(self) -> bool:
        """Whether it copies another one when it runs."""
        return (self.data / "standby.signal").exists()

    @property
    def timeline(self) -> int:
        """How often it, or the one it copies, was promoted, counted from 1; 0 when it is not made."""
        promoted = [int(path.stem, 16) for path in self.data.glob("pg_wal/*.history")]
        return max(promoted, default=int(self.is_made))

    def find_programs(self) -> None:
        """See that the programs are there. Raises ClusterError."""
        for name in ("initdb", "pg_basebackup", "postgres"):
            _program(name)

    def ports(self) -> Sequence[int]:
        """Return its port."""
        return (self.port,)

    def command(self) -> Sequence[str]:
        """Return the command."""
        tls = self.folder / "tls"
        options = _OPTIONS | {
            "listen_addresses": self.place.host,
            "port": str(self.port),
            "cluster_name": self.name,
            "ssl_ca_file": str(tls / "ca.crt"),
            "ssl_cert_file": str(tls / "server.crt"),
            "ssl_key_file": str(tls / "server.key"),
        }
        return [_program("postgres"), "-D", str(self.data), *(f"--{name}={value}" for name, value in options.items())]

    def prepare(self) -> None:
        """Put the certificates where the server's user can read them. Raises ClusterError when there are no data."""
        if not self.is_made:
            raise ClusterError(f"{self} has no data; make it with `create` or `follow`")
        self._write_tls()

    def create(self) -> None:
        """Make a new primary, empty. Raises ClusterError."""
        self._begin()
        self.run([
            _program("initdb"), "--pgdata", str(self.data), "--username", OWNER, "--auth", "reject",
            "--encoding", "UTF8", "--locale", "C", "--data-checksums",
        ])  # fmt: skip
        self._put(self.data / "pg_hba.conf", _HBA)

    def follow(self, primary: Postgres) -> None:
        """Make this one a standby of a primary that runs, in place of whatever it held. Raises ClusterError."""
        self.stop()
        self._begin()
        slot = _identifier(self.name)
        with primary.connect() as connection:
            # What the last standby of this name had not fetched would be kept for nobody.
            connection.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                "WHERE slot_name = %s AND NOT active", [slot]
            )  # fmt: skip
        tls = self.folder / "tls"
        source = {
            "host": primary.place.host, "port": str(primary.port), "user": REPLICATOR, "application_name": self.name,
            "sslmode": "verify-full", "sslrootcert": str(tls / "ca.crt"),
            "sslcert": str(tls / "replicator.crt"), "sslkey": str(tls / "replicator.key"),
            "connect_timeout": "5", "keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3",
        }  # fmt: skip
        self.run([
            _program("pg_basebackup"), "--pgdata", str(self.data), "--dbname", psycopg.conninfo.make_conninfo(**source),
            "--write-recovery-conf", "--wal-method=stream", "--create-slot", "--slot", slot, "--checkpoint=fast",
        ])  # fmt: skip
        # A copy of a primary that waits for a standby would, promoted, wait for one that it does not have.
        kept = self.data / "postgresql.auto.conf"
        lines = kept.read_text(encoding="utf-8").splitlines(keepends=True)
        self._put(kept, "".join(line for line in lines if not line.startswith("synchronous_standby_names")))

    def create_replicator(self) -> None:
        """Make the user by which standbys copy, unless there is one."""
        with self.connect() as connection:
            found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [REPLICATOR]).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN REPLICATION").format(sql.Identifier(REPLICATOR)))

    def require(self, standbys: Sequence[Postgres], *, seconds: float = PATIENCE) -> None:
        """Let a commit be acknowledged only when one of these has it on its disk, too; without any, at once.

        Returns when it holds. Raises ClusterError when no such standby is there.
        """
        names = ", ".join(f'"{standby.name}"' for standby in standbys)
        with self.connect() as connection:
            wanted = f"ANY 1 ({names})" if standbys else ""
            # ALTER SYSTEM takes no parameters.
            connection.execute(sql.SQL("ALTER SYSTEM SET synchronous_standby_names = {}").format(sql.Literal(wanted)))
            connection.execute("SELECT pg_reload_conf()")
            try:
                until(lambda: self._holds(connection, wanted, {standby.name for standby in standbys}), seconds)
            except TimeoutError as error:
                raise ClusterError(f"{self}: none of {names} copies synchronously; see their logs") from error

    @staticmethod
    def _holds(connection: psycopg.Connection[Any], wanted: str, names: set[str]) -> bool:
        shown = connection.execute("SHOW synchronous_standby_names").fetchone()
        if shown is None or shown[0] != wanted:
            return False
        rows = connection.execute(
            "SELECT application_name FROM pg_stat_replication "
            "WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')"
        ).fetchall()
        return not names or any(row[0] in names for row in rows)

    def promote(self) -> None:
        """Make a standby the primary; returns when it takes writes. It waits for no standby until `require`."""
        with self.connect() as connection:
            connection.execute("SELECT pg_promote(true, %s)", [int(PATIENCE)])

        try:
            until(self.is_primary)
        except TimeoutError as error:
            raise ClusterError(f"{self} does not become the primary; its log is {self.log}") from error

    def is_primary(self) -> bool:
        """Whether it runs and takes writes."""
        try:
            with self.connect() as connection:
                row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        except psycopg.Error:
            return False
        return row is not None and not row[0]

    def is_ready(self) -> bool:
        """Whether it answers questions."""
        try:
            with self.connect() as connection:
                connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def connect(self, database: str = "postgres", user: str = OWNER) -> psycopg.Connection[tuple[Any, ...]]:
        """Return a connection outside of a transaction. Raises psycopg.Error."""
        return psycopg.connect(url([self], database, user, self._authority.issue(user)), autocommit=True)

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.data.exists():
            shutil.rmtree(self.data)
        self.data.mkdir(mode=0o700)
        self._write_tls()
        if self.account is not None:
            self.account.own(self.folder)

    def _write_tls(self) -> None:
        tls = self.folder / "tls"
        tls.mkdir(mode=0o700, exist_ok=True)
        for files, name in ((self._authority.issue(self.name, [self.place.host]), "server"),
                            (self._authority.issue(REPLICATOR), "replicator")):  # fmt: skip
            write_private(tls / f"{name}.crt", files.certificate.read_bytes())
            write_private(tls / f"{name}.key", files.key.read_bytes())
        write_private(tls / "ca.crt", self._authority.ca.read_bytes())
        if self.account is not None:
            self.account.own(tls)

    def _put(self, path: Path, text: str) -> None:
        write_private(path, text)
        if self.account is not None:
            self.account.own(path)


def url(servers: Sequence[Postgres], database: str, user: str, files: Files) -> str:
    """Return how a user reaches a database on whichever of the servers is the primary; for one server, just that."""
    hosts = ",".join(f"{quote(server.place.host)}:{server.port}" for server in servers)
    options = {
        "sslmode": "verify-full", "sslrootcert": str(files.ca), "sslcert": str(files.certificate),
        "sslkey": str(files.key), "connect_timeout": "5",
    }  # fmt: skip
    if len(servers) > 1:
        options["target_session_attrs"] = "read-write"
    return f"postgresql://{quote(user)}@{hosts}/{quote(database)}?{urlencode(options)}"


def describe(server: Postgres) -> dict[str, Any]:
    """Return what a server says of itself: `primary`, `waits_for`, and of its standbys name, state and lag in bytes."""
    with server.connect() as connection:
        row = connection.execute(
            "SELECT NOT pg_is_in_recovery(), current_setting('synchronous_standby_names')"
        ).fetchone()
        if row is None:
            raise ClusterError(f"{server} says nothing of itself")
        standbys = connection.execute(
            "SELECT coalesce(json_agg(json_build_object('name', application_name, 'state', state, 'sync', sync_state, "
            "'lag', CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn) END))"
            "::text, '[]') FROM pg_stat_replication"
        ).fetchone()
    return {"primary": row[0], "waits_for": row[1], "standbys": json.loads(standbys[0]) if standbys else []}


def _identifier(name: str) -> str:
    """Return a name as replication slots can have it."""
    return "".join(letter if letter.isalnum() else "_" for letter in name.lower())


def _program(name: str) -> str:
    """Return a program of the newest server on this machine, which Debian keeps off the path."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), reverse=True)
    return find_program(name, "postgresql", places=versions)
