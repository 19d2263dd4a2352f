"""What a client raises, against a service on a real socket that fails."""

from __future__ import annotations

import socket
import threading
from concurrent import futures
from typing import Any

import grpc
import pytest

from client_support import Service, abort
from jingxi_client import (
    AccessDeniedError,
    AttributeValueError,
    Client,
    ClientClosedError,
    ConfigurationError,
    DecisionUnavailableError,
    RequestRejectedError,
    RevisionTooOldError,
    UnknownMessageError,
    Violation,
)
from mask_support import PATIENT, TELLER, customer_map, mask, prepared


class TestErrors:
    @pytest.mark.parametrize(
        ("code", "reason", "error"),
        [
            ("INVALID_ARGUMENT", "ERROR_REASON_INVALID_REQUEST", RequestRejectedError),
            ("INVALID_ARGUMENT", "ERROR_REASON_UNKNOWN_MESSAGE", UnknownMessageError),
            ("NOT_FOUND", "ERROR_REASON_UNKNOWN_MESSAGE", UnknownMessageError),
            ("FAILED_PRECONDITION", "ERROR_REASON_REVISION_TOO_OLD", RevisionTooOldError),
            ("UNAVAILABLE", "ERROR_REASON_NO_POLICY", DecisionUnavailableError),
            ("INTERNAL", "ERROR_REASON_INTERNAL", DecisionUnavailableError),
            ("RESOURCE_EXHAUSTED", "", DecisionUnavailableError),
            ("UNAUTHENTICATED", "", AccessDeniedError),
            ("PERMISSION_DENIED", "", AccessDeniedError),
        ],
    )
    def test_a_status_becomes_its_error(
        self, service: Service, target: str, code: str, reason: str, error: type[Exception]
    ) -> None:
        service.before = lambda _, __, context: abort(
            context, grpc.StatusCode[code], "says why", reason, fields="is empty"
        )
        with Client(target, deadline=PATIENT) as client, pytest.raises(error, match="says why") as caught:
            client.decide(["a"], subject=TELLER)
        assert type(caught.value) is error
        if isinstance(caught.value, RequestRejectedError):
            assert caught.value.violations == (Violation("fields", "is empty"),)
        if isinstance(caught.value, DecisionUnavailableError):
            assert caught.value.status == code

    def test_details_that_cannot_be_read_are_left_aside(self, service: Service, target: str) -> None:
        def fail(_: str, __: Any, context: grpc.ServicerContext) -> None:
            context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff"),))
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "says why")

        service.before = fail
        with (
            Client(target, deadline=PATIENT) as client,
            pytest.raises(RequestRejectedError, match="says why") as caught,
        ):
            client.decide(["a"], subject=TELLER)
        assert caught.value.violations == ()

    def test_no_service(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port
            with Client(f"127.0.0.1:{unused.getsockname()[1]}") as client:
                with pytest.raises(DecisionUnavailableError) as caught:
                    client.decide(["a"], subject=TELLER)
                assert caught.value.status in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
                with pytest.raises(DecisionUnavailableError, match=r"no node could be reached within 0\.1 s"):
                    client.wait_ready(0.1)

    def test_a_service_that_is_too_slow(self, service: Service, target: str) -> None:
        done = threading.Event()
        service.before = lambda *_: done.wait(PATIENT)  # type: ignore[func-returns-value]
        with Client(target, deadline=0.2) as client, pytest.raises(DecisionUnavailableError) as caught:
            client.decide(["a"], subject=TELLER)
        done.set()
        assert caught.value.status == "DEADLINE_EXCEEDED"

    def test_one_deadline_holds_for_all_calls_of_a_method(self, service: Service, target: str) -> None:
        done = threading.Event()
        prepared(service, customer_map("mobile"))
        service.before = lambda name, *_: done.wait(PATIENT) if name == "Decide" else None  # type: ignore[func-returns-value]
        with Client(target, deadline=0.5) as client, pytest.raises(DecisionUnavailableError) as caught:
            mask(client, {})
        done.set()
        assert caught.value.status == "DEADLINE_EXCEEDED"
        assert service.names() == ["GetMessageMap", "Decide"]

    def test_use_after_close(self, target: str) -> None:
        client = Client(target)
        client.close()
        client.close()
        with pytest.raises(ClientClosedError):
            client.decide(["a"], subject=TELLER)
        with pytest.raises(ClientClosedError):
            client.wait_ready(1)

    def test_close_ends_a_call_in_flight(self, service: Service, target: str) -> None:
        arrived, done = threading.Event(), threading.Event()

        def hold(*_: Any) -> None:
            arrived.set()
            done.wait(PATIENT)

        service.before = hold
        client = Client(target, deadline=PATIENT)
        with futures.ThreadPoolExecutor(1) as pool:
            call = pool.submit(client.decide, ["a"], subject=TELLER)
            assert arrived.wait(PATIENT)
            client.close()
            with pytest.raises(ClientClosedError):
                call.result(PATIENT)
            done.set()

    def test_a_deadline_must_be_some_time(self) -> None:
        for deadline in (0, -1, float("nan")):
            with pytest.raises(ConfigurationError):
                Client("localhost:1", deadline=deadline)


@pytest.mark.parametrize(
    "wrong", [{"request_id": "\ud800"}, {"application": None}, {"name": 5}, {"grant_ids": ["\ud800"]}]
)
def test_what_is_no_text_is_refused_before_anything_is_sent(
    service: Service, target: str, wrong: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {"application": "core-counter", "name": "customer", **wrong}
    with (
        Client(target) as client,
        pytest.raises(AttributeValueError, match=f"`{next(iter(wrong))}` is a value of type"),
    ):
        client.mask({"no": "C1"}, subject=TELLER, **asked)
    assert service.calls == []
