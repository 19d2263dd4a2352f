"""The client: `decide` asks about fields, `mask` masks a whole message by its message map."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

import grpc

from jingxi_client import _asking
from jingxi_client._asking import Call, Flow
from jingxi_client._channel import open_channel
from jingxi_client._core import Core, report_error
from jingxi_client._gen.pdp.v1 import decision_service_pb2_grpc, fallback_service_pb2_grpc
from jingxi_client.alarms import AlarmCallback, no_alarm
from jingxi_client.decisions import Action, Decision, Masked, Resource, Subject
from jingxi_client.errors import DecisionUnavailableError, JingxiError
from jingxi_client.keys import KeyProvider, no_keys
from jingxi_client.metrics import Metrics

_T = TypeVar("_T")


class Client:
    """A connection to the decision service. Safe to share between threads; close it, or use it in `with`.

    `target` is a gRPC target: a name such as `pdp.bank.example:7443`, or several addresses such as
    `ipv4:10.0.0.1:7443,10.0.0.2:7443`; calls go round all healthy nodes behind it. `deadline` bounds each call of a
    method, in seconds. `keys` gives the keys of masks. `options` are gRPC channel options and win over the client's
    own. Without `credentials` only targets on this machine are accepted, unless `insecure`. `token_file` holds a bearer
    token. With a `state` folder, of this process alone, the policy set's failure rule holds while there is no verdict;
    `alarm` hears what people must know. `metrics` counts calls and messages, `interceptors` are gRPC's.

    Raises ConfigurationError.
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
        channel = open_channel(target, credentials, options, insecure=insecure)
        try:
            self._core = Core(
                target, encrypted=credentials is not None, deadline=deadline, keys=keys, token_file=token_file,
                state=state, alarm=alarm, metrics=metrics,
            )  # fmt: skip
        except JingxiError:
            channel.close()
            raise
        self._channel = grpc.intercept_channel(channel, *interceptors) if interceptors else channel
        self._open = channel
        self._stub = decision_service_pb2_grpc.DecisionServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._reports = fallback_service_pb2_grpc.FallbackServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._core.start_reporting(self._report)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Report what waits for at most a second, end all calls and the connection. May be called again."""
        if self._core.closed:
            return
        self._core.closed = True
        if self._core.reporter is not None:
            self._core.reporter.close()
        self._open.close()
        self._core.close()

    def wait_ready(self, timeout: float) -> None:
        """Wait until a node can be reached, at most `timeout` seconds. Raises DecisionUnavailableError."""
        self._core.check_open()
        ready = grpc.channel_ready_future(self._open)
        try:
            ready.result(timeout=timeout)
        except grpc.FutureTimeoutError as error:
            raise DecisionUnavailableError(f"no node could be reached within {timeout} s") from error
        finally:
            ready.cancel()  # else it watches the channel for ever

    def prepare(self, application: str, name: str) -> None:
        """Fetch the map of a message, so that its fields are known when the service is away. Raises as `mask` does."""
        asking = self._core.asking(application, name, Subject("-"), None, None, None, (), "", 0, 0)
        self._run(_asking.fetch_map(asking, self._core.maps))

    def decide(
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
        """Return the verdicts of fields of one resource, in their order.

        Attributes are sent as the types that Python has for them: write `2.0` for a double. `min_revision` and
        `min_grant_revision` are the lowest state of policies and of grants that may answer. Raises
        DecisionUnavailableError, RequestRejectedError, AccessDeniedError, AttributeValueError, ProtocolError.
        """
        request = _asking.decide_request(
            fields, subject, action, resource, context, grant_ids, request_id, min_revision, min_grant_revision
        )

        def flow() -> Flow[Decision]:
            return _asking.decision_for(request, (yield Call("Decide", request)))

        return self._run(flow())

    def mask(
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
        """Return a copy of a JSON message, masked as the service decides, and the decisions.

        The message's map says where fields and attributes are; of the message only those attributes and the ids of
        resources leave the process. What the caller gives wins over what the message holds; `context.application` is
        `application` unless given. A part that the service cannot decide alone is masked in full. Without a verdict the
        failure rule holds, if the client has a state folder: `fallback` of the result says so. Raises
        DecisionUnavailableError when no verdict can be had, UnknownMessageError when there is no map,
        MessageMismatchError when message and map do not fit, and what `decide` raises.
        """
        core = self._core
        asking = core.asking(
            application, name, subject, context, action, resource, grant_ids, request_id, min_revision,
            min_grant_revision,
        )  # fmt: skip
        with self._counting() as outcome:
            try:
                plan, answers = self._run(_asking.ask(message, asking, core.maps))
            except JingxiError as error:
                found = core.fall_back(message, asking, error)
                outcome.append("fallback")
                return found
            found = core.masked(message, plan, answers, asking)
            outcome.append("decided")
            return found

    @contextlib.contextmanager
    def _counting(self) -> Iterator[list[str]]:
        """Tell the metrics of a message: the outcome that the block notes, else `refused`."""
        began = time.monotonic()
        outcome: list[str] = []
        try:
            yield outcome
        finally:
            self._core.metrics.message(outcome[0] if outcome else "refused", time.monotonic() - began)

    def _run(self, flow: Flow[_T]) -> _T:
        """Make the calls that a flow wants, within the deadline, unless the breaker is open."""
        core = self._core
        core.check_open()
        core.admit()
        end = time.monotonic() + core.deadline
        try:
            call = next(flow)
            while True:
                try:
                    reply = self._call(call, end)
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

    def _call(self, call: Call, end: float) -> Any:
        core = self._core
        seconds = core.seconds_left(call.method, end)
        began, outcome = time.monotonic(), "OK"
        try:
            return getattr(self._stub, call.method)(call.request, timeout=seconds, metadata=core.metadata())
        except grpc.RpcError as error:
            outcome = error.code().name
            raise core.failed_call(call.method, error) from error
        except ValueError:
            core.check_open()  # grpc's word for a channel that was closed meanwhile
            raise
        finally:
            core.metrics.call(call.method, outcome, time.monotonic() - began)

    def _report(self, request: Any, seconds: float) -> Any:
        try:
            return self._reports.ReportFallbacks(request, timeout=seconds, metadata=self._core.metadata())
        except grpc.RpcError as error:
            raise report_error(error) from error
