"""The failure rule: what is shown without a verdict, and who hears of it."""

from __future__ import annotations

import contextlib
import copy
import logging
import socket
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from client_support import Reports, Service, abort
from failure_support import HIDDEN, MESSAGE, SHOWN, TELLER, add_rule, failing, kinds, mask, ruled_service
from jingxi_client import (
    AccessDeniedError,
    Alarm,
    AlarmKind,
    Client,
    DecisionUnavailableError,
    JingxiError,
    MessageMismatchError,
    RequestRejectedError,
    UnknownMessageError,
)
from jingxi_client._gen.pdp.v1 import fallback_service_pb2 as reports_api


@pytest.fixture
def service() -> Service:
    return ruled_service()


@pytest.mark.parametrize(
    ("code", "reason", "cause"),
    [
        ("UNAVAILABLE", "", "unavailable"),
        ("INTERNAL", "ERROR_REASON_INTERNAL", "bad_answer"),
        ("UNKNOWN", "", "bad_answer"),
        ("ABORTED", "", "bad_answer"),
        ("CANCELLED", "", "bad_answer"),
        ("DATA_LOSS", "", "bad_answer"),
        ("UNIMPLEMENTED", "", "bad_answer"),
        ("RESOURCE_EXHAUSTED", "ERROR_REASON_RATE_LIMITED", "overload"),
        ("DEADLINE_EXCEEDED", "", "deadline"),
        ("FAILED_PRECONDITION", "ERROR_REASON_REVISION_TOO_OLD", "bad_answer"),
    ],
)
def test_what_is_shown_without_a_verdict(
    service: Service, client: Client, reports: Reports, code: str, reason: str, cause: str
) -> None:
    client.prepare("core-counter", "customer")
    service.before = failing(code, reason)
    before = copy.deepcopy(MESSAGE)
    masked = mask(client, request_id="r1", context={"menu": "3101"}, grant_ids=["G1"])
    assert masked.message == SHOWN
    assert before == MESSAGE
    assert masked.fallback is not None
    assert (masked.fallback.cause, masked.fallback.passed, masked.fallback.recorded) == (cause, ("$.name",), True)
    assert masked.policy_hash == "h1"
    assert [(part.place, part.decision) for part in masked.decisions] == [
        ("$", None), ("$.accounts[0]", None), ("$.accounts[1]", None),
    ]  # fmt: skip
    service.before = lambda *_: None
    mask(client)
    (event,) = reports.wait_for(1)
    assert event.cause == reports_api.FallbackCause.Value(f"FALLBACK_CAUSE_{cause.upper()}")
    assert (event.sequence, event.request_id, event.revision, event.policy_hash) == (1, "r1", 7, "h1")
    assert (event.subject.id, event.context["menu"].string_value, list(event.grant_ids)) == ("T1001", "3101", ["G1"])
    assert (event.message.application, event.message.name) == ("core-counter", "customer")
    assert [(i.part, i.resource.id, list(i.passed), list(i.masked)) for i in event.items] == [
        ("", "C2001", ["name"], ["mobile", "pin"]),
        ("accounts", "100200300400", [], ["account_no"]),
        ("accounts", "100200300401", [], ["account_no"]),
    ]
    assert "13812348000" not in str(event)


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        ("INVALID_ARGUMENT", "ERROR_REASON_INVALID_REQUEST", RequestRejectedError),
        ("NOT_FOUND", "", RequestRejectedError),
        ("OUT_OF_RANGE", "", RequestRejectedError),
        ("UNAUTHENTICATED", "", AccessDeniedError),
        ("PERMISSION_DENIED", "", AccessDeniedError),
    ],
)
def test_a_refusal_never_falls_back_and_never_opens_the_breaker(
    service: Service, client: Client, tmp_path: Path, code: str, reason: str, error: type[JingxiError]
) -> None:
    client.prepare("core-counter", "customer")
    service.before = failing(code, reason)
    for _ in range(8):
        with pytest.raises(error):
            mask(client)
    assert list((tmp_path / "state" / "fallbacks").glob("*.log")) == []


def test_a_message_that_does_not_fit_never_falls_back(service: Service, client: Client) -> None:
    client.prepare("core-counter", "customer")
    service.before = failing("UNAVAILABLE")
    with pytest.raises(MessageMismatchError):
        mask(client, {"accounts": {}})


def test_nothing_passes_when_its_time_is_over(service: Service, client: Client) -> None:
    add_rule(service, pass_until=time.time_ns() - 1)
    client.prepare("core-counter", "customer")
    service.before = failing("UNAVAILABLE")
    masked = mask(client)
    assert masked.message == HIDDEN
    assert masked.fallback is not None
    assert (masked.fallback.passed, masked.fallback.recorded) == ((), True)


def test_without_a_state_folder_the_error_is_raised(service: Service, target: str) -> None:
    with Client(target, deadline=30) as client:
        client.prepare("core-counter", "customer")
        service.before = failing("UNAVAILABLE")
        with pytest.raises(DecisionUnavailableError):
            mask(client)


def test_decide_never_falls_back(service: Service, client: Client) -> None:
    service.before = failing("UNAVAILABLE")
    with pytest.raises(DecisionUnavailableError):
        client.decide(["name"], subject=TELLER)


def test_a_message_whose_map_was_never_seen_is_not_shown(client: Client, service: Service) -> None:
    service.before = lambda _, __, context: abort(context, grpc.StatusCode.UNAVAILABLE, "away", "")
    with pytest.raises(DecisionUnavailableError):
        mask(client)
    with pytest.raises(DecisionUnavailableError):
        client.prepare("core-counter", "customer")


def test_prepare_of_an_unknown_message_is_refused(client: Client) -> None:
    with pytest.raises(UnknownMessageError):
        client.prepare("core-counter", "nothing")


def test_maps_of_an_earlier_process_are_known(target: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Client(target, deadline=30, state=state) as client:
        client.prepare("core-counter", "customer")
    with Client("127.0.0.1:1", deadline=0.2, state=state) as client:
        masked = mask(client)
    assert masked.message == SHOWN
    assert masked.fallback is not None
    assert masked.fallback.cause in ("unavailable", "deadline")
    assert (state / "client-id").read_text().strip().isalnum()
    assert {path.stat().st_mode & 0o077 for path in [state, *state.rglob("*")]} == {0}


def test_the_breaker_spares_the_service_and_closes_again(
    service: Service, client: Client, alarms: list[Alarm], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.prepare("core-counter", "customer")
    now = [1000.0]
    monkeypatch.setattr(client._core.breaker, "_clock", lambda: now[0])
    service.before = failing("INTERNAL")
    for _ in range(5):
        mask(client)
    assert kinds(alarms) == [AlarmKind.BREAKER_OPENED]
    calls = len(service.calls)
    masked = mask(client)
    assert masked.fallback is not None
    assert masked.fallback.cause == "breaker_open"
    assert len(service.calls) == calls
    with pytest.raises(DecisionUnavailableError, match="is not asked"):
        client.decide(["name"], subject=TELLER)
    now[0] += 1.2
    service.before = lambda *_: None
    assert mask(client).fallback is None
    assert kinds(alarms) == [AlarmKind.BREAKER_OPENED, AlarmKind.BREAKER_CLOSED]


def test_many_fallbacks_are_told_once(service: Service, client: Client, alarms: list[Alarm]) -> None:
    add_rule(service, events=3, seconds=60)
    client.prepare("core-counter", "customer")
    service.before = failing("UNAVAILABLE")
    for _ in range(12):
        mask(client)
    assert kinds(alarms).count(AlarmKind.MANY_FALLBACKS) == 1


def test_an_alarm_callback_that_fails_does_not_stop_the_message(service: Service, target: str, tmp_path: Path) -> None:
    def broken(_: Alarm) -> None:
        raise RuntimeError("no pager")

    with Client(target, deadline=30, state=tmp_path, alarm=broken) as client:
        client.prepare("core-counter", "customer")
        service.before = failing("UNAVAILABLE")
        assert all(mask(client).message == SHOWN for _ in range(8))


def test_many_threads_share_a_client_that_falls_back(service: Service, client: Client, reports: Reports) -> None:
    client.prepare("core-counter", "customer")
    service.before = failing("UNAVAILABLE")
    with futures.ThreadPoolExecutor(100) as pool:
        shown = list(pool.map(lambda _: mask(client).message, range(300)))
    assert all(message == SHOWN for message in shown)
    service.before = lambda *_: None
    client._core.breaker.succeeded()
    mask(client)
    events = reports.wait_for(300)
    assert [event.sequence for event in events] == list(range(1, 301))


def test_no_value_is_in_logs_alarms_or_results(
    service: Service, client: Client, alarms: list[Alarm], caplog: pytest.LogCaptureFixture
) -> None:
    client.prepare("core-counter", "customer")
    service.before = failing("UNAVAILABLE")
    with caplog.at_level(logging.DEBUG):
        found = [mask(client) for _ in range(8)]
    said = caplog.text + str(alarms) + str([(m.fallback, m.decisions, m.problems) for m in found])
    for value in ("13812348000", "张三", "314159", "100200300400"):
        assert value not in said


def test_a_peer_that_answers_garbage_is_a_failure(target: str, tmp_path: Path) -> None:
    with Client(target, deadline=30, state=tmp_path) as client:
        client.prepare("core-counter", "customer")
    with socket.create_server(("127.0.0.1", 0)) as peer:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = peer.accept()
                    with connection:
                        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n\x00\xff garbage")

        threading.Thread(target=answer, daemon=True).start()
        with Client(f"127.0.0.1:{peer.getsockname()[1]}", deadline=0.5, state=tmp_path) as client:
            masked = mask(client)
    assert masked.message == SHOWN
    assert masked.fallback is not None
    assert masked.fallback.cause in ("unavailable", "deadline")


def test_a_service_that_is_slow_is_a_failure_after_the_deadline(service: Service, target: str, tmp_path: Path) -> None:
    release = threading.Event()
    with Client(target, deadline=30, state=tmp_path) as client:
        client.prepare("core-counter", "customer")
        client._core.deadline = 0.3
        service.before = lambda *_: release.wait(30) and None
        began = time.monotonic()
        masked = mask(client)
        assert time.monotonic() - began < 10
        release.set()
    assert masked.fallback is not None
    assert masked.fallback.cause == "deadline"
