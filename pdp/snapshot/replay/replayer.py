"""Makes one record's decision again: bytes in, what becomes of it out.

Records that are alike in all that a decision can depend on are decided once; what stays the same over many records (the
verdicts, what was kept of which attributes) is looked up by its bytes, also where no two records are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple, TypeVar

from google.protobuf.message import DecodeError

from pdp.engine.view import Parties
from pdp.snapshot.replay.candidate import Candidate
from pdp.snapshot.replay.known import Known, known_of
from pdp.snapshot.replay.origin import Origin
from pdp.snapshot.replay.recorded import POLICY_HASH, Result, Verdicts
from pdp.snapshot.replay.wire import RecordPart, name_of
from pdp.v1 import decision_service_pb2

T = TypeVar("T")

MAX_KEPT: Final = 20_000
"""So much is remembered of each kind before it is begun anew."""
UNREADABLE: Final = "record"
"""Stands among the attributes that lack for a record whose bytes are damaged."""


class Place(NamedTuple):
    """By what decisions are grouped."""

    roles: tuple[str, ...]
    branch: str
    menu: str
    application: str


_NOWHERE: Final = Place((), "", "", "")
_NO_BUNDLE: Final = Result((), (), frozenset({POLICY_HASH}))
_DAMAGED: Final = Result((), (), frozenset({UNREADABLE}))
_Origin = Callable[[str], Origin | None]


class Replayer:
    """Decides records by a candidate. `origin` finds the bundle of a policy hash. One thread at a time may use it.

    `remembers` is for measuring what it costs when no two records are alike.
    """

    def __init__(self, candidate: Candidate, origin: _Origin, *, remembers: bool = True) -> None:
        self._candidate = candidate
        self._find_origin = origin
        self._remembers = remembers
        self._origins: dict[str, Origin | None] = {}
        self._known: dict[Hashable, Known] = {}
        self._verdicts: dict[Hashable, Verdicts] = {}
        self._alike: dict[Hashable, tuple[Place, Result]] = {}

    def replay(self, body: bytes) -> tuple[Place, Result]:
        """Return where a decision was made and what becomes of it, given its serialized Record. Raises StoreError."""
        try:
            part = RecordPart.FromString(body).snapshot
            return self._replay(part)
        except (DecodeError, UnicodeDecodeError):
            return _NOWHERE, _DAMAGED

    def _replay(self, part: Any) -> tuple[Place, Result]:
        facts = b"".join(part.facts)
        now, policy_hash, grants = part.time_nanos, part.policy_hash, part.grants
        lost = (*map(name_of, part.hashes), *(name.decode() for name in part.withheld))
        kept = (policy_hash, (*part.buckets,), lost, bool(part.resource_key))
        said = (policy_hash, (*part.verdicts,))
        clock = self._candidate.clock(now) if self._remembers and not grants else None
        alike = None if clock is None else (facts, kept, said, clock)
        if alike is not None:
            found = self._alike.get(alike)
            if found is not None:
                return found
        known, verdicts = self._known.get(kept), self._verdicts.get(said)
        if known is None or verdicts is None:
            origin = self._origin(policy_hash.decode())
            request = decision_service_pb2.DecideRequest.FromString(facts)
            if origin is None:
                return _place(request), _NO_BUNDLE
            candidate = self._candidate
            known = known_of(origin, candidate.uses, candidate.types, kept[1], lost, has_key=kept[3])
            _keep(self._known, kept, known)
            verdicts = Verdicts(origin, said[1])
            _keep(self._verdicts, said, verdicts)
        request = decision_service_pb2.DecideRequest.FromString(facts + known.piece)
        parties = Parties(request.subject, request.action, request.resource, request.context, now)
        if grants:
            result = self._granted(parties, known, verdicts, grants)
        else:
            result = verdicts.result(
                self._candidate.sift(parties, verdicts.fields, known, verdicts.evidence), self._candidate
            )
        answer = _place(request), result
        if alike is not None:
            _keep(self._alike, alike, answer)
        return answer

    def _granted(self, parties: Parties, known: Known, verdicts: Verdicts, grants: Any) -> Result:
        held = verdicts.grants(grants)
        hits, may = self._candidate.sift_granted(parties, verdicts.fields, known, held)
        return verdicts.compare(lambda name: self._candidate.field(name, hits, may))

    def _origin(self, policy_hash: str) -> Origin | None:
        if policy_hash not in self._origins:
            self._origins[policy_hash] = self._find_origin(policy_hash)
        return self._origins[policy_hash]


def _place(request: Any) -> Place:
    context, subject = request.context, request.subject
    return Place(
        (*subject.roles,),
        subject.attributes["branch"].string_value,
        context["menu"].string_value,
        context["application"].string_value,
    )


def _keep(kept: dict[Hashable, T], key: Hashable, value: T) -> None:
    if len(kept) >= MAX_KEPT:
        kept.clear()
    kept[key] = value
