"""Reports as clients send them, and what became of them in a server's store."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from pdp.snapshot.store import open_reader
from pdp.v1 import (
    bundle_service_pb2,
    bundle_service_pb2_grpc,
    decision_service_pb2,
    fallback_service_pb2,
    fallback_service_pb2_grpc,
    snapshot_pb2,
    types_pb2,
)

PATIENCE = 60.0
CLIENT = "0123456789abcdef" * 2
NOW = 1_770_000_000_000_000_000
PASSED, MASKED = ["mobile", "name"], ["balance"]


def event(number: int, items: int = 1, *, passed: Sequence[str] = PASSED, **fields: Any) -> Any:
    """An event of a client: a view of customers without a verdict."""
    given = {
        "sequence": number, "time_nanos": NOW + number, "cause": fallback_service_pb2.FALLBACK_CAUSE_UNAVAILABLE,
        "detail": "connection refused", "request_id": f"r{number}",
        "message": types_pb2.MessageRef(application="core-counter", name="customer-detail"),
        "subject": types_pb2.Subject(id="T1", attributes={"level": types_pb2.Value(int_value=2)}),
        "action": types_pb2.Action(name="query"), "context": {"menu": types_pb2.Value(string_value="3101")},
        "revision": 1, "policy_hash": "ab" * 32,
        "items": [
            fallback_service_pb2.FallbackItem(
                resource=types_pb2.Resource(
                    type="customer", id=f"C{number}-{place}",
                    attributes={"balance": types_pb2.Value(double_value=123456.0)},
                ),
                passed=passed, masked=MASKED,
            )
            for place in range(items)
        ],
    }  # fmt: skip
    return fallback_service_pb2.FallbackEvent(**(given | fields))


def decision(number: int, **fields: Any) -> Any:
    """A decision that a client made by itself."""
    request = decision_service_pb2.DecideRequest(
        request_id=f"d{number}", subject=types_pb2.Subject(id="T1"), fields=["mobile", "balance"],
        resource=types_pb2.Resource(type="customer", id=f"C{number}"),
        context={"menu": types_pb2.Value(string_value="3101")},
    )  # fmt: skip
    response = decision_service_pb2.DecideResponse(
        decision_id=f"{CLIENT}-{number}", request_id=f"d{number}", revision=1, policy_hash="cd" * 32,
        verdicts=[
            types_pb2.Verdict(field="mobile", effect=types_pb2.EFFECT_UNMASK),
            types_pb2.Verdict(field="balance", effect=types_pb2.EFFECT_MASK, reason=1),
        ],
        masks=[types_pb2.Mask(algorithm="full")],
        reasons=[
            types_pb2.Reason(kind=types_pb2.REASON_KIND_RULE, rule="core/senior"),
            types_pb2.Reason(kind=types_pb2.REASON_KIND_DEFAULT),
        ],
    )  # fmt: skip
    given = {"sequence": number, "time_nanos": NOW + number, "request": request, "response": response}
    return bundle_service_pb2.OfflineDecision(**(given | fields))


class Client:
    """A client that reports to one address."""

    def __init__(self, target: str, client_id: str = CLIENT, token: str = "", **options: int) -> None:
        """`options` are those of grpc, without `grpc.`, a dot as two underscores."""
        named = [(f"grpc.{name.replace('__', '.')}", value) for name, value in options.items()]
        self.channel = grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1), *named])
        self.id = client_id
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()

    def fallbacks(self, *events: Any, timeout: float = PATIENCE) -> int:
        """Report, and return up to which number all is recorded."""
        stub = fallback_service_pb2_grpc.FallbackServiceStub(self.channel)
        request = fallback_service_pb2.ReportFallbacksRequest(client_id=self.id, events=events)
        return stub.ReportFallbacks(request, timeout=timeout, metadata=self._metadata).recorded_through

    def decisions(self, *decisions: Any) -> int:
        """Report decisions likewise."""
        stub = bundle_service_pb2_grpc.BundleServiceStub(self.channel)
        request = bundle_service_pb2.ReportDecisionsRequest(client_id=self.id, decisions=decisions)
        return stub.ReportDecisions(request, timeout=PATIENCE, metadata=self._metadata).recorded_through

    def watch(self, timeout: float = PATIENCE, **fields: Any) -> Any:
        """Begin to watch bundles."""
        stub = bundle_service_pb2_grpc.BundleServiceStub(self.channel)
        request = bundle_service_pb2.WatchBundleRequest(**fields)
        return stub.WatchBundle(request, timeout=timeout, metadata=self._metadata)

    def close(self) -> None:
        self.channel.close()


def why(error: grpc.RpcError) -> tuple[str, str, dict[str, str]]:
    """Return a failed call's code, reason and metadata; the first wrong place under `field`."""
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    told: dict[str, str] = {}
    for detail in status_pb2.Status.FromString(details).details:
        if detail.Unpack(bad):
            told["field"] = bad.field_violations[0].field
        else:
            detail.Unpack(info)
    return error.code().name, info.reason.removeprefix("ERROR_REASON_"), told | dict(info.metadata)


def snapshots(store: Path) -> list[snapshot_pb2.Snapshot]:
    """Return the records of decisions in a store, oldest first."""
    reader = open_reader(f"sqlite:{store}")
    try:
        found, after = [], None
        while page := reader.select(None, after=after, oldest_first=True, limit=500):
            found += [snapshot_pb2.Record.FromString(record.body) for record in page]
            after = page[-1].place
    finally:
        reader.close()
    return [record.snapshot for record in found if record.WhichOneof("body") == "snapshot"]


def recorded(store: Path) -> Counter[str]:
    """Return how often each id is in a store."""
    return Counter(snapshot.decision_id for snapshot in snapshots(store))


def wait_for(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait until something is so, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
    return found
