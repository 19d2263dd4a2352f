"""The client against a service on a real socket."""

from __future__ import annotations

import contextlib
import logging
import socket
import subprocess
import threading
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

import jingxi_client
from client_support import Service, abort, load, reply_of, serving
from jingxi_client import (
    AccessDeniedError,
    Action,
    AttributeValueError,
    Client,
    ClientClosedError,
    ConfigurationError,
    DecisionUnavailableError,
    Mask,
    MessageMismatchError,
    ProtocolError,
    RequestRejectedError,
    Resource,
    RevisionTooOldError,
    Subject,
    UnknownMessageError,
    Violation,
    _asking,
)
from jingxi_client._channel import SERVICE_CONFIG, is_local
from jingxi_client._gen.pdp.v1 import bundle_pb2, types_pb2
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api

TELLER = Subject("T1001", ["teller"], {"level": 2})
PATIENT = 30.0
"""Seconds that a test on a busy machine may take for a call that is not about time."""

KEEP = {"algorithm": "keep", "parameters": {"prefix": 3, "suffix": 4}}
FULL: dict[str, Any] = {"algorithm": "full", "parameters": {}}


def customer_map(*fields: str) -> bundle_pb2.MessageMap:
    """Return a map of `$.<field>` for each field, and of accounts with a number and a balance."""
    source = bundle_pb2.MessageMap(application="core-counter", name="customer")
    own = source.parts.add(path="$", resource_type="customer", resource_id="$.no")
    for field in fields:
        own.fields.add(field=field, paths=[f"$.{field}"])
    own.attributes.add(attribute="resource.customer_class", path="$.class")
    return source


def with_accounts(source: bundle_pb2.MessageMap) -> bundle_pb2.MessageMap:
    part = source.parts.add(name="accounts", path="$.accounts", resource_type="account", resource_id="$.no")
    part.fields.add(field="account_no", paths=["$.no"])
    part.attributes.add(attribute="resource.balance", path="$.balance")
    return source


def prepared(service: Service, source: bundle_pb2.MessageMap) -> Service:
    service.put_map(source)
    service.types = {
        "resource.customer_class": bundle_pb2.ATTRIBUTE_TYPE_STRING,
        "resource.balance": bundle_pb2.ATTRIBUTE_TYPE_DOUBLE,
    }
    service.answer = lambda item: reply_of(
        {f: KEEP for p in source.parts if p.name == item.message.part for f in _ids(p)}
    )
    return service


def _ids(part: bundle_pb2.MessagePart) -> list[str]:
    return [field.field for field in part.fields]


def mask(client: Client, message: Any, **more: Any) -> jingxi_client.Masked:
    return client.mask(message, application="core-counter", name="customer", subject=TELLER, **more)


class TestDecide:
    def test_question_and_answer(self, service: Service, target: str) -> None:
        def answer(_: api.BatchItem) -> api.DecideResponse:
            reply = reply_of({"mobile": KEEP, "name": "unmask"})
            reply.obligations.add(type="alert", parameters={"severity": "high"}, fields=["name"], rule="p/r")
            code = types_pb2.DIAGNOSTIC_CODE_UNDECIDED_RULE
            reply.diagnostics.add(code=code, message="m", subject="p/r", attributes=["subject.x"])
            return reply

        service.answer = answer
        with Client(target, deadline=PATIENT) as client:
            decision = client.decide(
                ["mobile", "name"],
                subject=TELLER,
                action=Action("query", {"amount": 5.0}),
                resource=Resource("customer", "C1", {"vip": True}),
                context={"menu": "3101"},
                grant_ids=["G1"],
                request_id="r1",
                min_revision=3,
            )
        ((name, request),) = service.calls
        assert name == "Decide"
        assert json_format.MessageToDict(request, preserving_proto_field_name=True) == {
            "request_id": "r1",
            "subject": {"id": "T1001", "roles": ["teller"], "attributes": {"level": {"int_value": "2"}}},
            "action": {"name": "query", "attributes": {"amount": {"double_value": 5.0}}},
            "resource": {"type": "customer", "id": "C1", "attributes": {"vip": {"bool_value": True}}},
            "context": {"menu": {"string_value": "3101"}},
            "fields": ["mobile", "name"],
            "grant_ids": ["G1"],
            "min_revision": "3",
        }
        assert (decision.decision_id, decision.request_id, decision.revision) == ("d1", "r1", 7)
        assert decision.policy_hash == "h1"
        assert decision.verdict("mobile").mask == Mask("keep", {"prefix": 3, "suffix": 4})
        assert decision.verdict("name").unmasked
        reason = decision.verdict("name").reason
        assert (reason.kind, reason.rule, reason.title.zh, reason.grant_id) == ("rule", "p/r", "规则", "G1")
        assert decision.obligations == (jingxi_client.Obligation("alert", {"severity": "high"}, ("name",), "p/r"),)
        assert decision.diagnostics == (jingxi_client.Diagnostic("undecided_rule", "m", "p/r", ("subject.x",)),)
        with pytest.raises(KeyError):
            decision.verdict("email")

    def test_every_call_has_a_request_id_of_its_own(self, service: Service, target: str) -> None:
        with Client(target, deadline=PATIENT) as client:
            ids = {client.decide(["a"], subject=TELLER).request_id for _ in range(3)}
        assert ids == {request.request_id for _, request in service.calls}
        assert len(ids) == 3

    def test_an_answer_about_other_fields_is_refused(self, service: Service, target: str) -> None:
        service.answer = lambda _: reply_of({"name": "unmask", "mobile": "unmask"})
        with Client(target, deadline=PATIENT) as client, pytest.raises(ProtocolError):
            client.decide(["mobile", "name"], subject=TELLER)

    def test_a_value_that_cannot_be_sent_is_refused_before_anything_is_sent(
        self, service: Service, target: str
    ) -> None:
        with Client(target) as client:
            with pytest.raises(AttributeValueError, match=r"attribute `context\.x`: .*`object`"):
                client.decide(["a"], subject=TELLER, context={"x": object()})
            with pytest.raises(AttributeValueError, match=r"`subject\.id`"):
                client.decide(["a"], subject=Subject("\ud800"))
            with pytest.raises(AttributeValueError, match=r"`resource\.id`"):
                client.decide(["a"], subject=TELLER, resource=Resource("customer", 5))  # type: ignore[arg-type]
        assert service.calls == []


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


class TestChannel:
    def test_unavailable_is_tried_three_times(self, service: Service, target: str) -> None:
        service.before = lambda _, __, context: context.abort(grpc.StatusCode.UNAVAILABLE, "busy")
        with Client(target, deadline=PATIENT) as client, pytest.raises(DecisionUnavailableError):
            client.decide(["a"], subject=TELLER)
        assert service.names() == ["Decide"] * 3

    def test_the_third_try_may_succeed(self, service: Service, target: str) -> None:
        def fail_twice(_: str, __: Any, context: grpc.ServicerContext) -> None:
            if len(service.calls) < 3:
                context.abort(grpc.StatusCode.UNAVAILABLE, "busy")

        service.before = fail_twice
        with Client(target, deadline=PATIENT) as client:
            assert client.decide(["a"], subject=TELLER).verdict("a").unmasked
        assert len(service.calls) == 3

    @pytest.mark.parametrize("code", ["INTERNAL", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNKNOWN"])
    def test_nothing_else_is_tried_again(self, service: Service, target: str, code: str) -> None:
        service.before = lambda _, __, context: context.abort(grpc.StatusCode[code], "no")
        with Client(target, deadline=PATIENT) as client, pytest.raises(jingxi_client.JingxiError):
            client.decide(["a"], subject=TELLER)
        assert service.names() == ["Decide"]

    def test_the_retry_policy_names_the_service(self) -> None:
        (method,) = SERVICE_CONFIG["methodConfig"]
        assert method["name"] == [{"service": "pdp.v1.DecisionService"}]

    def test_calls_go_round_the_nodes_and_survive_one(self) -> None:
        first, second = Service(), Service()
        with contextlib.ExitStack() as stack:
            stopping = stack.enter_context(contextlib.ExitStack())
            ports = [stopping.enter_context(serving(first)), stack.enter_context(serving(second))]
            target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
            client = stack.enter_context(Client(target, deadline=PATIENT))
            for _ in range(2_000):
                client.decide(["a"], subject=TELLER)
                if first.calls and second.calls:
                    break
            assert first.calls
            assert second.calls
            stopping.close()
            for _ in range(20):
                assert client.decide(["a"], subject=TELLER).verdict("a").unmasked

    def test_a_node_that_says_it_is_not_serving_gets_no_calls(self) -> None:
        leaving, staying = Service(), Service()

        def with_health(status: health_pb2.HealthCheckResponse.ServingStatus) -> Callable[[grpc.Server], None]:
            servicer = health.HealthServicer()
            servicer.set("", status)
            return lambda server: health_pb2_grpc.add_HealthServicer_to_server(servicer, server)

        kinds = health_pb2.HealthCheckResponse
        with (
            serving(leaving, with_health(kinds.NOT_SERVING)) as one,
            serving(staying, with_health(kinds.SERVING)) as two,
            Client(f"ipv4:127.0.0.1:{one},127.0.0.1:{two}", deadline=PATIENT) as client,
        ):
            for _ in range(50):
                client.decide(["a"], subject=TELLER)
        assert leaving.calls == []
        assert len(staying.calls) == 50

    def test_tls(self, service: Service, tmp_path: Path) -> None:
        key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
        subprocess.run(  # noqa: S603
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",  # noqa: S607
             "-days", "1", "-subj", "/CN=pdp.test", "-addext", "subjectAltName=DNS:pdp.test",
             "-keyout", key, "-out", certificate],
            check=True, capture_output=True,
        )  # fmt: skip
        credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
        roots = grpc.ssl_channel_credentials(certificate.read_bytes())
        named = [("grpc.ssl_target_name_override", "pdp.test")]
        with serving(service, credentials=credentials) as port:
            target = f"127.0.0.1:{port}"
            with Client(target, credentials=roots, options=named, deadline=PATIENT) as client:
                client.wait_ready(PATIENT)
                assert client.decide(["a"], subject=TELLER).verdict("a").unmasked
            with Client(target, credentials=roots) as client, pytest.raises(DecisionUnavailableError):
                client.decide(["a"], subject=TELLER)

    @pytest.mark.parametrize(
        "target",
        ["localhost:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "unix:/run/pdp.sock", "unix-abstract:pdp", "dns:///localhost:1",
         "ipv4:127.0.0.1:1,127.0.0.2:1", "ipv6:[::1]:1"],
    )  # fmt: skip
    def test_targets_on_this_machine_need_no_credentials(self, target: str) -> None:
        assert is_local(target)

    @pytest.mark.parametrize(
        "target",
        ["pdp:1", "10.0.0.1:1", "ipv4:127.0.0.1:1,10.0.0.1:1", "dns:///pdp.example:1", "dns://127.0.0.1/pdp.example:1",
         "localhost.example:1", "[2001:db8::1]:1", "xds:///pdp", ""],
    )  # fmt: skip
    def test_others_need_credentials_or_consent(self, target: str) -> None:
        assert not is_local(target)
        with pytest.raises(ConfigurationError, match="there are no credentials"):
            Client(target)
        Client(target or "x:1", insecure=True).close()


class TestMask:
    @pytest.mark.parametrize(
        "case", [c for c in load("message_maps.json")["cases"] if "error" not in c], ids=lambda c: c["id"]
    )
    def test_vectors_over_the_wire(self, service: Service, target: str, case: dict[str, Any]) -> None:
        table = load("message_maps.json")
        service.types = {name: bundle_pb2.AttributeType.Value(kind) for name, kind in table["types"].items()}
        service.put_map(json_format.ParseDict(case["map"], bundle_pb2.MessageMap()))
        verdicts = iter([question["verdicts"] for question in case["questions"]])

        def answer(_: api.BatchItem) -> api.DecideResponse | api.ItemError:
            found = next(verdicts)
            return api.ItemError(code=3, message="no") if found is None else reply_of(found)

        service.answer = answer
        given = case.get("caller", {"subject": {"id": "T1001"}})
        with Client(target, deadline=PATIENT) as client:
            masked = client.mask(
                case["message"],
                application="core-counter",
                name="customer-detail",
                subject=Subject(**given["subject"]),
                resource=Resource(**given["resource"]) if "resource" in given else None,
                context=given.get("context"),
            )
        assert masked.message == case["expected"]
        assert [(d.part, d.place) for d in masked.decisions] == [(q["part"], q["place"]) for q in case["questions"]]
        failed = sum(question["verdicts"] is None for question in case["questions"])
        assert len(masked.problems) == case.get("problems", 0) + failed

    def test_nothing_but_declared_attributes_and_ids_leaves_the_process(self, service: Service, target: str) -> None:
        prepared(service, with_accounts(customer_map("mobile", "name")))
        message = {
            "no": "C2001", "class": "private", "mobile": "13812348000", "name": "张三", "unmapped": "secret",
            "accounts": [{"no": "100200300400", "balance": "12.5", "holder": "李四", "mobile": 13912348001}],
        }  # fmt: skip
        with Client(target, deadline=PATIENT) as client:
            mask(client, message)
        sent = b"".join(request.SerializeToString() for _, request in service.calls)
        for value in ("13812348000", "张三", "secret", "李四", "13912348001", "12.5"):
            assert value.encode() not in sent
        for value in ("C2001", "private", "100200300400"):  # declared: the resources' ids and an attribute
            assert value.encode() in sent

    def test_one_call_for_a_message_and_one_for_a_message_with_lists(self, service: Service, target: str) -> None:
        prepared(service, with_accounts(customer_map("mobile")))
        with Client(target, deadline=PATIENT) as client:
            mask(client, {"no": "C1", "mobile": "13812348000"}, request_id="r1", grant_ids=["G1"])
            masked = mask(client, {"no": "C1", "accounts": [{"no": "100200300400"}, {"no": "1"}]}, request_id="r2")
        assert service.names() == ["GetMessageMap", "Decide", "DecideBatch"]
        decide, batch = service.calls[1][1], service.calls[2][1]
        assert (decide.request_id, list(decide.grant_ids)) == ("r1", ["G1"])
        assert (batch.request_id, len(batch.items)) == ("r2", 3)
        assert batch.items[1].message == types_pb2.MessageRef(
            application="core-counter", name="customer", part="accounts"
        )
        assert masked.message["accounts"] == [{"no": "100*****0400"}, {"no": "*"}]
        assert [part.place for part in masked.decisions] == ["$", "$.accounts[0]", "$.accounts[1]"]
        assert {(d.decision.revision, d.decision.policy_hash) for d in masked.decisions if d.decision} == {(7, "h1")}
        assert (masked.request_id, masked.policy_hash, masked.problems) == ("r2", "h1", ())

    def test_long_lists_go_in_batches_the_service_accepts(
        self, service: Service, target: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        prepared(service, with_accounts(customer_map()))
        monkeypatch.setattr(_asking, "MAX_BATCH_BYTES", 2_000)
        monkeypatch.setattr(_asking, "MAX_BATCH_ITEMS", 15)
        accounts = [{"no": f"{index:012}"} for index in range(40)] + [{"no": f"{index:0250}"} for index in range(10)]
        with Client(target, deadline=PATIENT) as client:
            masked = mask(client, {"accounts": accounts}, request_id="r")
        batches = [request for name, request in service.calls if name == "DecideBatch"]
        assert max(len(batch.items) for batch in batches) == 15
        assert max(batch.ByteSize() for batch in batches) < 2_200
        assert [batch.request_id for batch in batches][:3] == ["r", "r-2", "r-3"]
        asked = [item.resource.id for batch in batches for item in batch.items]
        assert asked == [account["no"] for account in accounts]
        assert all("*" in account["no"] for account in masked.message["accounts"])

    def test_the_map_is_fetched_once(self, service: Service, target: str) -> None:
        prepared(service, customer_map("mobile"))
        with Client(target, deadline=PATIENT) as client:
            for _ in range(5):
                mask(client, {"mobile": "13812348000"})
        assert service.names() == ["GetMessageMap"] + ["Decide"] * 5

    def test_a_new_map_is_followed_at_once(self, service: Service, target: str) -> None:
        prepared(service, customer_map("mobile"))
        with Client(target, deadline=PATIENT) as client:
            message = {"mobile": "13812348000", "email": "zhangsan@example.com"}
            assert mask(client, message).message["email"] == "zhangsan@example.com"
            prepared(service, customer_map("mobile", "email")).policy_hash = "h2"
            masked = mask(client, message)
            assert masked.message == {"mobile": "138****8000", "email": "zha*************.com"}
            assert masked.policy_hash == "h2"
            service.calls.clear()
            mask(client, message)
        assert service.names() == ["Decide"]

    def test_a_new_policy_set_with_the_same_map_costs_one_fetch(self, service: Service, target: str) -> None:
        prepared(service, customer_map("mobile"))
        with Client(target, deadline=PATIENT) as client:
            mask(client, {})
            service.policy_hash = "h2"
            service.calls.clear()
            mask(client, {})
            mask(client, {})
            service.policy_hash = "h1"  # a node that has not got the new one yet
            mask(client, {})
        assert service.names() == ["Decide", "GetMessageMap", "Decide", "Decide"]

    def test_new_types_of_attributes_are_followed(self, service: Service, target: str) -> None:
        prepared(service, customer_map("mobile"))
        with Client(target, deadline=PATIENT) as client:
            mask(client, {"class": "3"})
            service.types["resource.customer_class"] = bundle_pb2.ATTRIBUTE_TYPE_INT
            service.policy_hash = "h2"
            mask(client, {"class": "3"})
        assert service.calls[-1][1].resource.attributes["customer_class"].int_value == 3

    def test_where_nothing_is_asked_the_map_is_checked(self, service: Service, target: str) -> None:
        prepared(service, with_accounts(customer_map()))
        with Client(target, deadline=PATIENT) as client:
            assert mask(client, {"accounts": [], "email": "a@b.cn"}).message["email"] == "a@b.cn"
            prepared(service, with_accounts(customer_map("email"))).policy_hash = "h2"
            masked = mask(client, {"accounts": [], "email": "a@b.cn"})
        assert masked.message["email"] == "******"

    def test_nodes_with_different_maps(self) -> None:
        old, new = prepared(Service(), customer_map("mobile")), prepared(Service(), customer_map("mobile", "email"))
        new.policy_hash = "h2"
        message = {"mobile": "13812348000", "email": "zhangsan@example.com"}
        with (
            serving(old) as one,
            serving(new) as two,
            Client(f"ipv4:127.0.0.1:{one},127.0.0.1:{two}", deadline=PATIENT) as client,
        ):
            seen = {}
            for _ in range(2_000):
                masked = mask(client, message)
                seen[masked.policy_hash] = masked.message
                if len(seen) == 2:
                    break
        assert seen["h1"] == {"mobile": "138****8000", "email": "zhangsan@example.com"}
        assert seen["h2"] == {"mobile": "138****8000", "email": "zha*************.com"}

    def test_a_policy_set_that_never_stands_still(self, service: Service, target: str) -> None:
        prepared(service, customer_map("mobile"))

        def change(*_: Any) -> None:
            service.policy_hash = f"h{len(service.calls)}"

        service.before = change
        with (
            Client(target, deadline=PATIENT) as client,
            pytest.raises(DecisionUnavailableError, match="policy sets changed"),
        ):
            mask(client, {})
        assert len(service.calls) <= 1 + _asking.MAX_ROUNDS * (1 + _asking.MAX_FETCHES)

    def test_no_map(self, target: str) -> None:
        with Client(target, deadline=PATIENT) as client, pytest.raises(UnknownMessageError):
            mask(client, {})

    def test_a_map_that_was_taken_away(self, service: Service, target: str) -> None:
        prepared(service, customer_map("mobile"))
        with Client(target, deadline=PATIENT) as client:
            mask(client, {})
            service.maps.clear()
            service.before = lambda name, _, context: (
                abort(context, grpc.StatusCode.INVALID_ARGUMENT, "gone", "ERROR_REASON_UNKNOWN_MESSAGE")
                if name == "Decide"
                else None
            )
            with pytest.raises(UnknownMessageError):
                mask(client, {})

    def test_a_message_that_does_not_fit_is_refused_before_anything_is_asked(
        self, service: Service, target: str
    ) -> None:
        prepared(service, with_accounts(customer_map("mobile")))
        with Client(target, deadline=PATIENT) as client, pytest.raises(MessageMismatchError):
            mask(client, {"accounts": {"no": "100200300400"}})
        assert service.names() == ["GetMessageMap"]

    def test_an_item_that_fails_alone_is_masked_in_full(
        self, service: Service, target: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        prepared(service, with_accounts(customer_map()))
        usual = service.answer
        service.answer = lambda item: (
            api.ItemError(code=3, message="its id is too long") if item.resource.id == "13" else usual(item)
        )
        caplog.set_level(logging.WARNING, "jingxi_client")
        with Client(target, deadline=PATIENT) as client:
            masked = mask(client, {"accounts": [{"no": "13"}, {"no": "100200300400"}]})
        assert masked.message["accounts"] == [{"no": "***"}, {"no": "100*****0400"}]
        assert masked.decisions[0].decision is None
        assert masked.problems == ("$.accounts[0] was masked in full: its id is too long",)
        assert "its id is too long" in caplog.text
        assert "100200300400" not in caplog.text

    def test_too_few_answers_are_refused(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        prepared(service, with_accounts(customer_map()))
        monkeypatch.setattr(Service, "DecideBatch", lambda *_: api.DecideBatchResponse(policy_hash="h1"))
        with (
            serving(service) as port,
            Client(f"127.0.0.1:{port}", deadline=PATIENT) as client,
            pytest.raises(ProtocolError, match="0 of 1 items"),
        ):
            mask(client, {"accounts": [{"no": "1"}]})

    def test_a_mask_it_does_not_know_drops_the_field_and_says_so(self, service: Service, target: str) -> None:
        prepared(service, customer_map("mobile", "name"))
        service.answer = lambda _: reply_of({"mobile": {"algorithm": "tokenize", "parameters": {}}, "name": FULL})
        with Client(target, deadline=PATIENT) as client:
            masked = mask(client, {"mobile": "13812348000", "name": "张三"})
        assert masked.message == {"name": "***"}
        assert len(masked.problems) == 1
        assert "does not know the algorithm `tokenize`" in masked.problems[0]

    def test_hashes_take_their_key_from_the_caller(self, service: Service, target: str) -> None:
        prepared(service, customer_map("mobile"))
        service.answer = lambda _: reply_of({"mobile": {"algorithm": "hash", "parameters": {"key": "k", "digits": 16}}})
        with Client(target, deadline=PATIENT, keys={"k": b"0123456789abcdef0123456789abcdef"}.get) as client:
            masked = mask(client, {"mobile": "13812348000"})
        assert masked.message == {"mobile": "03a5fa1f12d5f495"}

    def test_obligations_of_all_parts_once(self, service: Service, target: str) -> None:
        prepared(service, with_accounts(customer_map()))

        def answer(_: api.BatchItem) -> api.DecideResponse:
            reply = reply_of({"account_no": "unmask"})
            reply.obligations.add(type="watermark", fields=["account_no"], rule="p/r")
            return reply

        service.answer = answer
        with Client(target, deadline=PATIENT) as client:
            masked = mask(client, {"accounts": [{"no": "1"}, {"no": "2"}]})
        assert [obligation.type for obligation in masked.obligations] == ["watermark"]

    def test_threads_share_a_client(self, service: Service, target: str) -> None:
        prepared(service, with_accounts(customer_map("mobile")))
        with Client(target, deadline=PATIENT) as client, futures.ThreadPoolExecutor(8) as pool:
            messages = [
                {"no": f"C{i}", "mobile": f"138{i:08}", "accounts": [{"no": f"{i:012}"}] * (i % 4)} for i in range(60)
            ]
            results = list(pool.map(lambda message: mask(client, message).message, messages))
        for i, result in enumerate(results):
            assert (result["no"], result["mobile"]) == (f"C{i}", f"138****{i:08}"[:7] + f"{i:08}"[-4:])
            assert result["accounts"] == [{"no": "000*****" + f"{i:012}"[-4:]}] * (i % 4)
