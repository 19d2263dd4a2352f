"""Message maps: fetched once, followed when they change."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from client_support import Service, abort, serving
from jingxi_client import (
    Client,
    DecisionUnavailableError,
    UnknownMessageError,
    _asking,
)
from jingxi_client._gen.pdp.v1 import bundle_pb2
from mask_support import PATIENT, customer_map, mask, prepared, with_accounts


class TestMaps:
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
