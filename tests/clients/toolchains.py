"""The compilers and package managers of the clients' languages, and how their own test suites are run.

A suite is a program of its own: it gets what it needs by the environment (`environment`) and says by its exit code how
it went. Without its toolchain it is skipped, but never where CI says that it must run.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from tests.integration.needs import missing

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "clients"
VECTORS = ROOT / "tests" / "vectors"
POLICIES = ROOT / "policies"

# With cold caches a suite downloads and builds everything; warm it takes less than a minute.
PATIENCE = 270.0
_TAIL = 120


def find(program: str, *, version: Sequence[str], at_least: tuple[int, ...], where: str) -> str:
    """Return the path of a program; without it, or with one that is too old, the test ends by `missing`.

    `version` are the arguments by which it tells its version, `where` tells people how to get it.
    """
    found = shutil.which(program)
    if found is None:
        missing(f"`{program}`; {where}")
    said = subprocess.run([found, *version], check=False, capture_output=True, text=True, timeout=60)
    match = re.search(r"([0-9]+(?:\.[0-9]+)+)", said.stdout + said.stderr)
    if said.returncode != 0 or match is None:
        missing(f"a working `{program}`: it said {(said.stdout + said.stderr).strip()[-200:]!r}")
    if tuple(map(int, match[1].split("."))) < at_least:
        missing(f"`{program}` {'.'.join(map(str, at_least))} or newer, not {match[1]}; {where}")
    return found


def go() -> str:
    """Return the path of Go's command."""
    return find("go", version=["version"], at_least=(1, 25), where="see go.dev/dl")


def node() -> str:
    """Return the path of Node.js."""
    return find("node", version=["--version"], at_least=(20,), where="on Debian: apt-get install nodejs")


def npm() -> str:
    """Return the path of npm, which needs Node.js."""
    node()
    return find("npm", version=["--version"], at_least=(9,), where="on Debian: apt-get install npm")


def java() -> str:
    """Return the path of Java's launcher of a development kit."""
    found = find("java", version=["-version"], at_least=(11,), where="on Debian: apt-get install default-jdk-headless")
    find("javac", version=["-version"], at_least=(11,), where="on Debian: apt-get install default-jdk-headless")
    return found


def mvn() -> str:
    """Return the path of Maven, which needs a Java development kit."""
    java()
    return find("mvn", version=["--version"], at_least=(3, 6), where="on Debian: apt-get install maven")


def environment(**more: str) -> dict[str, str]:
    """Return what a suite runs with: this process's environment, and where vectors, server and policies are.

    `JINGXI_SERVE` is a JSON list: the command that serves, to which the suite appends options such as
    `--policies DIR --listen 127.0.0.1:0 --ready-file FILE --data DIR --node n1`.
    """
    own = {
        "JINGXI_VECTORS": str(VECTORS),
        "JINGXI_SERVE": json.dumps([sys.executable, "-m", "pdp.cli", "serve"]),
        "JINGXI_PDP": json.dumps([sys.executable, "-m", "pdp.cli"]),
        "JINGXI_POLICIES": str(POLICIES),
    }
    return {**os.environ, **own, **more}


def run(
    command: Sequence[str | Path],
    folder: Path,
    *,
    given: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
) -> str:
    """Return what a command wrote; the test fails with the end of it when the command does, or takes too long.

    `given` is the environment, by default `environment()`. The command and all that it started are ended with it.
    """
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            words, cwd=folder, env=dict(given if given is not None else environment()),
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            code: int | None = process.wait(patience)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    if code != 0:
        _failed(words, folder, f"took longer than {patience:.0f} s" if code is None else f"ended with {code}", said)
    return said


def _failed(words: list[str], folder: Path, how: str, said: str) -> NoReturn:
    lines = said.splitlines()
    left_out = [f"… {len(lines) - _TAIL} lines before"] if len(lines) > _TAIL else []
    where = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
    story = [f"`{' '.join(words)}` in `{where}` {how}:", *left_out, *lines[-_TAIL:]]
    pytest.fail("\n".join(story), pytrace=False)
