"""What stands wrong is recorded once when it comes and once when it goes."""

from __future__ import annotations

import time
from typing import Any

from pdp.server.alarm_records import AlarmRecords
from pdp.server.facts import ShipperFacts, Shipping, Snapshot


def spool(level: str) -> Snapshot:
    return {"audit": {"level": level}}  # type: ignore[typeddict-item]


def shipper(**alarms: str) -> ShipperFacts:
    told = Shipping(
        shipped=0, lag_records=0, lag_bytes=0, lag_seconds=0.0, store_up=True, store_error="", checkpoint=0,
        checkpoint_at=0.0, quarantined=0, alarms=alarms,
    )  # fmt: skip
    return ShipperFacts(pid=1, state="ready", restarts=0, started_at=time.time(), shipping=told)


def test_disk_pressure_is_recorded_as_it_rises_and_falls_by_the_worst_spool() -> None:
    noted: list[Any] = []
    alarms = AlarmRecords(lambda *found: noted.append(found))
    for levels in (["NORMAL"], ["NORMAL", "ALARM"], ["ALARM", "SHED"], [], ["SHED", "SHED"], ["NORMAL", "ALARM"]):
        alarms.look([spool(level) for level in levels], None)
    assert noted == [
        ("alarm.disk", {"from": "normal", "to": "alarm"}, False),
        ("alarm.disk", {"from": "alarm", "to": "shed"}, False),
        ("alarm.disk", {"from": "shed", "to": "alarm"}, True),
    ]


def test_alarms_of_the_shipper_are_recorded_once_each() -> None:
    noted: list[Any] = []
    alarms = AlarmRecords(lambda *found: noted.append(found))
    silent = shipper()
    del silent["shipping"]
    away = {"ship.store_away": "refused", "siem.file_away": "x" * 900}
    for found in (shipper(), shipper(**away), shipper(**away | {"ship.store_away": "again"}), None, silent, shipper()):
        alarms.look([], found)
    assert noted == [
        ("alarm.raised", {"alarm": "ship.store_away", "reason": "refused"}, False),
        ("alarm.raised", {"alarm": "siem.file_away", "reason": "x" * 500}, False),
        ("alarm.over", {"alarm": "ship.store_away"}, True),
        ("alarm.over", {"alarm": "siem.file_away"}, True),
    ]
