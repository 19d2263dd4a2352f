"""The decision service as grpc.aio handlers that hand bytes to the core and bytes back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

import grpc
from google.rpc import code_pb2

from pdp.server import logs
from pdp.server.core import SERVICE, DecisionCore
from pdp.server.status import failure_of
from pdp.v1.decision_service_pb2 import DecideResponse

log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[bytes, bytes]
Handler = Callable[[bytes, Context], Awaitable[bytes]]

_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


def decision_handlers(core: DecisionCore, executor: Executor) -> grpc.GenericRpcHandler[bytes, bytes]:
    """Return the handlers of `pdp.v1.DecisionService`; long calls run in `executor`, the others in the event loop.

    No (de)serializers are named, so that grpc neither parses requests nor builds replies.
    """
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {name: grpc.unary_unary_rpc_method_handler(_handler(core, name, executor)) for name in core.methods},
    )


def _handler(core: DecisionCore, name: str, executor: Executor) -> Handler:
    path = f"/{SERVICE}/{name}"
    method = core.methods[name]

    async def handle(payload: bytes, context: Context) -> bytes:
        start = time.perf_counter_ns()
        try:
            if core.is_long(name, payload):
                reply = await asyncio.get_running_loop().run_in_executor(executor, method, payload)
            else:
                reply = method(payload)
        except Exception as error:  # nothing that a client sends may stop the process
            failure = failure_of(error, path)
            _trace(path, failure.code, start)
            await context.abort(_CODES[failure.code], failure.message, (("grpc-status-details-bin", failure.details),))
        if log.isEnabledFor(logging.DEBUG):
            # The only id in the log by which a decision can be found again; nothing else of it is written.
            decision = {"decision_id": DecideResponse.FromString(reply).decision_id} if name == "Decide" else {}
            _trace(path, code_pb2.OK, start, **decision)
        return reply

    return handle


def _trace(path: str, code: int, start: int, **details: str) -> None:
    micros = (time.perf_counter_ns() - start) // 1000
    name = code_pb2.Code.Name(code)
    logs.event(log, logging.DEBUG, "call", "answered", method=path, code=name, micros=micros, **details)
