"""Masking messages, against a service on a real socket."""

from __future__ import annotations

import logging
from concurrent import futures
from typing import Any

import pytest
from google.protobuf import json_format

from client_support import Service, load, reply_of, serving
from jingxi_client import (
    Client,
    MessageMismatchError,
    ProtocolError,
    Resource,
    Subject,
    _asking,
)
from jingxi_client._gen.pdp.v1 import bundle_pb2, types_pb2
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from mask_support import FULL, PATIENT, customer_map, mask, prepared, with_accounts


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
