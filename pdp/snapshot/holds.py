"""Legal holds: days whose records are not dropped, and the record of what is done to records.

Whatever is done here is itself recorded, as an operation whose `details` tell all of it.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from pdp.engine.decision_ids import DecisionIds
from pdp.errors import StoreError
from pdp.snapshot.store.base import Hold, Maintainer
from pdp.v1 import snapshot_pb2
from pdp.values import NANOS

DAY_NANOS: Final = 86_400 * NANOS

Record = Callable[[snapshot_pb2.Operation], None]
"""Makes an operation durable before it returns. Raises SpoolError or StoreError."""


def iso(day: int) -> str:
    """Return a day since 1970 as `2026-03-02`."""
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=day)).isoformat()


def day_of(nanos: int) -> int:
    """Return the UTC day since 1970 of a time in nanoseconds."""
    return nanos // DAY_NANOS


def holding(holds: Iterable[Hold], day: int) -> list[Hold]:
    """Return the holds that cover a day."""
    return [hold for hold in holds if hold.first_day <= day <= hold.last_day]


def add_hold(
    maintainer: Maintainer, first_day: int, last_day: int, reason: str, by: str, now: int, record: Record
) -> Hold:
    """Forbid dropping the records of these days (inclusive) and record it as `snapshot.hold.add`.

    The hold stands before it is recorded, so that a crash leaves too much rather than too little. Raises StoreError,
    also for days in the wrong order or a missing reason, and what `record` raises.
    """
    if first_day > last_day:
        raise StoreError(f"a hold from `{iso(first_day)}` cannot end on `{iso(last_day)}`; swap the days")
    if not reason.strip():
        raise StoreError("a hold needs a reason, such as the number of the case")
    # Short enough to be typed; the store refuses a second one.
    hold = Hold(f"{iso(day_of(now))}-{os.urandom(3).hex()}", first_day, last_day, reason.strip(), by, now)
    maintainer.add_hold(hold)
    record(operation("snapshot.hold.add", by, now, _hold_details(hold)))
    return hold


def remove_hold(maintainer: Maintainer, hold_id: str, reason: str, by: str, now: int, record: Record) -> Hold:
    """End a hold, and record it as `snapshot.hold.remove` before it ends. Raises StoreError and what `record` does."""
    held = next((hold for hold in maintainer.holds() if hold.id == hold_id), None)
    if held is None:
        raise StoreError(f"there is no hold `{hold_id}`; `pdp snapshot hold list` shows those that stand")
    if not reason.strip():
        raise StoreError("the end of a hold needs a reason, such as the number of the case")
    details = _hold_details(held) | {"end_reason": reason.strip()}
    record(operation("snapshot.hold.remove", by, now, details))
    try:
        maintainer.remove_hold(hold_id)
    except StoreError as error:
        record(operation("snapshot.hold.remove", by, now, details | {"error": str(error)}, success=False))
        raise
    return held


def _hold_details(hold: Hold) -> dict[str, str]:
    return {
        "hold": hold.id,
        "first_day": iso(hold.first_day),
        "last_day": iso(hold.last_day),
        "reason": hold.reason,
        "by": hold.by,
    }


def operation(
    kind: str, actor: str, now: int, details: Mapping[str, str], *, success: bool = True
) -> snapshot_pb2.Operation:
    """Return the record of something that was done on this machine, with an id of its own."""
    return snapshot_pb2.Operation(
        id=DecisionIds().head()[2:].decode(),
        time_nanos=now,
        actor=actor,
        kind=kind,
        success=success,
        details=dict(details),
    )
