"""ClusterService: which node decides by what."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from typing import Final

import grpc

from pdp.control.nodes import View
from pdp.control.steps import MAX_REASON
from pdp.errors import RequestError, Violation
from pdp.server.staff.calls import Calls
from pdp.server.staff.control_host import ControlHost
from pdp.v1 import cluster_service_pb2, cluster_service_pb2_grpc, control_pb2, snapshot_pb2

SERVICE: str = cluster_service_pb2.DESCRIPTOR.services_by_name["ClusterService"].full_name

FORGOTTEN: Final = "node.forgotten"
"""The kind of the operation."""
_EVERY_SECONDS: Final = 10.0
_STEP_SECONDS: Final = 1.0
"""How soon a stream notices that its caller is gone."""
_DEFAULT_MILLIS: Final = 10_000
_MOST_MILLIS: Final = 600_000


class ClusterServicer(cluster_service_pb2_grpc.ClusterServiceServicer):
    """Answers out of what nodes say of themselves in the control store."""

    def __init__(self, calls: Calls, host: ControlHost) -> None:
        self._calls = calls
        self._host = host
        self._nodes = host.nodes

    def ListNodes(  # noqa: N802 - as gRPC names it
        self, request: cluster_service_pb2.ListNodesRequest, context: grpc.ServicerContext
    ) -> cluster_service_pb2.ListNodesResponse:
        """See the service's definition."""
        del request
        return self._calls.answer(
            context, "ListNodes", None, lambda: self._response(self._host.run(self._nodes.look()))
        )

    def WatchNodes(  # noqa: N802
        self, request: cluster_service_pb2.WatchNodesRequest, context: grpc.ServicerContext
    ) -> Iterator[cluster_service_pb2.WatchNodesResponse]:
        """See the service's definition."""
        del request
        return self._calls.stream(context, "WatchNodes", "watch", None, self._watch)

    def AwaitRevision(  # noqa: N802
        self, request: cluster_service_pb2.AwaitRevisionRequest, context: grpc.ServicerContext
    ) -> Iterator[cluster_service_pb2.AwaitRevisionResponse]:
        """See the service's definition."""
        return self._calls.stream(context, "AwaitRevision", "watch", None, lambda ended: self._await(request, ended))

    def ForgetNode(  # noqa: N802
        self, request: cluster_service_pb2.ForgetNodeRequest, context: grpc.ServicerContext
    ) -> cluster_service_pb2.ForgetNodeResponse:
        """See the service's definition."""

        def act() -> cluster_service_pb2.ForgetNodeResponse:
            _check_reason(request.reason)
            known = self._host.run(self._nodes.find_lost(request.node))
            operation = snapshot_pb2.Operation(
                actor=self._calls.actor(context), address=self._calls.address(context), kind=FORGOTTEN, success=True,
                details={"node": request.node, "reason": request.reason},
            )  # fmt: skip
            # First: what cannot be recorded must not be done.
            self._host.record(operation)
            self._host.run(self._nodes.forget(known))
            return cluster_service_pb2.ForgetNodeResponse()

        return self._calls.answer(context, "ForgetNode", None, act)

    def _response(self, view: View) -> cluster_service_pb2.ListNodesResponse:
        running = view.rollout is not None and view.rollout.state == control_pb2.ROLLOUT_STATE_RUNNING
        return cluster_service_pb2.ListNodesResponse(
            nodes=view.nodes,
            head=view.head,
            rollout=view.rollout if running else None,
            store_age_millis=int(self._nodes.store_age() * 1000),
        )

    def _watch(self, ended: threading.Event) -> Generator[cluster_service_pb2.WatchNodesResponse, None, None]:
        view = self._host.run(self._nodes.look())
        while not ended.is_set():
            yield cluster_service_pb2.WatchNodesResponse(nodes=self._response(view))
            until, number = time.monotonic() + _EVERY_SECONDS, view.number
            while view.number == number and not ended.is_set() and (left := until - time.monotonic()) > 0:
                view = self._host.run(self._nodes.next(number, min(left, _STEP_SECONDS)))

    def _await(
        self, request: cluster_service_pb2.AwaitRevisionRequest, ended: threading.Event
    ) -> Generator[cluster_service_pb2.AwaitRevisionResponse, None, None]:
        begun = time.monotonic()
        until = begun + _timeout(request) / 1000
        view = self._host.run(self._nodes.look())
        while not ended.is_set():
            found = self._nodes.reached(request.revision, view)
            done = found.converged or time.monotonic() >= until
            yield cluster_service_pb2.AwaitRevisionResponse(
                reached=found.reached, missing=found.missing, excused=found.excused, done=done,
                converged=found.converged, waited_millis=int((time.monotonic() - begun) * 1000),
            )  # fmt: skip
            if done:
                return
            number = view.number
            while view.number == number and not ended.is_set() and (left := until - time.monotonic()) > 0:
                view = self._host.run(self._nodes.next(number, min(left, _STEP_SECONDS)))


def _timeout(request: cluster_service_pb2.AwaitRevisionRequest) -> int:
    if request.revision < 1:
        raise RequestError(Violation("revision", "is a number from 1"))
    if not 0 <= request.timeout_millis <= _MOST_MILLIS:
        raise RequestError(Violation("timeout_millis", f"is 0 to {_MOST_MILLIS}"))
    return request.timeout_millis or _DEFAULT_MILLIS


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise RequestError(Violation("reason", "is required"))
    if len(reason) > MAX_REASON:
        raise RequestError(Violation("reason", f"has at most {MAX_REASON} characters"))
