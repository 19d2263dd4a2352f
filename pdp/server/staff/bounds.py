"""How large requests of staff may be, and how long they may take to arrive.

Only requests that carry the text of a policy set may be large. Whoever begins a call and sends no request holds a
thread until then, so those who are not signed in have few places for it, and nobody has one for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final

import grpc

from pdp.errors import LimitError, RequestError, Violation
from pdp.server.staff.calls import Calls
from pdp.server.staff.permissions import NEEDS, Access

MAX_PLAIN: Final = 256 * 1024
"""Bytes of any other request."""
ARRIVE_SECONDS = 20.0
LARGE_SECONDS: Final = 600.0
"""How long a request may take to arrive, and one with the text of a policy set."""


class Bounds(grpc.ServerInterceptor):  # type: ignore[type-arg]
    """Refuses larger and slower requests; `large` names the methods with the text of a policy set, as
    `/service/Method`.
    """

    def __init__(self, calls: Calls, large: Collection[str]) -> None:
        self._calls = calls
        self._large = frozenset(large)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """See grpc."""
        handler = continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None:
            return None
        if handler.request_streaming:
            return self._reflection(handler, method)
        streams = handler.response_streaming
        behaviour: Any = handler.unary_stream if streams else handler.unary_unary

        def bounded(requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
            with self._calls.failing(context, method):
                request = self._arrived(requests, context, method)
            return behaviour(request, context)

        # As a stream of requests, or grpc would wait for the one before it asks here.
        wrap = grpc.stream_stream_rpc_method_handler if streams else grpc.stream_unary_rpc_method_handler
        made: Any = bounded
        return wrap(
            made,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _reflection(self, handler: grpc.RpcMethodHandler[Any, Any], method: str) -> grpc.RpcMethodHandler[Any, Any]:
        """Return a handler of the only method with a stream of requests, with few places and one time for all of it."""
        behaviour: Any = handler.stream_stream

        def bounded(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
            with (
                self._calls.failing(context, method),
                self._calls.place("reflection"),
                _cut_off(context, ARRIVE_SECONDS),
            ):
                yield from behaviour(requests, context)

        made: Any = bounded
        return grpc.stream_stream_rpc_method_handler(
            made,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _arrived(self, requests: Iterator[Any], context: grpc.ServicerContext, method: str) -> Any:
        """Return the request of a call. Raises LimitError and RequestError; what takes too long is cancelled."""
        large = method in self._large
        place = self._calls.place("stranger") if NEEDS.get(method) is Access.ANYBODY else nullcontext()
        with place, _cut_off(context, LARGE_SECONDS if large else ARRIVE_SECONDS):
            request = next(requests, None)
        if request is None:
            raise RequestError(Violation("request", "is missing"))
        if not large and request.ByteSize() > MAX_PLAIN:
            raise LimitError(f"a request of this kind may have {MAX_PLAIN} bytes")
        return request


@contextmanager
def _cut_off(context: grpc.ServicerContext, seconds: float) -> Iterator[None]:
    """Cancel a call that is still within after so long."""
    late = threading.Timer(seconds, context.cancel)
    late.daemon = True
    late.start()
    try:
        yield
    finally:
        late.cancel()
