"""Where networks are, and whether anybody travels between two of them in the time that passed (requirement B21).

The table is the bank's own: private networks stand in no public one. Without it nothing is known of places.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:  # every command about accounts imports this, and none reads policies
    from pdp.lang.loader.places import PlaceSpec

EARTH_KM: Final = 6_371.0088
"""Mean radius of the earth (IUGG)."""
NEAR_KM: Final = 100.0
"""Within this distance nobody travels impossibly: a city's networks end somewhere, and phones change between them."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Journey(NamedTuple):
    """From one place to another: how far in km, and how fast in km/h, infinite in no time."""

    start: str
    end: str
    km: float
    kmh: float


@dataclass(frozen=True, slots=True)
class PlaceTable:
    """Networks with their places; of several that hold an address the narrowest counts."""

    places: tuple[tuple[Network, PlaceSpec], ...]

    @classmethod
    def of(cls, specs: Iterable[PlaceSpec]) -> PlaceTable:
        """Return the table of what a places file says."""
        found = [(ipaddress.ip_network(network), spec) for spec in specs for network in spec.networks]
        return cls(tuple(sorted(found, key=lambda item: item[0].prefixlen, reverse=True)))

    def find(self, address: str) -> PlaceSpec | None:
        """Return where an address is; None when nobody knows."""
        try:
            wanted: IpAddress = ipaddress.ip_address(address)
        except ValueError:
            return None
        if isinstance(wanted, ipaddress.IPv6Address) and wanted.ipv4_mapped is not None:
            wanted = wanted.ipv4_mapped
        return next((spec for network, spec in self.places if wanted in network), None)

    def journey(self, before: str, after: str, seconds: float) -> Journey | None:
        """Return the way between two addresses that took so many seconds; None when a place is not known."""
        start, end = self.find(before), self.find(after)
        if start is None or end is None:
            return None
        km = distance(start.latitude, start.longitude, end.latitude, end.longitude)
        hours = max(seconds, 0.0) / 3600
        return Journey(start.city, end.city, km, km / hours if hours else (math.inf if km else 0.0))


def distance(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return the distance in km along the earth between two points in degrees (haversine)."""
    a, b = math.radians(latitude), math.radians(other_latitude)
    north, east = b - a, math.radians(other_longitude - longitude)
    half = math.sin(north / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(east / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))
