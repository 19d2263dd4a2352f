"""Makes one record's decision again: bytes in, what becomes of it out.

Records that come to the same in every condition that is about their fields are decided once: see `sieve`. The verdicts,
and what was kept of which attributes, stay the same over many records too, and are looked up by their bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError

from pdp.snapshot.replay.candidate import Candidate
from pdp.snapshot.replay.facts import Place
from pdp.snapshot.replay.known import Known, known_of
from pdp.snapshot.replay.origin import Origin
from pdp.snapshot.replay.recorded import POLICY_HASH, Part, Reader, Result, Said, Verdicts, compare
from pdp.snapshot.replay.sieve import Plan, Rules, Sifted
from pdp.snapshot.replay.wire import RecordPart, name_of
from pdp.v1 import snapshot_pb2, types_pb2

MAX_KEPT: Final = 50_000
"""So many different ends of decisions are remembered, and then others: some 50 MB for 1,000 rules, 150 for 10,000."""
MAX_VERDICTS: Final = 20_000
MAX_PLANS: Final = 10_000
UNREADABLE: Final = "record"
"""Stands among the attributes that lack for a record whose bytes are damaged."""
VERDICT: Final = "verdict"
"""Likewise for a record of what a client showed without a verdict."""

_NOWHERE: Final = Place((), "", "", "")
_NO_BUNDLE: Final = Result((), (), frozenset({POLICY_HASH}))
_DAMAGED: Final = Result((), (), frozenset({UNREADABLE}))
_NO_VERDICT: Final = Result((), (), frozenset({VERDICT}))


_Plans = dict[Hashable, Plan]


class _Read(NamedTuple):
    """The verdicts of a record, the rules about their fields, and the plans there are by what was kept of what.

    The plans are those of all records of one bundle.
    """

    verdicts: Verdicts
    about: Rules
    plans: _Plans


class Replayer:
    """Decides records by a candidate. `origin` finds the bundle of a policy hash. One thread at a time may use it."""

    def __init__(self, candidate: Candidate, origin: Callable[[str], Origin | None]) -> None:
        self._candidate = candidate
        self._find_origin = origin
        self._origins: dict[bytes, tuple[Reader, _Plans] | None] = {}
        self._verdicts: dict[Hashable, _Read] = {}
        self._concerned: dict[Said, Rules] = {}
        self._parts: dict[Hashable, Part] = {}
        self._same: dict[Part, Result] = {}
        self._remembered = 0

    def replay(self, body: bytes) -> tuple[Place, Result]:
        """Return where a decision was made and what becomes of it, given its serialized Record. Raises StoreError."""
        try:
            return self._replay(RecordPart.FromString(body).snapshot)
        except (DecodeError, UnicodeDecodeError):
            return _NOWHERE, _DAMAGED

    def _replay(self, part: Any) -> tuple[Place, Result]:
        candidate, facts, now = self._candidate, part.facts, part.time_nanos
        values = candidate.reader.read(facts)
        policy_hash, said = part.policy_hash, part.verdicts[:]
        found = self._verdicts.get((policy_hash, *said)) or self._read(policy_hash, said)
        if isinstance(found, Result):
            return candidate.reader.place(values, ()), found
        verdicts, about, plans = found
        # What follows the name in a hash's entry differs from record to record.
        try:
            names = [entry[2 : 2 + entry[1]] for entry in part.hashes[:]]
        except IndexError as error:
            raise DecodeError("an entry of `hashes` is cut off") from error
        kept = (*part.buckets[:], None, *names, None, *part.withheld[:], not part.resource_key, not part.grants)
        plan = plans.get(kept) or self._plan(plans, kept, part, verdicts.origin)
        known = plan.known
        place = candidate.reader.place(values, known.fixed)
        if not kept[-1]:
            hits, may = candidate.sift_granted(plan, about, values, facts, now, verdicts.grants(part.grants))
            return place, Result(
                *verdicts.sum(lambda said: compare(said, lambda name: candidate.field(name, hits, may)))
            )
        rules, doubts = sifted = candidate.sift(plan, about, values, facts, now)
        case = (rules, doubts, known.unknown) if doubts else rules
        result = verdicts.results.get(case)
        if result is None:
            result = verdicts.results[case] = self._result(verdicts, sifted, known)
        return place, result

    def _result(self, verdicts: Verdicts, sifted: Sifted, known: Known) -> Result:
        """Work out a result; the same one wherever it is equal."""
        self._remembered += 1
        if self._remembered > MAX_KEPT:
            for other in self._verdicts.values():
                other.verdicts.results.clear()
            self._parts.clear()
            self._same.clear()
            self._remembered = 0
        candidate = self._candidate
        settled = candidate.settle(sifted, known, verdicts.evidence)

        def part(said: Said) -> Part:
            about = self._about(said)
            place = (said, settled.hits & about, settled.may & about, settled.unknown)
            found = self._parts.get(place)
            if found is None:
                found = self._parts[place] = compare(said, lambda name: candidate.after(name, settled))
            return found

        total = verdicts.sum(part)
        result = self._same.get(total)
        if result is None:
            result = self._same[total] = Result(*total)
        return result

    def _about(self, said: Said) -> Rules:
        """Return the rules about the fields of a verdict."""
        found = self._concerned.get(said)
        if found is None:
            if len(self._concerned) >= MAX_KEPT:
                self._concerned.clear()
            found = self._concerned[said] = self._candidate.about(said.before)
        return found

    def _read(self, policy_hash: bytes, entries: Any) -> _Read | Result:
        """Read the verdicts of a record, or tell why nothing can be said about it."""
        if _is_fallback(entries):
            return _NO_VERDICT
        origin = self._origin(policy_hash)
        if origin is None:
            return _NO_BUNDLE
        reader, plans = origin
        verdicts = Verdicts(reader, entries)
        about = 0
        for said in verdicts.said:
            about |= self._about(said)
        if len(self._verdicts) >= MAX_VERDICTS:
            self._verdicts.clear()
        made = self._verdicts[policy_hash, *entries] = _Read(verdicts, about, plans)
        return made

    def _plan(self, plans: _Plans, kept: Hashable, part: Any, origin: Origin) -> Plan:
        lost = (*map(name_of, part.hashes), *(name.decode() for name in part.withheld))
        candidate = self._candidate
        has_key = bool(part.resource_key)
        known = known_of(origin, candidate.uses, candidate.types, part.buckets, lost, has_key=has_key)
        if len(plans) >= MAX_PLANS:
            plans.clear()
        made = plans[kept] = candidate.plan(known, part.facts, part.time_nanos, granted=bool(part.grants))
        return made

    def _origin(self, policy_hash: bytes) -> tuple[Reader, _Plans] | None:
        if policy_hash not in self._origins:
            origin = self._find_origin(policy_hash.decode())
            self._origins[policy_hash] = None if origin is None else (Reader(origin), {})
        return self._origins[policy_hash]


def _is_fallback(verdicts: Any) -> bool:
    """Whether nothing was decided: a client had no verdict and followed the failure rule."""
    kinds = (snapshot_pb2.RecordedVerdict.FromString(verdict).kind for verdict in verdicts[:1])
    return types_pb2.REASON_KIND_FAILURE_RULE in kinds
