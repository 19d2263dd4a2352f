"""The channel to the service: TLS, retries, balancing and health checks as DESIGN's clients have them."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from typing import Any

import grpc

from jingxi_client._gen.pdp.v1 import decision_service_pb2
from jingxi_client.errors import ConfigurationError

# INVARIANT: a retry policy that names the service wrongly is ignored in silence, so the name comes from the descriptor.
SERVICE: str = decision_service_pb2.DESCRIPTOR.services_by_name["DecisionService"].full_name

SERVICE_CONFIG: dict[str, Any] = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": ""},
    "methodConfig": [
        {
            "name": [{"service": SERVICE}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.02s",
                "maxBackoff": "0.1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    # After many failures in a row calls are no longer repeated, so that clients do not hold a struggling service down.
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
}

_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    ("grpc.service_config_disable_resolution", 1),
    # Decisions must not wander through a web proxy that the environment happens to name.
    ("grpc.enable_http_proxy", 0),
    # A node that comes back is used within 2 s; gRPC's own bound is 2 minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A peer that vanished without a word is noticed.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
)


def open_channel(
    target: str,
    credentials: grpc.ChannelCredentials | None,
    options: Sequence[tuple[str, Any]],
    *,
    insecure: bool,
) -> grpc.Channel:
    """Return a channel; later options win over the client's own. Raises ConfigurationError."""
    _check_target(target, credentials, insecure=insecure)
    if credentials is not None:
        return grpc.secure_channel(target, credentials, _merged(options))
    return grpc.insecure_channel(target, _merged(options))


def open_async_channel(
    target: str,
    credentials: grpc.ChannelCredentials | None,
    options: Sequence[tuple[str, Any]],
    interceptors: Sequence[Any],
    *,
    insecure: bool,
) -> grpc.aio.Channel:
    """Return a channel of asyncio, as `open_channel` does. Raises ConfigurationError."""
    _check_target(target, credentials, insecure=insecure)
    if credentials is not None:
        return grpc.aio.secure_channel(target, credentials, _merged(options), interceptors=list(interceptors))
    return grpc.aio.insecure_channel(target, _merged(options), interceptors=list(interceptors))


def _merged(options: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    own = dict(options)
    return [option for option in _OPTIONS if option[0] not in own] + list(options)


def _check_target(target: str, credentials: grpc.ChannelCredentials | None, *, insecure: bool) -> None:
    if credentials is None and not insecure and not is_local(target):
        raise ConfigurationError(
            f"target `{target}` is not on this machine and there are no credentials; give "
            "`credentials=grpc.ssl_channel_credentials(…)`, or `insecure=True` to send attributes in plain text"
        )


def is_local(target: str) -> bool:
    """Whether every address of a gRPC target is this machine's loopback or a Unix socket."""
    scheme, colon, rest = target.partition(":")
    if scheme in ("unix", "unix-abstract") and colon:
        return True
    if scheme in ("dns", "ipv4", "ipv6") and colon:
        target = rest.rpartition("/")[2]
    return all(_is_loopback(_host(address)) for address in target.split(","))


def _host(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") <= 1 else address


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
