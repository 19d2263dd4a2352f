"""The whole suite: in which order, in how many processes, and what these share."""

from __future__ import annotations

import gc
import os
import sys

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does.
settings.register_profile("jingxi", deadline=None)
settings.load_profile("jingxi")

# Hundreds of processes are started; each would compile the whole of `pdp` anew, and pytest every file of tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Each file may share a server among its tests, so it must not be divided (`--dist loadfile`); a long one that begins
# last would leave the other processes idle. These take longer than 20 s, the longest first.
_LONG = (
    "tests/docs/test_pages.py",
    "tests/clients/test_java.py",
    "tests/clients/test_go.py",
    "tests/clients/test_typescript.py",
    "tests/integration/test_spool_process.py",
    "tests/integration/test_workers.py",
    "tests/integration/test_shadow.py",
    "tests/integration/test_snapshots_process.py",
    "tests/integration/test_kv_etcd.py",
    "tests/integration/test_managed_callers.py",
    "tests/integration/test_callers.py",
    "tests/integration/test_backup_drill.py",
    "tests/docs/test_demo.py",
)
# Then what waits for processes, and last what does not.
_FOLDERS = ("tests/clients/", "tests/integration/", "tests/docs/", "clients/", "tests/conformance/", "tests/gui/")


def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes test: half as many again as processors, for they wait for others much of their time."""
    return max(2, len(os.sched_getaffinity(0)) * 3 // 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by file; tests of one file keep their order."""
    items.sort(key=lambda item: _place(item.nodeid))


def pytest_collection_finish() -> None:
    """Leave what is imported, which stays for good, out of collections of garbage: each test of a window makes one."""
    gc.collect()
    gc.freeze()


def _place(nodeid: str) -> int:
    file = nodeid.partition("::")[0]
    if file in _LONG:
        return _LONG.index(file)
    return len(_LONG) + next((i for i, folder in enumerate(_FOLDERS) if file.startswith(folder)), len(_FOLDERS))
