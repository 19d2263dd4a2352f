"""Makes one record's decision again: bytes in, what becomes of it out.

Records that are alike in all that a decision can depend on are decided once; what stays the same over many records (the
verdicts, what was kept of which attributes) is looked up by its bytes, also where no two records are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError

from pdp.engine.view import Parties
from pdp.snapshot.replay.candidate import Candidate
from pdp.snapshot.replay.known import Known, known_of
from pdp.snapshot.replay.origin import Origin
from pdp.snapshot.replay.recorded import POLICY_HASH, Result, Verdicts
from pdp.snapshot.replay.wire import RecordPart, name_of
from pdp.v1 import decision_service_pb2, snapshot_pb2, types_pb2

MAX_KEPT: Final = 50_000
"""So many records are remembered, and then others: some 50 MB."""
MAX_SHAPES: Final = 20_000
UNREADABLE: Final = "record"
"""Stands among the attributes that lack for a record whose bytes are damaged."""
VERDICT: Final = "verdict"
"""Likewise for a record of what a client showed without a verdict."""


class Place(NamedTuple):
    """By what decisions are grouped."""

    roles: tuple[str, ...]
    branch: str
    menu: str
    application: str


_NOWHERE: Final = Place((), "", "", "")
_NO_BUNDLE: Final = Result((), (), frozenset({POLICY_HASH}))
_DAMAGED: Final = Result((), (), frozenset({UNREADABLE}))
_NO_VERDICT: Final = Result((), (), frozenset({VERDICT}))


class _Shape:
    """What records share that keep the same of the same attributes and have the same verdicts."""

    __slots__ = ("alike", "known", "verdicts")

    def __init__(self, known: Known, verdicts: Verdicts) -> None:
        self.known = known
        self.verdicts = verdicts
        self.alike: dict[Hashable, tuple[Place, Result]] = {}


class Replayer:
    """Decides records by a candidate. `origin` finds the bundle of a policy hash. One thread at a time may use it.

    `remembers` is for measuring what it costs when no two records are alike.
    """

    def __init__(self, candidate: Candidate, origin: Callable[[str], Origin | None], *, remembers: bool = True) -> None:
        self._candidate = candidate
        self._find_origin = origin
        self._remembers = remembers
        self._origins: dict[str, Origin | None] = {}
        self._shapes: dict[Hashable, _Shape] = {}
        self._known: dict[Hashable, Known] = {}
        self._remembered = 0

    def replay(self, body: bytes) -> tuple[Place, Result]:
        """Return where a decision was made and what becomes of it, given its serialized Record. Raises StoreError."""
        try:
            return self._replay(RecordPart.FromString(body).snapshot)
        except (DecodeError, UnicodeDecodeError):
            return _NOWHERE, _DAMAGED

    def _replay(self, part: Any) -> tuple[Place, Result]:
        facts = b"".join(part.facts)
        now, hashes = part.time_nanos, part.hashes
        # What follows the name in a hash's entry differs from record to record.
        names = [entry[2 : 2 + entry[1]] for entry in hashes] if hashes else ()
        key = (
            part.policy_hash, (*part.verdicts,), (*part.buckets,), (*names,), (*part.withheld,),
            bool(part.resource_key),
        )  # fmt: skip
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shape(key, part)
            if shape is None:
                why = _NO_VERDICT if _is_fallback(part) else _NO_BUNDLE
                return _place(decision_service_pb2.DecideRequest.FromString(facts)), why
        candidate, known, verdicts = self._candidate, shape.known, shape.verdicts
        grants = part.grants
        alike: Hashable = None
        if self._remembers and not grants:
            clock = candidate.clock(now)
            if clock is not None:
                alike = (facts, clock) if clock else facts
                found = shape.alike.get(alike)
                if found is not None:
                    return found
        request = decision_service_pb2.DecideRequest.FromString(facts + known.piece)
        if grants:
            held = verdicts.grants(grants)
            parties = Parties(request.subject, request.action, request.resource, request.context, now)
            hits, may = candidate.sift_granted(parties, verdicts.fields, known, held)
            result = verdicts.compare(lambda name: candidate.field(name, hits, may))
        else:
            sifted = candidate.sift(request, now, verdicts.fields, known, verdicts.evidence)
            result = verdicts.results.get(sifted) or verdicts.result(sifted, candidate)
        answer = _place(request), result
        if alike is not None:
            self._remembered += 1
            if self._remembered > MAX_KEPT:
                for other in self._shapes.values():
                    other.alike.clear()
                self._remembered = 0
            shape.alike[alike] = answer
        return answer

    def _shape(self, key: Hashable, part: Any) -> _Shape | None:
        origin = None if _is_fallback(part) else self._origin(part.policy_hash.decode())
        if origin is None:
            return None
        lost = (*map(name_of, part.hashes), *(name.decode() for name in part.withheld))
        candidate = self._candidate
        has_key = bool(part.resource_key)
        kept = (part.policy_hash, (*part.buckets,), lost, has_key)
        known = self._known.get(kept)
        if known is None:
            known = known_of(origin, candidate.uses, candidate.types, part.buckets, lost, has_key=has_key)
            self._known[kept] = known
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
            self._known.clear()
        made = self._shapes[key] = _Shape(known, Verdicts(origin, part.verdicts))
        return made

    def _origin(self, policy_hash: str) -> Origin | None:
        if policy_hash not in self._origins:
            self._origins[policy_hash] = self._find_origin(policy_hash)
        return self._origins[policy_hash]


def _is_fallback(part: Any) -> bool:
    """Whether nothing was decided: a client had no verdict and followed the failure rule."""
    kinds = (snapshot_pb2.RecordedVerdict.FromString(verdict).kind for verdict in part.verdicts[:1])
    return types_pb2.REASON_KIND_FAILURE_RULE in kinds


def _place(request: Any) -> Place:
    context, subject = request.context, request.subject
    return Place(
        (*subject.roles,),
        subject.attributes["branch"].string_value,
        context["menu"].string_value,
        context["application"].string_value,
    )
