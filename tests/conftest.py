"""The order of the whole suite: each file stays whole in one process, and files that take minutes begin first."""

from __future__ import annotations

import pytest

# Each file may share a server among its tests, so it must not be divided (`--dist loadfile`); a long one that begins
# last would leave the other processes idle.
_FIRST = ("tests/clients/", "tests/integration/", "tests/docs/", "clients/", "tests/conformance/", "tests/gui/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by folder; tests of one file keep their order."""
    items.sort(key=lambda item: next((i for i, folder in enumerate(_FIRST) if item.nodeid.startswith(folder)), 99))
