"""A moment with given local hours, weekdays and dates, or the word that none was found."""

from __future__ import annotations

import datetime
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pdp.lang.analyse.regions import Region, holds
from pdp.lang.zones import local_date, local_seconds
from pdp.values import NANOS, TIMESTAMP_MAX, TIMESTAMP_MIN, parse_timestamp

# A Monday morning in Beijing, as in the examples of the guides.
PLEASANT: Final = parse_timestamp("2026-03-02T10:00:00+08:00")
_DAYS: Final = 1_500
_TRIED: Final = 5_000
_DAY_NANOS: Final = 86_400 * NANOS
_EPOCH: Final = datetime.date(1970, 1, 1)

_OF_DATE: Final[dict[str, Callable[[datetime.date], int]]] = {
    "year": lambda date: date.year,
    "month": lambda date: date.month - 1,
    "day_of_year": lambda date: date.timetuple().tm_yday - 1,
    "day_of_month": lambda date: date.day - 1,
    "date": lambda date: date.day,
    "day_of_week": lambda date: date.isoweekday() % 7,
}
# How many seconds one of them lasts, and how many of them there are.
_OF_TIME: Final = {"hours": (3_600, 24), "minutes": (60, 60), "seconds": (1, 60)}
_OF_DAY: Final = ("hours", "minutes", "seconds", "milliseconds")


@dataclass(frozen=True, slots=True)
class Reading:
    """What an accessor must say in a zone."""

    accessor: str
    zone: str
    region: Region

    def fits(self, nanos: int) -> bool:
        """Whether it says so at a moment."""
        if self.accessor == "milliseconds":
            return holds(self.region, nanos % NANOS // 1_000_000)
        if self.accessor in _OF_TIME:
            length, count = _OF_TIME[self.accessor]
            return holds(self.region, local_seconds(nanos, self.zone) // length % count)
        try:
            date = local_date(nanos, self.zone)
        except OverflowError:
            return False
        return holds(self.region, _OF_DATE[self.accessor](date))


@functools.lru_cache(maxsize=1_024)
def moment(region: Region, readings: tuple[Reading, ...]) -> int | None:
    """Return nanoseconds since 1970 that lie in the region and fit every reading, a pleasant moment if possible.

    None means that the search found nothing, not that there is nothing.
    """
    for nanos in itertools.islice(_moments(region, readings), _TRIED):
        if holds(region, nanos) and all(reading.fits(nanos) for reading in readings):
            return nanos
    return None


def _moments(region: Region, readings: Sequence[Reading]) -> Iterator[int]:
    yield PLEASANT
    ends = [low for low, _ in region] + [high - 1 for _, high in region]
    yield from (end for end in ends if TIMESTAMP_MIN < end < TIMESTAMP_MAX)
    zone = next((r.zone for r in readings if r.accessor in _OF_DAY), readings[0].zone if readings else "UTC")
    times = list(_times([r for r in readings if r.zone == zone]))
    dates = [r for r in readings if r.accessor not in _OF_DAY]
    for start in _starts(region, readings):
        for day in range(_DAYS):
            noon = start + day * _DAY_NANOS
            if noon > TIMESTAMP_MAX - _DAY_NANOS:
                break
            # Another zone may have another date at noon, so only readings in this one can rule out the day.
            if all(r.fits(noon - _offset(noon, zone)) for r in dates if r.zone == zone):
                midnight = noon - _DAY_NANOS // 2
                yield from (midnight + time - _offset(noon, zone) for time in times)


def _starts(region: Region, readings: Sequence[Reading]) -> Iterator[int]:
    """Yield days, as their noon on the wall clock, from which a search may begin."""
    noon = _DAY_NANOS // 2
    years = [low for r in readings if r.accessor == "year" for low, _ in r.region if 1 <= low <= 9999]
    for year in years:
        yield (datetime.date(year, 1, 1) - _EPOCH).days * _DAY_NANOS + noon
    if not years:
        today = PLEASANT // _DAY_NANOS * _DAY_NANOS + noon
        if any(high > today for _, high in region):
            yield today
        for low, high in region:
            yield low // _DAY_NANOS * _DAY_NANOS + noon
            yield max(high // _DAY_NANOS - _DAYS // 2, TIMESTAMP_MIN // _DAY_NANOS + 1) * _DAY_NANOS + noon


def _times(readings: Sequence[Reading]) -> Iterator[int]:
    """Yield times of day, in nanoseconds since midnight: every hour that fits, each with the first fitting rest."""
    choices: list[list[int]] = []
    for accessor, count in zip(_OF_DAY, (24, 60, 60, 1_000), strict=True):
        regions = [r.region for r in readings if r.accessor == accessor]
        fitting = [n for n in range(count) if all(holds(region, n) for region in regions)]
        if accessor == "hours" and 10 in fitting:
            fitting = [10, *(n for n in fitting if n != 10)]
        choices.append(fitting if accessor == "hours" else fitting[:1])
    for hours, minutes, seconds, millis in itertools.product(*choices):
        yield (hours * 3_600 + minutes * 60 + seconds) * NANOS + millis * 1_000_000


def _offset(wall: int, zone: str) -> int:
    """Return how far a zone's clocks are ahead of UTC, in nanoseconds, around a wall time."""
    return local_seconds(wall, zone) * NANOS - wall // NANOS * NANOS
