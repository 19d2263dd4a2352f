"""The embedded key-value store: the contract, and what is its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdp.control.kv.sqlite import SqliteStore
from tests.integration.kv_contract import KeyValueContract, Opener, opener


class TestSqliteStore(KeyValueContract):
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "control" / "control.db"

    @pytest.fixture
    def open_store(self, path: Path) -> Opener:
        return opener(lambda: SqliteStore(path))

    @pytest.fixture
    def place(self, path: Path) -> list[str]:
        return ["sqlite", str(path), ""]
