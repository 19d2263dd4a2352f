"""The failure rule: what is shown without a verdict, what is kept of it, and who hears of it."""

from __future__ import annotations

import contextlib
import copy
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest

from client_support import Reports, Service, abort, serving, value_of
from jingxi_client import (
    AccessDeniedError,
    Alarm,
    AlarmKind,
    Client,
    ConfigurationError,
    DecisionUnavailableError,
    JingxiError,
    Masked,
    MessageMismatchError,
    RequestRejectedError,
    Subject,
    UnknownMessageError,
    _core,
    _reporting,
)
from jingxi_client._gen.pdp.v1 import bundle_pb2
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from jingxi_client._gen.pdp.v1 import fallback_service_pb2 as reports_api
from jingxi_client._spool import Spool

TELLER = Subject("T1001", ["teller"], {"level": 2})
LATER = 2**62
MESSAGE = {
    "no": "C2001", "name": "张三", "mobile": "13812348000", "pin": "314159", "note": "n",
    "accounts": [{"no": "100200300400"}, {"no": "100200300401"}],
}  # fmt: skip
SHOWN = {
    "no": "C2001", "name": "张三", "mobile": "138****8000", "pin": "***", "note": "n",
    "accounts": [{"no": "********0400"}, {"no": "********0401"}],
}  # fmt: skip
HIDDEN = {**SHOWN, "name": "***"}


def add_rule(service: Service, pass_until: int = LATER, events: int = 0, seconds: int = 0) -> None:
    """Let `name` pass, `mobile` and `account_no` be masked, and say nothing about `pin`."""
    rule = api.GetMessageMapResponse(pass_until_nanos=pass_until, alarm_events=events, alarm_seconds=seconds)
    for name, passes, parameters in (
        ("account_no", False, {"suffix": 4}),
        ("mobile", False, {"prefix": 3, "suffix": 4}),
        ("name", True, None),
    ):
        fallback = rule.fallbacks.add(field=name, level="C2", **{"pass": passes})
        fallback.mask.algorithm = "full" if parameters is None else "keep"
        for key, value in (parameters or {}).items():
            fallback.mask.parameters[key].CopyFrom(value_of(value))
    service.failure_rule = rule


@pytest.fixture
def service() -> Service:
    made = Service()
    source = bundle_pb2.MessageMap(application="core-counter", name="customer")
    own = source.parts.add(path="$", resource_type="customer", resource_id="$.no")
    for field in ("name", "mobile", "pin"):
        own.fields.add(field=field, paths=[f"$.{field}"])
    part = source.parts.add(name="accounts", path="$.accounts", resource_type="account", resource_id="$.no")
    part.fields.add(field="account_no", paths=["$.no"])
    made.put_map(source)
    add_rule(made)
    return made


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def target(service: Service, reports: Reports) -> Iterator[str]:
    with serving(service, reports.add_to) as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture
def alarms() -> list[Alarm]:
    return []


@pytest.fixture
def client(target: str, tmp_path: Path, alarms: list[Alarm]) -> Iterator[Client]:
    with Client(target, deadline=30, state=tmp_path / "state", alarm=alarms.append) as made:
        yield made


def mask(client: Client, message: Any = MESSAGE, **more: Any) -> Masked:
    return client.mask(message, application="core-counter", name="customer", subject=TELLER, **more)


def failing(code: str, reason: str = "") -> Callable[[str, Any, grpc.ServicerContext], None]:
    def before(name: str, _: Any, context: grpc.ServicerContext) -> None:
        if name != "GetMessageMap":
            abort(context, grpc.StatusCode[code], "says why", reason)

    return before


def kinds(alarms: list[Alarm]) -> list[AlarmKind]:
    return [alarm.kind for alarm in alarms]


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


def test_the_core_makes_no_call() -> None:
    assert not hasattr(_core, "open_channel")


def test_the_plain_client_does_without_the_engine_and_the_extras() -> None:
    code = (
        "import sys, jingxi_client, jingxi_client.aio, jingxi_client.asgi, jingxi_client.offline\n"
        "print(sorted({'pdp', 'cryptography', 'starlette', 'cel'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "[]\n"


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
