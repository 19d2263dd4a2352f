"""A recorded decision as a request to try again: what was kept of it, at its time, with the grants that counted."""

from __future__ import annotations

from typing import Final

from admin_gui.domain.say import Say
from admin_gui.domain.scenario import Scenario
from admin_gui.domain.snapshot_rows import clock
from jingxi_client._gen.pdp.v1 import bundle_pb2, decision_service_pb2, snapshot_pb2, types_pb2

_TITLE: Final = Say("快照 {id}（{time}）", "snapshot {id} ({time})")
_NANOS: Final = 1_000_000_000


def scenario_of(snapshot: snapshot_pb2.Snapshot) -> Scenario:
    """Return a request with the facts of a record. It holds no field's value, so that samples stand in for them.

    An attribute of which only a range was kept gets a value inside it, since the edges are what rules compare with; one
    that was kept as a hash or not at all is missing. What a grant covered is not recorded: it covers the fields that it
    decided.
    """
    request = decision_service_pb2.DecideRequest()
    request.CopyFrom(snapshot.facts)
    request.fields.extend(name for one in snapshot.verdicts for name in one.fields)
    request.grant_ids.extend(grant.id for grant in snapshot.grants if grant.id not in request.grant_ids)
    for name, bucket in snapshot.buckets.items():
        base, _, key = name.partition(".")
        inside = inside_of(bucket)
        if inside is not None and base in ("subject", "action", "resource", "context"):
            held = request.context if base == "context" else getattr(request, base).attributes
            held[key].CopyFrom(inside)
    grants = tuple(_grant(grant, snapshot).SerializeToString() for grant in snapshot.grants)
    title = _TITLE.filled(id=snapshot.decision_id[:12], time=clock(snapshot.time_nanos))
    return Scenario(title, request.SerializeToString(), snapshot.time_nanos, grants)


def inside_of(bucket: snapshot_pb2.Bucket) -> types_pb2.Value | None:
    """Return a value inside a bucket; None where none is to be had."""
    if bucket.HasField("exactly"):
        return bucket.exactly
    low, high = (_number(bucket, side) for side in ("above", "below"))
    kind = (bucket.above if bucket.HasField("above") else bucket.below).WhichOneof("kind")
    if low is None and high is None:
        return None
    match kind:
        case "int_value":
            return types_pb2.Value(int_value=int(low) + 1 if low is not None else int(high or 0) - 1)
        case "double_value":
            return types_pb2.Value(double_value=_between(low, high))
        case "timestamp_value" | "duration_value":
            nanos = int(low) + 1 if low is not None else int(high or 0) - 1
            found = types_pb2.Value()
            held = getattr(found, kind)
            held.seconds, held.nanos = divmod(nanos, _NANOS)
            return found
    return None


def _number(bucket: snapshot_pb2.Bucket, side: str) -> int | float | None:
    if not bucket.HasField(side):
        return None
    value: types_pb2.Value = getattr(bucket, side)
    match value.WhichOneof("kind"):
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case "timestamp_value":
            return value.timestamp_value.seconds * _NANOS + value.timestamp_value.nanos
        case "duration_value":
            return value.duration_value.seconds * _NANOS + value.duration_value.nanos
    return None


def _between(low: float | None, high: float | None) -> float:
    if low is not None and high is not None:
        return low + (high - low) / 2
    return low + 1.0 if low is not None else (high or 0.0) - 1.0


def _grant(grant: snapshot_pb2.RecordedGrant, snapshot: snapshot_pb2.Snapshot) -> bundle_pb2.Grant:
    facts = snapshot.facts
    return bundle_pb2.Grant(
        id=grant.id, kind=grant.kind, subject_id=facts.subject.id, resource_type=facts.resource.type,
        fields=[name for one in snapshot.verdicts if one.grant_id == grant.id for name in one.fields],
        expires_at_nanos=grant.expires_at_nanos or snapshot.time_nanos + 1, approver=grant.approver,
        approver_level=grant.approver_level, scenario=grant.scenario, evidence=grant.evidence,
    )  # fmt: skip
