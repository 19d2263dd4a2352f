from __future__ import annotations

import base64
from pathlib import Path

import pytest

from jingxi_client import KeyUnavailableError, keys_from_env, keys_from_folder

KEY = bytes(range(32))
TEXT = base64.b64encode(KEY).decode()


def test_keys_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINGXI_KEY_ID_CARD_2026", TEXT)
    keys = keys_from_env()
    assert keys("id-card.2026") == KEY
    assert keys("other") is None
    assert keys("../etc") is None
    monkeypatch.setenv("JINGXI_KEY_SHORT", "c2hvcnQ=")
    with pytest.raises(KeyUnavailableError, match="`JINGXI_KEY_SHORT` holds 5 bytes"):
        keys("short")
    monkeypatch.setenv("BANK_K", TEXT)
    assert keys_from_env("BANK_")("k") == KEY


def test_keys_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "id-card.2026").write_text(TEXT + "\n")
    (tmp_path / "bad").write_text("not base64!")
    (tmp_path / "binary").write_bytes(b"\xff" * 32)
    (tmp_path / "folder").mkdir()
    keys = keys_from_folder(tmp_path)
    assert keys("id-card.2026") == KEY
    assert keys("other") is None
    assert keys("../id-card.2026") is None
    for name in ("bad", "binary", "folder"):
        with pytest.raises(KeyUnavailableError, match=name):
            keys(name)
