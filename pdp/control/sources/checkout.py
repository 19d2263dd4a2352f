"""Texts in checkouts of git: a folder, and the commit that it is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from pdp.control.sources.folder import read_folder
from pdp.v1 import control_pb2

_SECONDS = 30
_FILES = ("*.yaml", "*.yml")


class Checkout(NamedTuple):
    """A folder's text; `commit` is the checkout's, empty when it is none or git is not there.

    `dirty` tells that the text is not quite that commit's.
    """

    sources: control_pb2.Sources
    commit: str
    dirty: bool

    def words(self) -> str:
        """Return where the text came from, for a reason; empty when that is not known."""
        if not self.commit:
            return ""
        return f"commit {self.commit}" + (" with changes that are not committed" if self.dirty else "")


def read_checkout(folder: Path) -> Checkout:
    """Return a folder's text with the commit. Raises as `read_folder`; git itself fails in silence."""
    before = _commit(folder)
    sources = read_folder(folder)
    if not before:
        return Checkout(sources, "", dirty=False)
    changed = _git(folder, "status", "--porcelain", "-z", "--untracked-files=all", "--", *_FILES)
    # What git was told to overlook, the loader reads all the same.
    ignored = _git(folder, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", *_FILES)
    # Whoever checks out another commit at this moment gives neither the one nor the other.
    clean = changed == ignored == "" and _commit(folder) == before
    return Checkout(sources, before, dirty=not clean)


def _commit(folder: Path) -> str:
    return (_git(folder, "rev-parse", "--verify", "--quiet", "HEAD") or "").strip()


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git says; None when it cannot tell."""
    program = shutil.which("git")
    if program is None:
        return None
    # Nothing of the checkout's own is to run, and nothing is to be written there.
    guarded = (program, "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C", str(folder))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, and a folder that it takes as one
            (*guarded, *arguments), env=environ | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}, timeout=_SECONDS,
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
