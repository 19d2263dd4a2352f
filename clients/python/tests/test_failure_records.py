"""The failure rule: what is kept of a message without a verdict, and how it is reported."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import grpc
import pytest

from client_support import Reports, Service
from failure_support import HIDDEN, SHOWN, failing, kinds, mask, ruled_service
from jingxi_client import Alarm, AlarmKind, Client, ConfigurationError, _reporting
from jingxi_client._spool import Spool


@pytest.fixture
def service() -> Service:
    return ruled_service()


def test_the_event_is_on_the_disk_before_the_message_is_returned(
    service: Service, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.prepare("core-counter", "customer")
    service.before = failing("UNAVAILABLE")
    order: list[str] = []
    real = Spool.append

    def append(spool: Spool, *args: Any, **kwargs: Any) -> int:
        number = real(spool, *args, **kwargs)
        order.append("recorded")
        return number

    monkeypatch.setattr(Spool, "append", append)
    mask(client)
    order.append("returned")
    assert order == ["recorded", "returned"]
    (path,) = (tmp_path / "state" / "fallbacks").glob("*.log")
    assert path.stat().st_size > 0


def test_nothing_passes_when_it_cannot_be_recorded(
    service: Service, client: Client, alarms: list[Alarm], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.prepare("core-counter", "customer")
    service.before = failing("UNAVAILABLE")

    def full(*_: Any, **__: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Spool, "append", full)
    masked = mask(client)
    assert masked.message == HIDDEN
    assert masked.fallback is not None
    assert (masked.fallback.passed, masked.fallback.recorded) == ((), False)
    assert kinds(alarms) == [AlarmKind.NOT_RECORDED]


def test_a_folder_that_went_away_lets_nothing_pass(
    service: Service, client: Client, alarms: list[Alarm], tmp_path: Path
) -> None:
    client.prepare("core-counter", "customer")
    service.before = failing("UNAVAILABLE")
    (tmp_path / "state" / "fallbacks").rmdir()
    masked = mask(client)
    assert masked.message == HIDDEN
    assert kinds(alarms) == [AlarmKind.NOT_RECORDED]


def test_a_log_that_fills_is_told(
    service: Service, client: Client, alarms: list[Alarm], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.prepare("core-counter", "customer")
    service.before = failing("UNAVAILABLE")
    failures = client._core.failures
    assert failures is not None
    monkeypatch.setattr(failures.spool, "_most", 900)
    shown = [mask(client).message for _ in range(8)]
    assert AlarmKind.SPOOL_FILLING in kinds(alarms)
    assert AlarmKind.NOT_RECORDED in kinds(alarms)
    assert shown[0] == SHOWN
    assert shown[-1] == HIDDEN


def test_events_are_reported_once_though_answers_get_lost(
    service: Service, client: Client, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_reporting, "AT_A_TIME", 3)
    client.prepare("core-counter", "customer")
    service.before = failing("UNAVAILABLE")
    for _ in range(10):
        mask(client)
    lost = [2]

    def lose(context: grpc.ServicerContext) -> None:
        if lost[0]:
            lost[0] -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "the answer gets lost")

    reports.after = lose
    service.before = lambda *_: None
    client._core.breaker.succeeded()
    for _ in range(3):
        mask(client)
    events = reports.wait_for(10)
    failures = client._core.failures
    assert failures is not None
    client.close()
    assert [event.sequence for event in events] == list(range(1, 11))
    assert len({event.request_id for event in events}) == 10
    assert failures.spool.waiting == 0


def test_what_waits_is_reported_by_the_next_process(
    service: Service, target: str, reports: Reports, tmp_path: Path
) -> None:
    with Client(target, deadline=30, state=tmp_path) as client:
        client.prepare("core-counter", "customer")
        service.before = failing("UNAVAILABLE")
        reports.before = lambda context: context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        mask(client)
    assert reports.events == []
    reports.before = lambda _: None
    with Client(target, deadline=30, state=tmp_path):
        pass  # closing tries once
    assert [event.sequence for event in reports.events] == [1]


def test_the_service_may_expect_another_number(service: Service, target: str, reports: Reports, tmp_path: Path) -> None:
    with Client(target, deadline=30, state=tmp_path) as client:
        client.prepare("core-counter", "customer")
        service.before = failing("UNAVAILABLE")
        mask(client)
        mask(client)
    reports.wait_for(2)
    # A store that was restored from a copy knows less than the client remembers.
    reports.events.clear()
    reports.expected = 1
    with Client(target, deadline=30, state=tmp_path) as client:
        mask(client)
        service.before = lambda *_: None
        client._core.breaker.succeeded()
        mask(client)
        events = reports.wait_for(3)
    assert [event.sequence for event in events] == [1, 2, 3]
    assert [len(event.items) for event in events] == [0, 0, 3]


def test_a_refused_report_is_told_once(
    service: Service, client: Client, reports: Reports, alarms: list[Alarm], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Semaphore(0)

    def refuse(context: grpc.ServicerContext) -> None:
        asked.release()
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you")

    reports.before = refuse
    client.prepare("core-counter", "customer")
    service.before = failing("UNAVAILABLE")
    mask(client)
    service.before = lambda *_: None
    for _ in range(3):
        mask(client)
        assert asked.acquire(timeout=30)
    client.close()
    assert kinds(alarms) == [AlarmKind.REPORTING]


def test_one_process_has_a_state_folder(target: str, tmp_path: Path) -> None:
    with Client(target, state=tmp_path), pytest.raises(ConfigurationError, match="is in use by another client"):
        Client(target, state=tmp_path)
    with Client(target, state=tmp_path):
        pass
    (tmp_path / "client-id").write_text("me")
    with pytest.raises(ConfigurationError, match="holds no client id"):
        Client(target, state=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Client(target, state=tmp_path / "file")


def test_damage_of_the_log_is_told(service: Service, target: str, tmp_path: Path, alarms: list[Alarm]) -> None:
    with Client(target, deadline=30, state=tmp_path) as client:
        client.prepare("core-counter", "customer")
        service.before = failing("UNAVAILABLE")
        client._core.reporter = None
        for _ in range(3):
            mask(client)
    (path,) = (tmp_path / "fallbacks").glob("*.log")
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(bytes(data))
    with Client("127.0.0.1:1", state=tmp_path, alarm=alarms.append):
        pass
    assert kinds(alarms)[0] is AlarmKind.STATE_DAMAGED


def test_closing_takes_no_longer_than_promised_though_a_report_hangs(
    service: Service, target: str, reports: Reports, tmp_path: Path
) -> None:
    hanging, release = threading.Event(), threading.Event()

    def hang(_: grpc.ServicerContext) -> None:
        hanging.set()
        release.wait(30)

    reports.before = hang
    client = Client(target, deadline=30, state=tmp_path)
    client.prepare("core-counter", "customer")
    service.before = failing("UNAVAILABLE")
    mask(client)
    service.before = lambda *_: None
    mask(client)
    assert hanging.wait(30)
    began = time.monotonic()
    client.close()
    assert time.monotonic() - began < 4
    release.set()
