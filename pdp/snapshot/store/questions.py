"""Opens a store for the staff's queries."""

from __future__ import annotations

from pdp.snapshot.store import open_reader, sqlite_path
from pdp.snapshot.store.base import Reader


def open_questions(url: str) -> Reader:
    """Open a store for queries by people; safe to be used by several threads. Raises ConfigError."""
    if url.startswith("sqlite:"):
        from pdp.snapshot.store.sqlite_questions import SqliteQuestions  # noqa: PLC0415 - only the one in use

        return SqliteQuestions(sqlite_path(url))
    # Tells what is wrong with any other URL, and that the extra is missing.
    open_reader(url).close()
    from pdp.snapshot.store.postgres_questions import PostgresQuestions  # noqa: PLC0415 - needs an extra

    return PostgresQuestions(url)
