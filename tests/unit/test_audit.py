"""`make audit` never takes silence for good news. A stand-in answers here; the real one is `pip-audit`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "requirements" / "audit.py"
SOUND = {"name": "a", "version": "1", "vulns": []}
UNKNOWN = {"name": "b", "skip_reason": "not found"}
WEAK = {"name": "c", "version": "2", "vulns": [{"id": "X-2026-1", "fix_versions": ["2.1"]}]}


@pytest.mark.parametrize(
    ("told", "ci", "code", "words"),
    [
        ([SOUND], "", 0, "1 packages looked at"),
        ([SOUND, WEAK], "", 1, "c 2: X-2026-1, mended in 2.1"),
        ([UNKNOWN, UNKNOWN], "", 0, "skipped, the advisories cannot be had here: not found"),
        ([UNKNOWN, UNKNOWN], "true", 1, "skipped"),
        ([SOUND, UNKNOWN], "true", 1, "b: not looked at: not found"),
        (None, "", 0, "skipped, the advisories cannot be had here: no network"),
        (None, "true", 1, "skipped"),
    ],
)
def test_what_is_said_and_how_it_ends(
    tmp_path: Path, told: list[object] | None, ci: str, code: int, words: str
) -> None:
    answer = "raise SystemExit('no network')" if told is None else f"print({json.dumps({'dependencies': told})!r})"
    (tmp_path / "pip_audit.py").write_text(answer)
    environ = {key: value for key, value in os.environ.items() if key != "CI"} | ({"CI": ci} if ci else {})
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "run.txt"], capture_output=True, text=True, check=False, timeout=60,
        env=environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert words in done.stdout
