"""Which attributes a record kept, as far as a candidate asks for them.

What was kept in full, or was not there, is as it was. A bucket is stood in for by a value inside it where all values
inside are alike to the candidate. What else was there and was not kept is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pdp.engine.grants import NO_GRANT, GrantFacts
from pdp.engine.request import TYPE_NUMBERS, python_value, wire_value
from pdp.engine.runtime import MISSING
from pdp.engine.view import Parties
from pdp.engine.wire import length_delimited
from pdp.snapshot.replay.facts import PLACES
from pdp.snapshot.replay.origin import Origin
from pdp.snapshot.replay.uses import EXACT, Use
from pdp.snapshot.replay.wire import BUCKETS
from pdp.v1 import decision_service_pb2, snapshot_pb2, types_pb2
from pdp.values import INT_MAX, INT_MIN, TIMESTAMP_MAX, TIMESTAMP_MIN, AttributeType

_OWN: Final = frozenset({"subject.id", "subject.roles", "action.name", "resource.type", "resource.id"})
_ROOTS: Final = frozenset({"subject", "action", "resource", "context"})
_RANGES: Final[Mapping[AttributeType, tuple[int, int]]] = {
    AttributeType.INT: (INT_MIN, INT_MAX),
    AttributeType.DURATION: (INT_MIN, INT_MAX),
    AttributeType.TIMESTAMP: (TIMESTAMP_MIN, TIMESTAMP_MAX),
}

Interval = tuple[Any, Any]
"""Strictly between these; None for no edge."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known besides the facts.

    `piece` is a serialized part of a DecideRequest that completes them: values that stand in for buckets, and one of a
    wrong type for each attribute that counts as missing. `unknown` may have had any value or none, but for those with
    an interval, whose value lay in it. `fixed` are all attributes that this tells instead of the facts, with what it
    tells: where that is equal, the attribute is. `hidden` are those of them that would tell where a decision was made.
    """

    piece: bytes
    unknown: frozenset[str]
    intervals: Mapping[str, Interval]
    fixed: Mapping[str, Hashable]
    hidden: frozenset[str]


def known_of(
    origin: Origin,
    uses: Mapping[str, Use],
    types: Mapping[str, AttributeType],
    buckets: Iterable[bytes],
    lost: Iterable[str],
    *,
    has_key: bool,
) -> Known:
    """Return what is known of the attributes that a candidate with these `uses` and `types` asks for.

    `buckets` are entries of a record's `buckets`, `lost` the names of its hashes and of what it withheld; `has_key`
    says whether it has a key of the resource.
    """
    held = dict(map(_bucket, buckets))
    gone = set(lost)
    if has_key and not origin.keeps_id:
        gone.add("resource.id")
    request = decision_service_pb2.DecideRequest()
    unknown: set[str] = set()
    intervals: dict[str, Interval] = {}
    fixed: dict[str, Hashable] = {}
    for name, use in uses.items():
        root = name.partition(".")[0]
        if root not in _ROOTS:
            continue  # the time and the grant are recorded
        if name in gone or (f"{root}.*" in gone and name not in origin.types and name not in _OWN):
            unknown.add(name)
        elif name in held:
            kind = origin.types.get(name)
            if kind is None:
                unknown.add(name)
            elif kind is types[name]:
                value, interval = _stand_in(held[name], kind, use)
                if value is not None:
                    _place(request, name).CopyFrom(value)
                    fixed[name] = value.SerializeToString()
                    continue
                unknown.add(name)
                if interval is not None:
                    intervals[name] = interval
            # Else what was sent is not of the type that the candidate reads, and counts as missing.
        else:
            continue
        fixed[name] = (name in unknown, intervals.get(name))
        if name not in _OWN:
            # No default stands in for a value of another type.
            wrong = types_pb2.Value(string_value="") if types[name] is AttributeType.BOOL else _TRUE
            _place(request, name).CopyFrom(wrong)
    return Known(request.SerializeToString(), frozenset(unknown), intervals, fixed, PLACES.intersection(fixed))


def parties_of(facts: bytes, known: Known, now: int, grant: GrantFacts = NO_GRANT) -> Parties:
    """Return what a decision was about: serialized facts, completed, the time and a grant."""
    request = decision_service_pb2.DecideRequest.FromString(facts + known.piece)
    return Parties(request.subject, request.action, request.resource, request.context, now, grant)


_TRUE: Final = types_pb2.Value(bool_value=True)


def _bucket(entry: bytes) -> tuple[str, snapshot_pb2.Bucket]:
    # A record that holds this entry alone.
    return next(iter(snapshot_pb2.Snapshot.FromString(length_delimited(BUCKETS, entry)).buckets.items()))


def _stand_in(
    bucket: snapshot_pb2.Bucket, kind: AttributeType, use: Use
) -> tuple[types_pb2.Value | None, Interval | None]:
    """Return a value as good as the one that a bucket stands for, or else where that one lay, if that is known."""
    if bucket.HasField("exactly"):
        exact = _number(bucket.exactly)
        if exact is None:
            return None, None
        if kind is AttributeType.DOUBLE:
            # Which of the two zeros it was is not kept.
            return (None, None) if exact == 0 and use.otherwise else (wire_value(kind, float(exact)), None)
        return wire_value(kind, int(exact)), None
    edges = []
    for side, outwards in (("above", -math.inf), ("below", math.inf)):
        edge = _number(getattr(bucket, side)) if bucket.HasField(side) else None
        if edge is None and bucket.HasField(side):
            return None, None
        if edge is not None and kind is AttributeType.DOUBLE and abs(edge) >= EXACT:
            # A whole number that no double is was rounded when it was written.
            edge = math.nextafter(edge, outwards)
        edges.append(edge)
    above, below = edges
    value = inside(kind, above, below) if use.fits(above, below) else None
    return (wire_value(kind, value), None) if value is not None else (None, (above, below))


def inside(kind: AttributeType, above: Any, below: Any) -> Any:
    """Return some value of a type strictly between two edges (None: no edge); None when there is none."""
    if kind is AttributeType.DOUBLE:
        if above is None:
            value = 0.0 if below is None else math.nextafter(below, -math.inf)
        else:
            value = math.nextafter(above, math.inf)
        return value if math.isfinite(value) and (below is None or value < below) else None
    low, high = _RANGES[kind]
    low = low if above is None else max(low, math.floor(above) + 1)
    high = high if below is None else min(high, math.ceil(below) - 1)
    return (low + high) // 2 if low <= high else None


def _number(value: types_pb2.Value) -> Any:
    for kind in TYPE_NUMBERS:
        held = python_value(value, kind)
        if held is not MISSING:
            return held if isinstance(held, int | float) and math.isfinite(held) else None
    return None


def _place(request: decision_service_pb2.DecideRequest, name: str) -> types_pb2.Value:
    root, _, key = name.partition(".")
    values = request.context if root == "context" else getattr(request, root).attributes
    place: types_pb2.Value = values[key]
    return place
