"""Makes one record's decision again: bytes in, what becomes of it out.

Records that come to the same in every condition that is about their fields are decided once: see `sieve`. The verdicts,
and what was kept of which attributes, stay the same over many records too, and are looked up by their bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError

from pdp.snapshot.replay.candidate import Candidate
from pdp.snapshot.replay.cut import Cut, cut, is_outcome
from pdp.snapshot.replay.facts import Place
from pdp.snapshot.replay.known import Known, known_of
from pdp.snapshot.replay.origin import Origin
from pdp.snapshot.replay.recorded import POLICY_HASH, Part, Reader, Result, Verdicts, compare
from pdp.snapshot.replay.sieve import Plan, Rules, Sifted, members
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
"""By what was kept of what, as `cut` or as `_looked_up` has it."""


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
        # Some of them by policy hash and outcome, as `cut` has them.
        self._outcomes: dict[tuple[bytes, bytes, bytes], _Read] = {}
        self._parts: dict[Hashable, Part] = {}
        self._same: dict[Part, Result] = {}
        self._remembered = 0

    def replay(self, body: bytes) -> tuple[Place, Result]:
        """Return where a decision was made and what becomes of it, given its serialized Record. Raises StoreError."""
        try:
            pieces = cut(body)
            if pieces is not None:
                policy_hash, now, facts, kept, outcome, more = pieces
                read = self._outcomes.get((policy_hash, outcome, more))
                plan = None if read is None else read.plans.get(kept)
                if read is not None and plan is not None:
                    return self._decided(read, plan, facts, now)
            return self._by_message(RecordPart.FromString(body).snapshot, pieces)
        except (DecodeError, UnicodeDecodeError):
            return _NOWHERE, _DAMAGED

    def _by_message(self, part: Any, pieces: Cut | None) -> tuple[Place, Result]:
        """Decide a record, and remember by its pieces what others have in common with it."""
        found, facts = self._looked_up(part), part.facts.SerializeToString()
        if isinstance(found, Result):
            reader = self._candidate.reader
            return reader.place(reader.read(facts)), found
        read, plan = found
        if pieces is not None and not part.grants:
            policy_hash, _, _, kept, outcome, more = pieces
            if is_outcome(outcome) and is_outcome(more) and len(read.plans) < MAX_PLANS:
                if len(self._outcomes) >= MAX_VERDICTS:
                    self._outcomes.clear()
                self._outcomes[policy_hash, outcome, more] = read
                read.plans[kept] = plan
        return self._decided(read, plan, facts, part.time_nanos, part.grants)

    def _looked_up(self, part: Any) -> tuple[_Read, Plan] | Result:
        """Return what the verdicts of a record say and how to sift it, or why nothing can be said about it."""
        policy_hash, said = part.policy_hash, part.verdicts[:]
        read = self._verdicts.get((policy_hash, *said)) or self._read(policy_hash, said)
        if isinstance(read, Result):
            return read
        # What follows the name in a hash's entry differs from record to record.
        try:
            names = [entry[2 : 2 + entry[1]] for entry in part.hashes[:]]
        except IndexError as error:
            raise DecodeError("an entry of `hashes` is cut off") from error
        kept = (*part.buckets[:], None, *names, None, *part.withheld[:], not part.resource_key, not part.grants)
        return read, read.plans.get(kept) or self._plan(read.plans, kept, part, read.verdicts.origin)

    def _decided(
        self, read: _Read, plan: Plan, facts: bytes, now: int, grants: Sequence[bytes] = ()
    ) -> tuple[Place, Result]:
        candidate = self._candidate
        verdicts, about, _ = read
        known = plan.known
        values = candidate.reader.read(facts)
        place = candidate.reader.place(values, known.hidden)
        if grants:
            hits, may = candidate.sift_granted(plan, about, values, facts, now, verdicts.grants(grants))
            after = partial(candidate.field, hits, may)
            return place, Result(*Part.sum([compare(said, after) for said in verdicts.said]))
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
        hits, may, unknown = candidate.settle(sifted, known, verdicts.evidence)
        after = partial(candidate.after, [*members(hits)], [*members(may)], unknown)
        parts = []
        for said in verdicts.said:
            about = said.about
            place = (said, hits & about, may & about, unknown)
            part = self._parts.get(place)
            if part is None:
                part = self._parts[place] = compare(said, after)
            parts.append(part)
        total = Part.sum(parts)
        result = self._same.get(total)
        if result is None:
            result = self._same[total] = Result(*total)
        return result

    def _read(self, policy_hash: bytes, entries: Any) -> _Read | Result:
        """Read the verdicts of a record, or tell why nothing can be said about it."""
        if entries and _is_fallback(entries[0]):
            return _NO_VERDICT
        origin = self._origin(policy_hash)
        if origin is None:
            return _NO_BUNDLE
        reader, plans = origin
        verdicts = Verdicts(reader, entries)
        about = 0
        for said in verdicts.said:
            about |= said.about
        if len(self._verdicts) >= MAX_VERDICTS:
            self._verdicts.clear()
            self._outcomes.clear()
        made = self._verdicts[policy_hash, *entries] = _Read(verdicts, about, plans)
        return made

    def _plan(self, plans: _Plans, kept: Hashable, part: Any, origin: Origin) -> Plan:
        lost = (*map(name_of, part.hashes), *(name.decode() for name in part.withheld))
        candidate = self._candidate
        has_key = bool(part.resource_key)
        known = known_of(origin, candidate.uses, candidate.types, part.buckets, lost, has_key=has_key)
        if len(plans) >= MAX_PLANS:
            plans.clear()
        facts = part.facts.SerializeToString()
        made = plans[kept] = candidate.plan(known, facts, part.time_nanos, granted=bool(part.grants))
        return made

    def _origin(self, policy_hash: bytes) -> tuple[Reader, _Plans] | None:
        if policy_hash not in self._origins:
            origin = self._find_origin(policy_hash.decode())
            self._origins[policy_hash] = None if origin is None else (Reader(origin, self._candidate.about), {})
        return self._origins[policy_hash]


@lru_cache(4_096)
def _is_fallback(verdict: bytes) -> bool:
    """Whether nothing was decided: a client had no verdict and followed the failure rule."""
    return bool(snapshot_pb2.RecordedVerdict.FromString(verdict).kind == types_pb2.REASON_KIND_FAILURE_RULE)
