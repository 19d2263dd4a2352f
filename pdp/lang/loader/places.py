"""Reads places files: where a bank's networks are, by city and coordinates."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from pdp.lang.loader.nodes import Node
from pdp.lang.loader.reader import Reader, Record, Shape
from pdp.source import Span

MAX_PLACES = 4_096
MAX_NETWORKS = 65_536

_DOCUMENT = Shape("Places document", "kind places")
_PLACE = Shape("place", "city latitude longitude networks")


@dataclass(frozen=True, slots=True)
class PlaceSpec:
    """A city with its coordinates in degrees, north and east positive, and its networks as CIDR."""

    city: str
    latitude: float
    longitude: float
    networks: tuple[str, ...]


class PlacesReader:
    """Reads the documents of one file; a network stands once in the whole file."""

    def __init__(self, reader: Reader) -> None:
        self.places: list[PlaceSpec] = []
        self._reader = reader
        self._networks: dict[str, Span] = {}

    def read(self, document: Node) -> None:
        """Read one document."""
        record = self._reader.record(document, _DOCUMENT)
        items = [] if record is None else record.items("places")
        if record is not None and len(self.places) + len(items) > MAX_PLACES:
            self._reader.error("too-large", f"there are more than {MAX_PLACES:,} places", record.span("places"))
            return
        for item in items:
            found = self._reader.record(item, _PLACE, "a place")
            if found is not None:
                self._place(found)

    def _place(self, record: Record) -> None:
        city = record.filled("city")
        latitude, longitude = self._degrees(record, "latitude", 90), self._degrees(record, "longitude", 180)
        networks = tuple(filter(None, (self._network(item) for item in record.items("networks"))))
        if len(self._networks) > MAX_NETWORKS:
            self._reader.error("too-large", f"there are more than {MAX_NETWORKS:,} networks", record.span("networks"))
        elif city and latitude is not None and longitude is not None and networks:
            self.places.append(PlaceSpec(city, latitude, longitude, networks))

    def _degrees(self, record: Record, key: str, most: int) -> float | None:
        node = record.get(key)
        value = None if node is None else self._reader.plain(node)
        if node is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._reader.wrong_type(node, f"`{key}`", "a number")
            return None
        if not -most <= value <= most:
            self._reader.error("bad-value", f"`{key}` is {value}, outside -{most} to {most} degrees", node)
            return None
        return float(value)

    def _network(self, node: Node) -> str | None:
        text = self._reader.text(node, "an item of `networks`")
        if text is None:
            return None
        try:
            network = str(ipaddress.ip_network(text))
        except ValueError:
            hint = "write it as `10.1.0.0/16`, without bits beyond its length"
            self._reader.error("bad-value", "this is no network", node, hint)
            return None
        message = f"the network `{network}` is written twice"
        return network if self._reader.is_new(self._networks, network, node.span, message, "duplicate-value") else None
