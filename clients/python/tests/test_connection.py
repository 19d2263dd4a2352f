"""Tokens, interceptors, metrics and what demands a state of policies or grants."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import grpc
import pytest

from client_support import Service, abort, reply_of
from jingxi_client import Client, ConfigurationError, RequestRejectedError, Subject
from jingxi_client._gen.pdp.v1 import bundle_pb2

TELLER = Subject("T1001")


class Counted:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.messages: list[str] = []

    def call(self, method: str, outcome: str, seconds: float) -> None:
        assert 0 <= seconds < 60
        self.calls.append((method, outcome))

    def message(self, outcome: str, seconds: float) -> None:
        assert 0 <= seconds < 60
        self.messages.append(outcome)


@pytest.fixture
def tokens(service: Service) -> list[Any]:
    seen: list[Any] = []
    service.before = lambda _, __, context: seen.append(dict(context.invocation_metadata()).get("authorization"))
    return seen


def put_map(service: Service) -> None:
    source = bundle_pb2.MessageMap(application="a", name="m")
    source.parts.add(path="$").fields.add(field="mobile", paths=["$.mobile"])
    service.put_map(source)
    service.answer = lambda item: reply_of(dict.fromkeys(item.fields or ["mobile"], "unmask"))


def test_the_token_is_read_again_when_its_file_changes(target: str, tokens: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    with Client(target, deadline=30, token_file=path) as client:
        client.decide(["a"], subject=TELLER)
        aside = tmp_path / "new"
        aside.write_text("the-second")
        aside.replace(path)
        client.decide(["a"], subject=TELLER)
        path.unlink()
        client.decide(["a"], subject=TELLER)
        path.write_text("  ")
        client.decide(["a"], subject=TELLER)
    assert tokens == ["Bearer first", "Bearer the-second", "Bearer the-second", "Bearer the-second"]


@pytest.mark.parametrize("text", ["", "two words", "a\x00b", "für"])
def test_a_file_without_a_token_is_refused(target: str, tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="token file"):
        Client(target, token_file=path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Client(target, token_file=tmp_path / "nothing")


def test_a_token_never_leaves_in_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("secret")
    with pytest.raises(ConfigurationError, match="plain text") as caught:
        Client("pdp.bank.example:7443", insecure=True, token_file=path)
    assert "secret" not in str(caught.value)
    with Client("pdp.bank.example:7443", credentials=grpc.ssl_channel_credentials(), token_file=path):
        pass


def test_interceptors_see_every_call(service: Service, target: str) -> None:
    seen: list[str] = []

    class Interceptor(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            seen.append(details.method.rpartition("/")[2])
            return continuation(details, request)

    put_map(service)
    with Client(target, deadline=30, interceptors=[Interceptor()]) as client:
        client.wait_ready(30)
        client.mask({"mobile": "1"}, application="a", name="m", subject=TELLER)
    assert seen == ["GetMessageMap", "Decide"]


def test_metrics_count_calls_and_messages(service: Service, target: str, tmp_path: Path) -> None:
    put_map(service)
    counted = Counted()
    with Client(target, deadline=30, metrics=counted, state=tmp_path) as client:
        client.mask({"mobile": "1"}, application="a", name="m", subject=TELLER)
        service.before = lambda _, __, context: abort(context, grpc.StatusCode.INTERNAL, "failed", "")
        client.mask({"mobile": "1"}, application="a", name="m", subject=TELLER)
        service.before = lambda _, __, context: abort(context, grpc.StatusCode.INVALID_ARGUMENT, "wrong", "")
        with pytest.raises(RequestRejectedError):
            client.mask({"mobile": "1"}, application="a", name="m", subject=TELLER)
    assert counted.messages == ["decided", "fallback", "refused"]
    assert counted.calls == [
        ("GetMessageMap", "OK"), ("Decide", "OK"), ("Decide", "INTERNAL"), ("Decide", "INVALID_ARGUMENT"),
    ]  # fmt: skip


def test_what_a_message_demands_of_the_service(service: Service, target: str) -> None:
    put_map(service)
    with Client(target, deadline=30) as client:
        client.mask({"mobile": "1"}, application="a", name="m", subject=TELLER, min_revision=9, min_grant_revision=4)
        client.decide(["mobile"], subject=TELLER, min_revision=8, min_grant_revision=3)
    asked = [(request.min_revision, request.min_grant_revision) for name, request in service.calls if name == "Decide"]
    assert asked == [(9, 4), (8, 3)]


def test_the_token_file_may_be_a_path_of_any_kind(target: str, tmp_path: Path, tokens: list[Any]) -> None:
    path = tmp_path / "token"
    path.write_text("t")
    with Client(target, deadline=30, token_file=os.fspath(path)) as client:
        client.decide(["a"], subject=TELLER)
    assert tokens == ["Bearer t"]
