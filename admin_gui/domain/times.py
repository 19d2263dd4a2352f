"""Times as people here read them: of this machine's time zone."""

from __future__ import annotations

import datetime
from typing import Final

_NANOS: Final = 1_000_000_000


def clock(nanos: int, *, with_year: bool = False) -> str:
    """Return nanoseconds since 1970 as a time of day; a dash for never."""
    if not nanos:
        return "–"
    moment = datetime.datetime.fromtimestamp(nanos // _NANOS, datetime.UTC).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S" if with_year else "%m-%d %H:%M:%S")
