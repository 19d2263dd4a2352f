"""The processes that another one has started, as Linux tells them."""

from __future__ import annotations

import contextlib
from pathlib import Path

WORKER, SHIPPER, ZYGOTE = "pdp-worker", "pdp-shipper", "pdp-zygote"
"""What the processes of `pdp serve` are called, other than the supervisor."""


def descendants(pid: int) -> list[int]:
    """Return the processes that this one has started, those that they have started, and so on."""
    found: list[int] = []
    with contextlib.suppress(OSError):  # it ended meanwhile
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, path.read_text().split()):
                found += [child, *descendants(child)]
    return found


def named(pid: int, name: str) -> list[int]:
    """Return those descendants of a process that are called so."""
    return [found for found in descendants(pid) if _name(found) == name]


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
