"""Every status that the service gives, with the reason in its details."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from pdp.engine.program import Program
from pdp.errors import NoPolicyError
from pdp.server.holder import Holder
from pdp.v1 import decision_service_pb2, types_pb2
from tests.conformance.asking import (
    PATIENCE,
    SERVICE,
    Stub,
    batch,
    code_of,
    error_of,
    is_right,
    reason_of,
    request,
    streamed,
)


def test_every_method_answers(stub: Stub) -> None:
    assert is_right(stub.Decide(request()))
    assert len(stub.DecideBatch(batch(3)).results) == 3
    assert is_right(stub.Explain(decision_service_pb2.ExplainRequest(request=request())).decision)
    asked = decision_service_pb2.GetMessageMapRequest(application="core-counter", name="customer-detail")
    assert stub.GetMessageMap(asked).message_map.parts
    (answer,) = stub.DecideStream(iter([streamed()]))
    assert is_right(answer.response)


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"fields": []}, "INVALID_ARGUMENT", "INVALID_REQUEST"),
        ({"request_id": "x" * 129}, "INVALID_ARGUMENT", "INVALID_REQUEST"),
        ({"min_revision": 1_000}, "FAILED_PRECONDITION", "REVISION_TOO_OLD"),
    ],
)
def test_bad_requests(stub: Stub, changes: dict[str, Any], code: str, reason: str) -> None:
    error = error_of(lambda: stub.Decide(request(**changes)))
    assert (error.code().name, reason_of(error)) == (code, reason)


def test_unknown_message_maps(stub: Stub) -> None:
    asked = request(fields=[])
    asked.message.CopyFrom(types_pb2.MessageRef(application="core-counter", name="none"))
    error = error_of(lambda: stub.Decide(asked))
    assert (error.code().name, reason_of(error)) == ("INVALID_ARGUMENT", "UNKNOWN_MESSAGE")
    wanted = decision_service_pb2.GetMessageMapRequest(application="core-counter", name="none")
    error = error_of(lambda: stub.GetMessageMap(wanted))
    assert (error.code().name, reason_of(error)) == ("NOT_FOUND", "UNKNOWN_MESSAGE")


def test_messages_of_errors_keep_their_letters(stub: Stub) -> None:
    asked = request(fields=[])
    asked.message.CopyFrom(types_pb2.MessageRef(application="应用 % \n", name="报文"))
    error = error_of(lambda: stub.Decide(asked))
    assert "应用 % \n 报文" in error.details()
    assert reason_of(error) == "UNKNOWN_MESSAGE"


@pytest.mark.parametrize("path", [f"/{SERVICE}/Nothing", "/bank.Other/Decide", "/x", "/pdp.v1.DecisionService/"])
def test_unknown_methods(channel: grpc.Channel, path: str) -> None:
    assert code_of(lambda: channel.unary_unary(path)(b"", timeout=30)) == "UNIMPLEMENTED"


def test_without_a_version(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Holder) -> Any:
        raise NoPolicyError("no policy set is loaded yet")

    monkeypatch.setattr(Holder, "require", fail)
    error = error_of(lambda: stub.Decide(request()))
    assert (error.code().name, reason_of(error)) == ("UNAVAILABLE", "NO_POLICY")


@pytest.mark.parametrize("method", ["Decide", "Explain"])
def test_an_unforeseen_failure(stub: Stub, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    def fail(*_: object) -> bytes:
        raise KeyError("13800138000")

    monkeypatch.setattr(Program, method.lower(), fail)
    asked = {"Decide": request(), "Explain": decision_service_pb2.ExplainRequest(request=request())}[method]
    error = error_of(lambda: getattr(stub, method)(asked))
    assert (error.code().name, reason_of(error)) == ("INTERNAL", "INTERNAL")
    assert "13800138000" not in error.details()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Explain waits; the event says that it has begun."""
    begun, release = threading.Event(), threading.Event()

    def explain(*_: object) -> bytes:
        begun.set()
        assert release.wait(PATIENCE)
        return b""

    monkeypatch.setattr(Program, "explain", explain)
    yield begun
    release.set()


def test_a_deadline_that_passes(stub: Stub, slow: threading.Event) -> None:
    question = decision_service_pb2.ExplainRequest(request=request())
    assert code_of(lambda: stub.Explain(question, timeout=0.5)) == "DEADLINE_EXCEEDED"
    assert slow.wait(PATIENCE)
    assert is_right(stub.Decide(request()))


def test_a_call_that_is_given_up(stub: Stub, slow: threading.Event) -> None:
    call = stub.Explain.future(decision_service_pb2.ExplainRequest(request=request()))
    assert slow.wait(PATIENCE)
    assert call.cancel()
    assert call.code() is grpc.StatusCode.CANCELLED
    assert is_right(stub.Decide(request()))


def test_long_calls_that_nobody_waits_for_any_more_are_not_made(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, release, made = threading.Event(), threading.Event(), []

    def explain(_: Program, payload: bytes, *__: object) -> bytes:
        made.append(payload)
        begun.set()
        assert release.wait(PATIENCE)
        return b""

    monkeypatch.setattr(Program, "explain", explain)
    questions = [decision_service_pb2.ExplainRequest(request=request(request_id=f"r-{number}")) for number in range(3)]
    first = stub.Explain.future(questions[0])
    assert begun.wait(PATIENCE)
    assert code_of(lambda: stub.Explain(questions[1], timeout=0.2)) == "DEADLINE_EXCEEDED"
    assert is_right(stub.Decide(request()))  # by now the server knows of it
    last = stub.Explain.future(questions[2])
    release.set()
    assert [first.result(PATIENCE), last.result(PATIENCE)] == [decision_service_pb2.ExplainResponse()] * 2
    assert made == [questions[0].SerializeToString(), questions[2].SerializeToString()]


CALLERS = """
kind: Callers
callers:
  - name: counter
    tokens: [{{id: a, sha256: "{token}"}}]
    applications: [core-counter]
    subjects: ["*"]
  - name: slow
    tokens: [{{id: b, sha256: "{slow}"}}]
    applications: ["*"]
    subjects: ["*"]
    rate: {{per_second: 1, burst: 1}}
"""


def test_callers(serve: Callable[..., Any], connect: Callable[..., grpc.Channel], tmp_path: Path) -> None:
    tokens = {name: name * 8 for name in ("token", "slow")}
    callers = tmp_path / "callers.yaml"
    callers.write_text(CALLERS.format(**{n: hashlib.sha256(t.encode()).hexdigest() for n, t in tokens.items()}))
    stub = Stub(connect(serve(callers=callers)))

    def ask(token: str | None, **changes: Any) -> Any:
        asked = request(**changes)
        asked.context["application"].string_value = "core-counter"
        return stub.Decide(asked, metadata=[("authorization", f"Bearer {token}")] if token else [], timeout=30)

    assert is_right(ask(tokens["token"]))
    for wrong in (None, "guess"):
        error = error_of(lambda wrong=wrong: ask(wrong))
        assert (error.code().name, reason_of(error)) == ("UNAUTHENTICATED", "UNAUTHENTICATED")
    bearer = [("authorization", f"Bearer {tokens['token']}")]
    error = error_of(lambda: stub.Decide(request(), metadata=bearer))
    assert (error.code().name, reason_of(error)) == ("PERMISSION_DENIED", "ACCESS_DENIED")
    assert is_right(ask(tokens["slow"]))
    error = error_of(lambda: ask(tokens["slow"]))
    assert (error.code().name, reason_of(error)) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")

    inside = streamed()
    inside.request.context["application"].string_value = "core-counter"
    answers = list(stub.DecideStream(iter([inside, streamed(), inside]), metadata=bearer, timeout=30))
    assert [answer.WhichOneof("result") for answer in answers] == ["response", "error", "response"]
    assert answers[1].error.code == grpc.StatusCode.PERMISSION_DENIED.value[0]
    assert code_of(lambda: list(stub.DecideStream(iter([inside]), timeout=30))) == "UNAUTHENTICATED"
