"""When and from where an account may be used (requirements B17 and B18)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Final

from pdp.errors import RequestError, Violation
from pdp.v1 import account_pb2

MAX_WINDOWS: Final = 20
MAX_NETWORKS: Final = 50
DAY_MINUTES: Final = 1440
_HERE: Final = "127.0.0.1"


def is_time(windows: Iterable[account_pb2.TimeWindow], now: int, zone: tzinfo | None) -> bool:
    """Whether a moment (nanoseconds since 1970) is in one of the windows; without any it always is.

    `zone` is that of the server when None.
    """
    windows = list(windows)
    moment = datetime.fromtimestamp(now / 10**9, zone)
    minute, day = moment.hour * 60 + moment.minute, moment.isoweekday()
    return not windows or any(_is_in(window, minute, day) for window in windows)


def is_place(networks: Iterable[str], address: str) -> bool:
    """Whether an address is in one of the networks; without any it always is. A socket file is loopback."""
    networks = list(networks)
    if not networks:
        return True
    try:
        found = ipaddress.ip_address(address or _HERE)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in ipaddress.ip_network(network, strict=False) for network in networks)


def network_of(address: str) -> str:
    """Return the neighbourhood of an address, for telling a new one: /24, or /48 of IPv6; empty for none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False))


def check(account: account_pb2.Account, field: str) -> None:
    """Raise RequestError for windows and networks that are none."""
    if len(account.windows) > MAX_WINDOWS or len(account.networks) > MAX_NETWORKS:
        raise RequestError(Violation(field, f"has at most {MAX_WINDOWS} windows and {MAX_NETWORKS} networks"))
    for index, window in enumerate(account.windows):
        inside = 0 <= window.from_minute < DAY_MINUTES and 0 <= window.to_minute <= DAY_MINUTES
        if not inside or not all(1 <= day <= 7 for day in window.days):
            raise RequestError(
                Violation(f"{field}.windows[{index}]", "has minutes of a day, 0 to 1,440, and days from 1 to 7")
            )
    for index, network in enumerate(account.networks):
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise RequestError(Violation(f"{field}.networks[{index}]", "is no network such as `10.1.0.0/16`")) from None


def _is_in(window: account_pb2.TimeWindow, minute: int, day: int) -> bool:
    days = window.days or range(1, 8)
    yesterday = 7 if day == 1 else day - 1
    if window.from_minute < window.to_minute:
        return day in days and window.from_minute <= minute < window.to_minute
    # Over midnight: the day is that on which it began.
    return (day in days and minute >= window.from_minute) or (yesterday in days and minute < window.to_minute)
