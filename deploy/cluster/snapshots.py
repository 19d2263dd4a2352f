"""The snapshot store inside PostgreSQL: the database, its tables and roles, and the users that have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psycopg import sql

from deploy.cluster.node import USER, pdp
from deploy.cluster.pki import Pki
from deploy.cluster.postgres import OWNER, Postgres, url
from deploy.cluster.processes import write_private

DATABASE: Final = "jingxi"
USERS: Final = {
    # The service reads, too, so that its staff port can answer.
    USER: ("jingxi_writer", "jingxi_auditor"),
    "auditor": ("jingxi_auditor",),
    "maintainer": ("jingxi_maintainer",),
}
"""Who may do what; each shows a certificate with this common name."""


def install_store(servers: Sequence[Postgres], pki: Pki) -> None:
    """Make database, tables, roles and users, or bring them up to date. Raises ClusterError and psycopg.Error."""
    primary = next(server for server in servers if server.is_primary())
    with primary.connect() as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    # From a file, for a URL is a secret and others can read command lines.
    admin = primary.folder / ".admin-url"
    write_private(admin, url([primary], DATABASE, OWNER, pki.postgres.issue(OWNER)))
    try:
        primary.outside([*pdp(), "snapshot", "init-store", "--url-file", str(admin)])
    finally:
        admin.unlink()
    with primary.connect(DATABASE) as connection:
        for user, roles in USERS.items():
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [user]).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(user)))
            for role in roles:
                connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(user)))


def postgres_url(servers: Sequence[Postgres], pki: Pki, user: str = USER) -> str:
    """Return how a user reaches the store on whichever server is the primary."""
    return url(servers, DATABASE, user, pki.postgres.issue(user))
