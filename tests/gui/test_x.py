"""The program on a real X server, where fonts, the platform plugin and window managers' ways are real."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.integration.needs import missing

ROOT = Path(__file__).resolve().parents[2]
STORY = "tests/gui/test_window.py::test_from_the_sample_bank_to_a_masked_field"


def test_from_the_sample_bank_to_a_masked_field_on_x(tmp_path: Path) -> None:
    program = shutil.which("xvfb-run")
    if program is None:
        missing("xvfb-run (Debian package xvfb)")
    screen = [program, "--auto-servernum", "--server-args=-screen 0 1400x900x24"]
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path}/inner", STORY]
    done = subprocess.run(
        [*screen, *tests], cwd=ROOT, env=os.environ | {"QT_QPA_PLATFORM": "xcb"}, capture_output=True, text=True,
        check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
