"""Publishes variants as the staff do, by way of drafts, and remembers what was acknowledged."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import grpc

from deploy.cluster.node import PdpNode
from pdp.v1 import policy_service_pb2 as messages
from pdp.v1 import policy_service_pb2_grpc
from tests.cluster.history import History, Publication
from tests.cluster.variants import sources, variant

_CALL_SECONDS: Final = 20.0
_PAUSE: Final = 0.2
# A draft is as large as a policy set.
_OPTIONS: Final = (("grpc.max_receive_message_length", 64 << 20), ("grpc.use_local_subchannel_pool", 1))


class Publisher:
    """Publishes by whichever of some nodes takes it. Safe to share between threads."""

    def __init__(self, history: History) -> None:
        self.failures: Counter[str] = Counter()
        self._history = history
        self._variants = itertools.count(1)
        self._lock = threading.Lock()

    def publish(
        self, nodes: Sequence[PdpNode], *, within: float = 60.0, canary: Mapping[str, str] | None = None
    ) -> Publication:
        """Return a new variant that was acknowledged. One that failed may have taken force all the same."""
        number = next(self._variants)
        end = time.monotonic() + within
        last: grpc.RpcError | None = None
        for attempt in itertools.count(1):
            node = nodes[attempt % len(nodes) - 1]
            try:
                return self._once(node, number, f"v{number}-{attempt}", canary)
            except grpc.RpcError as error:
                last = error
                with self._lock:
                    self.failures[error.code().name] += 1
            if time.monotonic() > end:
                raise AssertionError(f"nothing could be published within {within:g} s: {last}") from last
            time.sleep(_PAUSE)
        raise AssertionError

    def promote(self, node: PdpNode, revision: int) -> None:
        """Put a candidate in force everywhere."""
        with _channel(node) as channel:
            _stub(channel).PromoteRollout(
                messages.PromoteRolloutRequest(revision=revision, reason="a run"), timeout=_CALL_SECONDS
            )

    def stop(self, node: PdpNode, revision: int) -> int:
        """Take a candidate back and return the revision that is in force then."""
        with _channel(node) as channel:
            found = _stub(channel).StopRollout(
                messages.StopRolloutRequest(revision=revision, reason="a run"), timeout=_CALL_SECONDS
            )
        return int(found.rollout.fallback)

    def _once(self, node: PdpNode, number: int, name: str, canary: Mapping[str, str] | None) -> Publication:
        with _channel(node) as channel:
            stub = _stub(channel)
            text = sources(variant(number))
            saved = stub.SaveDraft(
                messages.SaveDraftRequest(name=name, sources=text, reason="a run"), timeout=_CALL_SECONDS
            )
            submitted = stub.SubmitDraft(
                messages.SubmitDraftRequest(name=name, version=saved.draft.version, reason="a run"),
                timeout=_CALL_SECONDS,
            )
            request = messages.PublishDraftRequest(name=name, version=submitted.draft.version, reason="a run")
            if canary is not None:
                request.canary.labels.update(canary)
            begun = time.monotonic()
            made = stub.PublishDraft(request, timeout=_CALL_SECONDS).revision
        publication = Publication(made.number, made.bundle_hash, number, begun, time.monotonic())
        with self._lock:
            self._history.publications.append(publication)
        return publication


def _channel(node: PdpNode) -> grpc.Channel:
    return grpc.insecure_channel(node.staff, _OPTIONS)


def _stub(channel: grpc.Channel) -> policy_service_pb2_grpc.PolicyServiceStub:
    return policy_service_pb2_grpc.PolicyServiceStub(channel)  # type: ignore[no-untyped-call]
