"""The client for asyncio: as `jingxi_client.Client`, with `await`.

async with AsyncClient("localhost:7443") as client:
    masked = await client.mask(message, application="core-counter", name="customer-detail", subject=Subject("T1001"))
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar

import grpc

from jingxi_client import _asking
from jingxi_client._asking import Call, Flow
from jingxi_client._channel import open_async_channel
from jingxi_client._core import Core, report_error
from jingxi_client._gen.pdp.v1 import decision_service_pb2_grpc, fallback_service_pb2_grpc
from jingxi_client.alarms import AlarmCallback, no_alarm
from jingxi_client.decisions import Action, Decision, Masked, Resource, Subject
from jingxi_client.errors import DecisionUnavailableError, JingxiError
from jingxi_client.keys import KeyProvider, no_keys
from jingxi_client.metrics import Metrics

_T = TypeVar("_T")


class AsyncClient:
    """A connection to the decision service for the tasks of one event loop, in which it is made.

    The parameters are those of `jingxi_client.Client`; `interceptors` are gRPC's for asyncio, and `alarm` may be called
    by another thread. Raises ConfigurationError.
    """

    def __init__(
        self,
        target: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        insecure: bool = False,
        token_file: str | os.PathLike[str] | None = None,
        deadline: float = 0.5,
        keys: KeyProvider = no_keys,
        state: str | os.PathLike[str] | None = None,
        alarm: AlarmCallback = no_alarm,
        metrics: Metrics | None = None,
        interceptors: Sequence[Any] = (),
        options: Sequence[tuple[str, Any]] = (),
    ) -> None:
        self._core = Core(
            target, encrypted=credentials is not None, deadline=deadline, keys=keys, token_file=token_file,
            state=state, alarm=alarm, metrics=metrics,
        )  # fmt: skip
        try:
            self._channel = open_async_channel(target, credentials, options, interceptors, insecure=insecure)
        except JingxiError:
            self._core.close()
            raise
        self._loop = asyncio.get_running_loop()
        self._stub = decision_service_pb2_grpc.DecisionServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._reports = fallback_service_pb2_grpc.FallbackServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._core.start_reporting(self._report)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Report what waits for at most a second, end all calls and the connection. May be called again."""
        if self._core.closed:
            return
        self._core.closed = True
        if self._core.reporter is not None:
            await asyncio.to_thread(self._core.reporter.close)
        await self._channel.close(None)
        await asyncio.to_thread(self._core.close)

    async def wait_ready(self, timeout: float) -> None:  # noqa: ASYNC109 - as in the other client
        """Wait until a node can be reached, at most `timeout` seconds. Raises DecisionUnavailableError."""
        self._core.check_open()
        try:
            # Not `wait_for`: that of Python 3.11 forgets a cancellation that comes together with the answer.
            async with asyncio.timeout(timeout):
                await self._channel.channel_ready()
        except TimeoutError as error:
            raise DecisionUnavailableError(f"no node could be reached within {timeout} s") from error

    async def prepare(self, application: str, name: str) -> None:
        """Fetch the map of a message, so that its fields are known when the service is away. Raises as `mask` does."""
        asking = self._core.asking(application, name, Subject("-"), None, None, None, (), "", 0, 0)
        await self._run(_asking.fetch_map(asking, self._core.maps))

    async def decide(
        self,
        fields: Sequence[str],
        *,
        subject: Subject,
        resource: Resource | None = None,
        action: Action | None = None,
        context: Mapping[str, Any] | None = None,
        grant_ids: Sequence[str] = (),
        request_id: str = "",
        min_revision: int = 0,
        min_grant_revision: int = 0,
    ) -> Decision:
        """Return the verdicts of fields of one resource, as `Client.decide` does."""
        request = _asking.decide_request(
            fields, subject, action, resource, context, grant_ids, request_id, min_revision, min_grant_revision
        )

        def flow() -> Flow[Decision]:
            return _asking.decision_for(request, (yield Call("Decide", request)))

        return await self._run(flow())

    async def mask(
        self,
        message: Any,
        *,
        application: str,
        name: str,
        subject: Subject,
        context: Mapping[str, Any] | None = None,
        action: Action | None = None,
        resource: Resource | None = None,
        grant_ids: Sequence[str] = (),
        request_id: str = "",
        min_revision: int = 0,
        min_grant_revision: int = 0,
    ) -> Masked:
        """Return a masked copy of a JSON message, as `Client.mask` does."""
        core = self._core
        asking = core.asking(
            application, name, subject, context, action, resource, grant_ids, request_id, min_revision,
            min_grant_revision,
        )  # fmt: skip
        began, outcome = time.monotonic(), "refused"
        try:
            try:
                plan, answers = await self._run(_asking.ask(message, asking, core.maps))
            except JingxiError as error:
                # The record goes to the disk, which the loop must not wait for.
                found = await asyncio.to_thread(core.fall_back, message, asking, error)
                outcome = "fallback"
                return found
            found = core.masked(message, plan, answers, asking)
            outcome = "decided"
            return found
        finally:
            core.metrics.message(outcome, time.monotonic() - began)

    async def _run(self, flow: Flow[_T]) -> _T:
        """Make the calls that a flow wants, within the deadline, unless the breaker is open."""
        core = self._core
        core.check_open()
        core.admit()
        end = time.monotonic() + core.deadline
        try:
            call = next(flow)
            while True:
                try:
                    reply = await self._call(call, end)
                except JingxiError as error:
                    call = flow.throw(error)
                else:
                    call = flow.send(reply)
        except StopIteration as stop:
            core.ended(None)
            result: _T = stop.value
            return result
        except BaseException as error:
            core.ended(error)
            raise

    async def _call(self, call: Call, end: float) -> Any:
        core = self._core
        seconds = core.seconds_left(call.method, end)
        began, outcome = time.monotonic(), "OK"
        try:
            return await getattr(self._stub, call.method)(call.request, timeout=seconds, metadata=core.metadata())
        except grpc.aio.AioRpcError as error:
            outcome = error.code().name
            raise core.failed_call(call.method, error) from error
        except grpc.aio.UsageError:
            core.check_open()  # grpc's word for a channel that was closed meanwhile
            raise
        finally:
            core.metrics.call(call.method, outcome, time.monotonic() - began)

    def _report(self, request: Any, seconds: float) -> Any:
        """Send a report from the thread that reports, by the loop's channel."""

        async def send() -> Any:
            try:
                return await self._reports.ReportFallbacks(request, timeout=seconds, metadata=self._core.metadata())
            except grpc.aio.AioRpcError as error:
                raise report_error(error) from error

        try:
            return asyncio.run_coroutine_threadsafe(send(), self._loop).result(seconds + 1)
        except (TimeoutError, RuntimeError, concurrent.futures.CancelledError) as error:
            raise DecisionUnavailableError("the event loop did not report in time") from error
