"""Where records end up: SQLite on one machine, PostgreSQL in a cluster.

A store is named by a URL: `sqlite:/path/to/snapshots.db` or `postgresql://user@host/database`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pdp.errors import ConfigError
from pdp.snapshot.store.base import Keeper, Maintainer, Reader, Writer

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["install", "open_keeper", "open_maintainer", "open_reader", "open_writer"]


def open_writer(url: str) -> Writer:
    """Open a store for a shipper. Raises ConfigError for a URL that names none.

    Whether the store is there shows at the first call, which raises StoreError.
    """
    return _backend(url).open_writer(url)  # type: ignore[no-any-return]


def open_reader(url: str) -> Reader:
    """Open a store for queries; safe to be used by several threads. Raises ConfigError."""
    return _backend(url).open_reader(url)  # type: ignore[no-any-return]


def open_maintainer(url: str) -> Maintainer:
    """Open a store for retention. Raises ConfigError."""
    return _backend(url).open_maintainer(url)  # type: ignore[no-any-return]


def open_keeper(url: str) -> Keeper:
    """Open a store for backups. Raises ConfigError."""
    if url.startswith("sqlite:"):
        from pdp.snapshot.store.sqlite_keeper import SqliteKeeper  # noqa: PLC0415 - only the one in use

        return SqliteKeeper(sqlite_path(url))
    _backend(url)  # says what is wrong with the URL, or which extra is missing
    from pdp.snapshot.store.postgres_keeper import PostgresKeeper  # noqa: PLC0415 - needs an extra

    return PostgresKeeper(url)


def install(
    url: str, *, writer: str = "jingxi_writer", auditor: str = "jingxi_auditor", maintainer: str = "jingxi_maintainer"
) -> None:
    """Create a store's tables and, in PostgreSQL, its roles, or bring them up to date.

    The URL names a user who may create tables and roles. Raises ConfigError and StoreError.
    """
    _backend(url).install(url, writer=writer, auditor=auditor, maintainer=maintainer)


def sqlite_path(url: str) -> Path:
    """Return the file that an SQLite URL names. Raises ConfigError."""
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc or parts.query or parts.fragment or not path.is_absolute():
        raise ConfigError(
            "an SQLite store's URL is `sqlite:` and an absolute path, such as `sqlite:/var/lib/jingxi/snapshots.db`"
        )
    return path


def _backend(url: str) -> ModuleType:
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from pdp.snapshot.store import sqlite  # noqa: PLC0415 - only the one in use

        return sqlite
    if scheme in {"postgresql", "postgres"}:
        try:
            from pdp.snapshot.store import postgres  # noqa: PLC0415 - needs an extra
        except ImportError as error:
            raise ConfigError(
                "a PostgreSQL store needs the extra `postgres`; install it with `pip install jingxi[postgres]`"
            ) from error
        return postgres
    # The URL itself may hold a password.
    raise ConfigError("the store's URL must begin with `sqlite:` or `postgresql://`")
