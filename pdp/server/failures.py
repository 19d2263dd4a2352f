"""Counts failed authentications by address, so that one who keeps trying is slowed down and cannot fill the log."""

from __future__ import annotations

import time
from collections import OrderedDict

from pdp.server.rate import Bucket, Cells, Clock, Throttle

_PER_SECOND, _BURST = 5.0, 20.0
_LOG_PER_SECOND, _LOG_BURST = 1.0, 20.0
_ADDRESSES = 1_024


class Failures:
    """Failures of one process. Only a call that fails is counted and slowed, others from the same address are not."""

    def __init__(self, clock: Clock = time.monotonic_ns) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._throttle = Throttle(_LOG_PER_SECOND, _LOG_BURST, clock)

    def add(self, address: str) -> tuple[float, int | None]:
        """Count a failure; return how long the address should wait (0: not at all) and what `Throttle` says of it."""
        host = host_of(address)
        bucket = self._buckets.pop(host, None)
        if bucket is None:
            bucket = Bucket(_PER_SECOND, _BURST, Cells.single(), clock=self._clock)
            if len(self._buckets) >= _ADDRESSES:
                self._buckets.popitem(last=False)
        self._buckets[host] = bucket
        return bucket.take(), self._throttle.let_through()


def host_of(address: str) -> str:
    """Return an address such as `ipv4:10.0.0.7:51234` without its port, which changes with every connection."""
    kind, _, rest = address.partition(":")
    return f"{kind}:{rest.rpartition(':')[0]}" if kind in {"ipv4", "ipv6"} else address
