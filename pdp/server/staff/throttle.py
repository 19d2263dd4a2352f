"""Slows down who tries many names from one network address.

Accounts count their own failures; whoever tries one password on every name is seen by the address alone. An address
with too many failures is refused before anything is compared, so that it learns nothing more.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from typing import Final

from pdp.errors import RateLimitedError
from pdp.server.rate import Bucket, Cells, Clock, Throttle

USUAL: Final = 30
WINDOW_SECONDS: Final = 600
ADDRESSES: Final = 4_096
"""Of more the one that failed the longest ago is forgotten."""
_IPV6_PREFIX: Final = 64
"""What one customer of a provider has at least."""


class AddressThrottle:
    """Failed sign-ins of this process by address: so many at once, and as many again in ten minutes; 0 for any number.

    Safe to share between threads.
    """

    def __init__(self, failures: int = USUAL, clock: Clock = time.monotonic_ns) -> None:
        self._failures = failures
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self.refused = 0
        """How many attempts had to wait."""
        self.told = Throttle(1 / 60, 10, clock)
        """Says which of those who have to wait the record tells."""

    def check(self, address: str) -> None:
        """Raise RateLimitedError for an address with too many failures."""
        with self._lock:
            bucket = self._buckets.get(source_of(address))
            wait = 0.0 if bucket is None else bucket.wait()
            self.refused += bool(wait)
        if wait:
            raise RateLimitedError(f"too many sign-ins failed from this address; wait {wait:.0f} s", wait)

    def failed(self, address: str) -> None:
        """Count a failure."""
        if not self._failures:
            return
        with self._lock:
            source = source_of(address)
            bucket = self._buckets.pop(source, None)
            if bucket is None:
                per_second = self._failures / WINDOW_SECONDS
                bucket = Bucket(per_second, self._failures, Cells.single(), clock=self._clock)
                if len(self._buckets) >= ADDRESSES:
                    self._buckets.popitem(last=False)
            self._buckets[source] = bucket
            bucket.charge(1)

    def __len__(self) -> int:
        return len(self._buckets)


def source_of(address: str) -> str:
    """Return whom an address counts as: itself, of IPv6 its /64; empty for this machine's socket file."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _IPV6_PREFIX), strict=False))
    return str(found)
