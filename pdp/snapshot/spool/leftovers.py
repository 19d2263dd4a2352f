"""What a writer leaves that dies while it begins: a boot's folder that never got its name, and so holds no record."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pdp.snapshot.spool.files import is_alive
from pdp.values import NANOS

AGE_NANOS: Final = 600 * NANOS
"""A folder gets its name within moments; one that is younger may be about to."""
_UNNAMED = re.compile(r"\.new-[0-9a-f]{16}-[0-9a-f]{8}")


def remove_leftovers(folders: Sequence[Path], now: int) -> int:
    """Remove the folders below these that `files.claim_boot` made and never named; return how many.

    `now` is in nanoseconds since 1970. Raises OSError.
    """
    removed = 0
    for folder in folders:
        for entry in folder.glob(".new-*"):
            if _UNNAMED.fullmatch(entry.name) is None:
                continue
            # It may get its name under our hands.
            with contextlib.suppress(FileNotFoundError):
                # Its writer may only be very slow.
                if now - entry.stat().st_mtime_ns >= AGE_NANOS and not is_alive(entry):
                    shutil.rmtree(entry)
                    removed += 1
    return removed
