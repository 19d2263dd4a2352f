"""How large requests of staff may be: only those that carry the text of a policy set may be large."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

import grpc

from pdp.errors import LimitError
from pdp.server.status import failure_of

MAX_PLAIN: Final = 256 * 1024
"""Bytes of any other request."""


class Bounds(grpc.ServerInterceptor):  # type: ignore[type-arg]
    """Refuses larger requests; `large` names the methods that have no bound of their own here, as `/service/Method`."""

    def __init__(self, large: Collection[str]) -> None:
        self._large = frozenset(large)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """See grpc."""
        handler = continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or handler.request_streaming or method in self._large:
            return handler
        streams = handler.response_streaming
        behaviour: Any = handler.unary_stream if streams else handler.unary_unary
        wrap = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler

        def bounded(request: Any, context: grpc.ServicerContext) -> Any:
            if request.ByteSize() > MAX_PLAIN:
                failure = failure_of(LimitError(f"a request of this kind may have {MAX_PLAIN} bytes"), method)
                context.set_trailing_metadata((("grpc-status-details-bin", failure.details),))
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, failure.message)
            return behaviour(request, context)

        return wrap(
            bounded,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
