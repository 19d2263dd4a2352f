"""Confirming rights in the embedded store."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdp.control.kv.sqlite import SqliteStore
from tests.integration.confirming_contract import ConfirmingContract
from tests.integration.kv_steps import Opener, opener


class TestConfirmingInSqlite(ConfirmingContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Opener:
        return opener(lambda: SqliteStore(tmp_path / "control" / "control.db"))
