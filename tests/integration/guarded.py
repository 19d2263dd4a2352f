"""The parts that guard a server (TLS, callers, status), put together by themselves on a real socket."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from pdp.server.callers import Registry
from pdp.server.core import SERVICE
from pdp.server.peers import PeerReader, certificate_names
from pdp.server.status import failure_of
from pdp.v1 import decision_service_pb2 as messages

REQUESTS: dict[str, Callable[[bytes], Any]] = {
    "Decide": messages.DecideRequest.FromString,
    "DecideBatch": messages.DecideBatchRequest.FromString,
    "Explain": messages.ExplainRequest.FromString,
    "GetMessageMap": messages.GetMessageMapRequest.FromString,
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Guarded:
    """A server whose methods say, in a DecideResponse, who calls (`decision_id`) and its own `label` (`request_id`)."""

    def __init__(self, registry: Registry, reader: PeerReader | None = None, *, label: str = "",
                 credentials: grpc.ServerCredentials | None = None) -> None:  # fmt: skip
        self.registry = registry
        self._reader = reader or PeerReader()
        self._label = label
        self.server = grpc.server(ThreadPoolExecutor(4))
        handlers = {name: grpc.unary_unary_rpc_method_handler(self._handler(name)) for name in REQUESTS}
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self.server)
        if credentials is None:
            self.port = self.server.add_insecure_port("127.0.0.1:0")
        else:
            self.port = self.server.add_secure_port("127.0.0.1:0", credentials)
        self.server.start()

    def set_ready(self, *, ready: bool) -> None:
        """Tell health checks whether calls are welcome."""
        states = health_pb2.HealthCheckResponse
        self._health.set("", states.SERVING if ready else states.NOT_SERVING)

    def _handler(self, name: str) -> Callable[[bytes, Any], bytes]:
        def handle(payload: bytes, context: Any) -> bytes:
            try:
                names = certificate_names(context.auth_context())
                peer = self._reader.read_metadata(context.invocation_metadata(), context.peer(), names)
                caller = self.registry.identify(peer)
                caller.admit(name)
                caller.check(REQUESTS[name](payload))
            except Exception as error:
                failure = failure_of(error, name)
                context.set_trailing_metadata((("grpc-status-details-bin", failure.details),))
                context.abort(_CODES[failure.code], failure.message)
            return messages.DecideResponse(decision_id=caller.name, request_id=self._label).SerializeToString()

        return handle
