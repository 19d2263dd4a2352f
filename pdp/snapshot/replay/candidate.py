"""The policy set that is tried: which of its rules apply to a record, may apply, and what fields come to by them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from pdp.engine.assemble import Schema
from pdp.engine.bundle import parse
from pdp.engine.grants import NO_GRANT, GrantFacts
from pdp.engine.outcome import Hit, Outcomes
from pdp.engine.request import TYPES, python_value
from pdp.engine.rules import CompiledRule, read_rules
from pdp.snapshot.replay.doubt import SURE, all_of
from pdp.snapshot.replay.doubt import Outcomes as Possible
from pdp.snapshot.replay.evidence import NO_EVIDENCE, Evidence, Prints
from pdp.snapshot.replay.facts import FactsReader, Values
from pdp.snapshot.replay.known import Known
from pdp.snapshot.replay.ranking import After, Rankings
from pdp.snapshot.replay.sieve import GRANT, Doubts, Plan, Rules, Sieve, Sifted, members
from pdp.snapshot.replay.uses import uses_of
from pdp.v1 import bundle_pb2

_NOTHING: Final[frozenset[str]] = frozenset()
COVERAGE: Final = "grant.covers"
"""What a record lacks of a grant that counted: which fields it was for."""


class Held(NamedTuple):
    """A grant that a record says counted, and the fields that it is known to cover."""

    id: str
    facts: GrantFacts
    covers: frozenset[str]


class May(NamedTuple):
    """A rule that may apply, and the attributes that would tell."""

    hit: Hit
    lacks: frozenset[str]


class Settled(NamedTuple):
    """The rules that apply, those that may, and the attributes of which some would tell."""

    hits: Rules
    may: Rules
    unknown: frozenset[str]


class Candidate:
    """A bundle that sifts records. One thread at a time may use it. Raises BundleError."""

    def __init__(self, signed: bundle_pb2.SignedBundle) -> None:
        bundle = parse(signed)
        self.hash = signed.hash
        self.types = {a.name: TYPES[a.type] for a in bundle.attributes}
        defaults = {
            a.name: python_value(a.default_value, self.types[a.name])
            for a in bundle.attributes
            if a.HasField("default_value")
        }
        self._rules: list[CompiledRule] = read_rules(bundle)
        self._sieve = Sieve(self._rules, Schema(self.types, defaults))
        self._rankings = Rankings(Outcomes(bundle, self._rules), self._rules)
        self._prints = Prints(bundle)
        self._needs = [frozenset(a for c in rule.conditions for a in c.attributes) for rule in self._rules]
        self._granted: Rules = 0
        self._about: dict[str, Rules] = {}
        for rule in self._rules:
            self._granted |= rule.needs_grant << rule.index
            for field in rule.fields:
                self._about[field] = self._about.get(field, 0) | 1 << rule.index
        self.uses = uses_of(self._rules)
        self.reader = FactsReader(self._sieve.attributes)
        self._grant = self.reader.slots.get(GRANT, 0)
        self.sift = self._sieve.sift
        """Tells which of some rules may apply to a request without grants: see `Sieve.sift`."""

    def about(self, fields: Iterable[str]) -> Rules:
        """Return the rules about some fields."""
        found = 0
        for field in fields:
            found |= self._about.get(field, 0)
        return found

    def plan(self, known: Known, facts: bytes, now: int, *, granted: bool) -> Plan:
        """Return how to sift records of which the same is known, with grants or without.

        `facts` are those of one of them, which was made at `now`.
        """
        return self._sieve.plan(known, self.reader.slots, facts, now, granted=granted)

    def settle(self, sifted: Sifted, known: Known, evidence: Evidence) -> Settled:
        """Return which of the rules that may apply do, and which may, with what the verdicts tell."""
        rules, doubts = sifted
        if not doubts:
            return Settled(rules, 0, _NOTHING)
        hits, may = rules, 0
        for index, outcomes in _open(rules, doubts, evidence, self._prints):
            rule = self._rules[index]
            if len(outcomes) > 1:
                outcomes = evidence.narrow(self._prints.rule(rule), outcomes)  # noqa: PLW2901 - narrowed
            if None in outcomes and not rule.unmasks:
                # An undecided rule does not unmask, but it masks.
                outcomes = outcomes - {None} | SURE  # noqa: PLW2901 - likewise
            if outcomes != SURE:
                hits &= ~(1 << index)
                may |= (True in outcomes) << index
        return Settled(hits, may, known.unknown if may else _NOTHING)

    def sift_granted(
        self,
        plan: Plan,
        about: Rules,
        values: Values,
        facts: bytes,
        now: int,
        grants: Sequence[Held],
    ) -> tuple[list[Hit], list[May]]:
        """Return the hits of a request with grants in canonical order, and the rules that may apply."""
        found: list[tuple[int, int, Hit]] = []
        may: list[May] = []
        under = about & self._granted
        turns = [(0, None, about & ~under), *((order, grant, under) for order, grant in enumerate(grants))]
        for order, grant, rules in turns:
            held = NO_GRANT if grant is None else grant.facts
            if self._grant:
                values[self._grant] = None if grant is None else held
            sifted = self._sieve.sift(plan, rules, values, facts, now, held)
            settled = self.settle(sifted, plan.known, NO_EVIDENCE)
            grant_id = "" if grant is None else grant.id
            for index in members(settled.hits):
                rule = self._rules[index]
                covers = None
                if grant is not None and rule.unmasks:
                    covers = grant.covers.__contains__
                    may.append(May(Hit(rule, grant_id), frozenset({COVERAGE})))
                found.append((index, order, Hit(rule, grant_id, covers=covers)))
            for index in members(settled.may):
                rule = self._rules[index]
                uncovered = frozenset({COVERAGE}) if grant is not None and rule.unmasks else _NOTHING
                may.append(May(Hit(rule, grant_id), (self._needs[index] & plan.known.unknown) | uncovered))
        found.sort(key=lambda entry: entry[:2])
        return [hit for _, _, hit in found], may

    def after(
        self, hits: Iterable[int], may: Collection[int], unknown: frozenset[str], field: str
    ) -> After | frozenset[str]:
        """Return what a field comes to without grants, or the attributes that would tell.

        `hits` are the indices of the rules that apply, `may` those of the ones that may, for want of `unknown`.
        """
        places, afters = self._rankings.of(field)
        nowhere = len(places)
        best = min([places.get(index, nowhere) for index in hits], default=nowhere)
        if not may:
            return afters[best]
        lacks = [self._needs[index] & unknown for index in may if _counts(places.get(index, nowhere), best, afters)]
        return _NOTHING.union(*lacks) or afters[best]

    def field(self, hits: Iterable[Hit], may: Iterable[May], field: str) -> After | frozenset[str]:
        """Return what a field comes to, or the attributes that would tell.

        Whoever wins among the rules that apply and some of those that may is the winner already among the former and
        this one alone. So it is enough to add each of the latter on its own.
        """
        places, afters = self._rankings.of(field)
        speaking = [
            places[hit.rule.index]
            for hit in hits
            if hit.rule.index in places and (hit.covers is None or hit.covers(field))
        ]
        best = min(speaking, default=len(places))
        lacks = [what for hit, what in may if _counts(places.get(hit.rule.index, best), best, afters)]
        return _NOTHING.union(*lacks) or afters[best]


def _counts(place: int, best: int, afters: Sequence[After]) -> bool:
    """Whether it matters if a rule applies, where the one that wins else is known."""
    return place < best and afters[place].mask != afters[best].mask


def _open(rules: Rules, doubts: Iterable[Doubts], evidence: Evidence, prints: Prints) -> Iterable[tuple[int, Possible]]:
    """Yield the rules out of some that are not certain to apply, with the outcomes that each may have."""
    clauses: dict[int, list[Possible]] = {}
    for doubt in doubts:
        for atom, outcomes in doubt.about:
            concerned = atom.rules & rules
            if not concerned:
                continue
            if len(outcomes) > 1 and evidence.holds(prints.conditions(atom.rule)[atom.place]):
                continue
            for member in members(concerned):
                clauses.setdefault(member, []).append(outcomes)
    return ((index, found[0] if len(found) == 1 else all_of(found)) for index, found in clauses.items())
