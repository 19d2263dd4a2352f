"""Time zones out of the pinned `tzdata` package, never out of the machine: every node must decide alike."""

from __future__ import annotations

import datetime
import functools
import re
import zoneinfo
from importlib import resources

from pdp.values import NANOS, TIMESTAMP_MAX, TIMESTAMP_MIN

_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):([0-5][0-9])")
_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock arithmetic, the offset is added by hand
_BUCKET = 900
_BUCKET_NANOS = _BUCKET * NANOS
_FIRST, _LAST = TIMESTAMP_MIN // NANOS + 86_400, TIMESTAMP_MAX // NANOS - 86_400


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


def local_seconds(nanos: int, zone: str) -> int:
    """Return what a clock in the zone shows at a timestamp, as seconds since it showed 1970-01-01T00:00:00."""
    seconds = nanos // NANOS
    start = seconds - seconds % _BUCKET
    offset = _steady_offset(start, zone)
    return seconds + (offset if offset is not None else _offset(seconds, zone))


def local_hour(nanos: int, zone: str) -> int:
    """Return the hour, 0 to 23, that a clock in the zone shows: what rules ask most, so a quarter of an hour is one."""
    hour = _steady_hour(nanos // _BUCKET_NANOS, zone)
    return hour if hour is not None else local_seconds(nanos, zone) // 3_600 % 24


@functools.lru_cache(maxsize=4_096)
def _steady_hour(bucket: int, zone: str) -> int | None:
    """Return the hour if it is the same all through a quarter of an hour, else None."""
    start = bucket * _BUCKET
    if _steady_offset(start, zone) is None:
        return None
    first, last = (local_seconds(second * NANOS, zone) // 3_600 for second in (start, start + _BUCKET - 1))
    return first % 24 if first == last else None


@functools.lru_cache(maxsize=4_096)
def _steady_offset(start: int, zone: str) -> int | None:
    """Return the offset from UTC if it is the same all through a quarter of an hour, else None."""
    first, last = _offset(start, zone), _offset(start + _BUCKET - 1, zone)
    return first if first == last else None


def _offset(seconds: int, zone: str) -> int:
    fixed = zone_offset(zone)
    if fixed is None:
        # Near the ends of time zoneinfo cannot compute; no zone has transitions there, so a day inwards is the same.
        inside = min(max(seconds, _FIRST), _LAST)
        utc = _EPOCH + datetime.timedelta(seconds=inside)
        fixed = utc.replace(tzinfo=datetime.UTC).astimezone(_zone(zone)).utcoffset() or datetime.timedelta(0)
    return fixed.days * 86_400 + fixed.seconds


def local_date(nanos: int, zone: str) -> datetime.date:
    """Return the date that a clock in the zone shows. Raises OverflowError outside the years 1 to 9999."""
    return _EPOCH.date() + datetime.timedelta(days=local_seconds(nanos, zone) // 86_400)
