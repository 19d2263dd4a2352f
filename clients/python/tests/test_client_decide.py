"""Asking about fields, against a service on a real socket."""

from __future__ import annotations

import pytest
from google.protobuf import json_format

import jingxi_client
from client_support import Service, reply_of
from jingxi_client import (
    Action,
    AttributeValueError,
    Client,
    Mask,
    ProtocolError,
    Resource,
    Subject,
)
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from jingxi_client._gen.pdp.v1 import types_pb2
from mask_support import KEEP, PATIENT, TELLER


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
