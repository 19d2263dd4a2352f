"""Signing in at an OpenID provider, with accounts in the embedded store."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdp.control.kv.sqlite import SqliteStore
from tests.integration.kv_steps import Opener, opener
from tests.integration.oidc_contract import OidcContract, clock, provider, served

__all__ = ["clock", "provider", "served"]


class TestOidcInSqlite(OidcContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Opener:
        return opener(lambda: SqliteStore(tmp_path / "control" / "control.db"))
