"""Time zones out of the pinned `tzdata` package, never out of the machine: every node must decide alike."""

from __future__ import annotations

import datetime
import functools
import re
import zoneinfo
from importlib import resources

from pdp.values import NANOS

_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):([0-5][0-9])")
_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock arithmetic, the offset is added by hand
_DAY = datetime.timedelta(days=1)


@functools.cache
def zone_names() -> frozenset[str]:
    """Return the names of the IANA time zones."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


def zone_offset(name: str) -> datetime.timedelta | None:
    """Return the fixed offset that a text such as `+08:00` or `UTC` stands for, or None."""
    if name == "UTC":
        return datetime.timedelta(0)
    match = _OFFSET.fullmatch(name)
    if match is None:
        return None
    delta = datetime.timedelta(hours=int(match.group(2)), minutes=int(match.group(3)))
    return -delta if match.group(1) == "-" else delta


@functools.cache
def _zone(name: str) -> zoneinfo.ZoneInfo:
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as stream:
        return zoneinfo.ZoneInfo.from_file(stream, key=name)


def wall_clock(nanos: int, zone: str) -> datetime.datetime:
    """Return the naive local time, cut to the second, at a timestamp in a zone.

    Raises OverflowError when the local time leaves the years 1 to 9999.
    """
    utc = _EPOCH + datetime.timedelta(seconds=nanos // NANOS)
    offset = zone_offset(zone)
    if offset is None:
        info = _zone(zone)
        # Near the ends of time zoneinfo cannot compute; no zone has transitions there, so a day inwards is the same.
        inside = utc + _DAY if utc.year == 1 else utc - _DAY if utc.year == 9999 else utc
        local = inside.replace(tzinfo=datetime.UTC).astimezone(info)
        offset = local.utcoffset() or datetime.timedelta(0)
    return utc + offset
