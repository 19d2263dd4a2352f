"""A service that gives bundles and takes decisions, on a real socket."""

from __future__ import annotations

import collections
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from client_support import VECTORS
from jingxi_client._gen.pdp.v1 import bundle_pb2, bundle_service_pb2, bundle_service_pb2_grpc

BUNDLES = VECTORS / "bundles"
TRUST = BUNDLES / "test.pub"


class Bundles(bundle_service_pb2_grpc.BundleServiceServicer):  # type: ignore[misc]
    """Gives bundles as the service does, and takes decisions."""

    def __init__(self) -> None:
        self.tokens: queue.Queue[str | None] = queue.Queue()
        self.asked: queue.Queue[tuple[int, str]] = queue.Queue()
        self.outbox: collections.deque[Any] = collections.deque()
        self.decisions: list[bundle_service_pb2.OfflineDecision] = []
        self.changed = threading.Condition()
        self.before: Callable[[grpc.ServicerContext], None] = lambda _: None

    def add_to(self, server: grpc.Server) -> None:
        bundle_service_pb2_grpc.add_BundleServiceServicer_to_server(self, server)

    def WatchBundle(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        ended = threading.Event()

        def end() -> None:
            with self.changed:
                ended.set()
                self.changed.notify_all()

        if not context.add_callback(end):
            return
        self.tokens.put(dict(context.invocation_metadata()).get("authorization"))
        self.asked.put((request.known_revision, request.known_hash))
        while True:
            with self.changed:
                self.changed.wait_for(lambda: ended.is_set() or self.outbox)
                if ended.is_set() or (found := self.outbox.popleft()) == "end":
                    return
            yield found

    def ReportDecisions(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.before(context)
        with self.changed:
            seen = len(self.decisions)
            self.decisions += [d for d in request.decisions if d.sequence > seen]
            self.changed.notify_all()
        return bundle_service_pb2.ReportDecisionsResponse(recorded_through=len(self.decisions))

    def send(self, answer: Any) -> None:
        with self.changed:
            self.outbox.append(answer)
            self.changed.notify_all()

    def put(self, name: str, chunk: int = 4_000) -> None:
        signed = bundle_pb2.SignedBundle.FromString((BUNDLES / f"{name}.pb").read_bytes())
        header = bundle_service_pb2.BundleHeader(
            revision=signed.revision, hash=signed.hash, key_id=signed.key_id, signature=signed.signature,
            size=len(signed.bundle),
        )  # fmt: skip
        self.send(bundle_service_pb2.WatchBundleResponse(header=header))
        for start in range(0, len(signed.bundle), chunk):
            part = signed.bundle[start : start + chunk]
            self.send(bundle_service_pb2.WatchBundleResponse(chunk=part))

    def current(self, stale: int = 0) -> None:
        current = bundle_service_pb2.BundleCurrent(revision=7, hash="x", stale_seconds=stale)
        self.send(bundle_service_pb2.WatchBundleResponse(current=current))
