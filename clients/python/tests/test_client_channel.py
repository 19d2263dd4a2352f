"""The connection: tries, nodes, their health, encryption."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

import jingxi_client
from client_support import Service, serving
from jingxi_client import (
    Client,
    ConfigurationError,
    DecisionUnavailableError,
)
from jingxi_client._channel import SERVICE_CONFIG, is_local
from mask_support import PATIENT, TELLER


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
