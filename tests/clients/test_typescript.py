"""The TypeScript client: its own test suite, its style, and what would be published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients import toolchains

FOLDER = toolchains.CLIENTS / "typescript"
LOCK = FOLDER / "package-lock.json"
INSTALLED = FOLDER / "node_modules" / ".package-lock.json"
# A cold build of everything and the service on a machine that has other things to do.
PATIENCE = 270.0


@pytest.fixture(scope="module")
def npm() -> str:
    """Return npm's command, with what the lock file pins installed and the client built."""
    found = toolchains.npm()
    if not INSTALLED.exists() or INSTALLED.stat().st_mtime < LOCK.stat().st_mtime:
        # `npm ci` refuses a lock file without download addresses for packages of other platforms.
        options = ("--no-save", "--ignore-scripts", "--no-audit", "--no-fund")
        toolchains.run([found, "install", *options], FOLDER, patience=PATIENCE)
    toolchains.run([found, "run", "--silent", "build"], FOLDER, patience=PATIENCE)
    return found


def test_suite(npm: str) -> None:
    said = toolchains.run([npm, "test", "--silent"], FOLDER, patience=PATIENCE)
    assert "ℹ fail 0" in said
    assert "ℹ skipped 0" in said or "needs leave to mount" in said


def test_style(npm: str) -> None:
    toolchains.run([npm, "run", "--silent", "lint"], FOLDER)


@pytest.mark.slow
def test_documentation_of_every_public_name(npm: str, tmp_path: Path) -> None:
    toolchains.run([npm, "run", "--silent", "docs", "--", "--out", tmp_path], FOLDER)
    assert (tmp_path / "index.html").exists()


def test_only_what_users_need_is_published(npm: str, tmp_path: Path) -> None:
    # Its script would build anew, in a folder that others read at the same time.
    said = toolchains.run([npm, "pack", "--ignore-scripts", "--json", "--pack-destination", tmp_path], FOLDER)
    (packed,) = json.loads(said[said.index("[") :])
    assert (packed["name"], packed["version"]) == ("@jingxi/client", "0.1.0")
    paths = {entry["path"] for entry in packed["files"]}
    assert {"README.md", "LICENSE", "package.json"} <= paths
    assert {path.split("/")[0] for path in paths} == {"README.md", "LICENSE", "package.json", "dist"}
    assert {Path(path).suffix for path in paths if path.startswith("dist/")} == {".js", ".ts"}
    for entry in ("dist/index.js", "dist/index.d.ts", "dist/offline/index.js", "dist/express.d.ts"):
        assert entry in paths


def test_lock_file_names_no_address() -> None:
    lock = json.loads(LOCK.read_text("utf-8"))
    assert all("resolved" not in package for package in lock["packages"].values())
