"""From which devices an account signs in (requirement B19): each has a secret of its own, of which we keep the hash."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from pdp.control.accounts.names import check_text
from pdp.errors import RequestError, Violation
from pdp.v1 import account_pb2

SECRET_BYTES: Final = 32
MOST: Final = 10


def check(secret: bytes, name: str) -> None:
    """Raise RequestError for what is no device's secret or name."""
    if len(secret) != SECRET_BYTES:
        raise RequestError(Violation("device", f"is {SECRET_BYTES} random bytes that the device keeps"))
    check_text(name, "device_name")


def digest(secret: bytes) -> bytes:
    """Return what is kept of a device's secret."""
    return hashlib.sha256(secret).digest()


def find(account: account_pb2.Account, hashed: bytes) -> account_pb2.Device | None:
    """Return a device of an account."""
    for device in account.devices:
        if hmac.compare_digest(device.secret_hash, hashed):
            return device
    return None


def used(account: account_pb2.Account, hashed: bytes, name: str, address: str, now: int) -> None:
    """Note that somebody signed in from a device, which is bound to the account if it is new.

    Of too many the one that was not used for the longest time goes.
    """
    device = find(account, hashed)
    if device is None:
        if len(account.devices) >= MOST:
            oldest = min(range(len(account.devices)), key=lambda index: account.devices[index].last_nanos)
            del account.devices[oldest]
        device = account.devices.add(secret_hash=hashed, since_nanos=now)
    device.name = name or device.name
    device.last_address = address
    device.last_nanos = now
