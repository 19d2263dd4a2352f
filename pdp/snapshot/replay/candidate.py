"""The policy set that is tried: which of its rules apply to a record, may apply, and what fields come to by them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from pdp.engine.assemble import Schema, assemble, assemble_rule
from pdp.engine.bundle import parse
from pdp.engine.grants import NO_GRANT, GrantFacts
from pdp.engine.outcome import Hit, Outcomes
from pdp.engine.request import TYPES, python_value
from pdp.engine.rules import CompiledRule, read_rules
from pdp.engine.runtime import FUNCTIONS
from pdp.engine.view import Parties, RequestView
from pdp.snapshot.replay.doubt import REFUTED, AttributeNames, Doubt, is_compound
from pdp.snapshot.replay.doubt import Outcomes as Possible
from pdp.snapshot.replay.evidence import NO_EVIDENCE, Evidence, Prints
from pdp.snapshot.replay.known import Known
from pdp.snapshot.replay.origin import Mask, mask_of
from pdp.snapshot.replay.uses import readings_of, uses_of
from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2
from pdp.values import NANOS

ROLES: Final = "subject.roles"
_MOST_KEPT: Final = 100_000
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


Sifted = tuple[tuple[int, ...], tuple[tuple[int, frozenset[str]], ...]]
"""The rules that apply, by index (`~index`: masks because it is undecided), and those that may with what would tell."""


class After(NamedTuple):
    """What a field comes to: `mask` is None when it is shown, `rule` empty for a default."""

    mask: Mask | None
    rule: str


class Candidate:
    """A compiled bundle that sifts records. One thread at a time may use it. Raises BundleError."""

    def __init__(self, signed: bundle_pb2.SignedBundle) -> None:
        bundle = parse(signed)
        self.hash = signed.hash
        self.types = {a.name: TYPES[a.type] for a in bundle.attributes}
        defaults = {
            a.name: python_value(a.default_value, self.types[a.name])
            for a in bundle.attributes
            if a.HasField("default_value")
        }
        self._schema = Schema(self.types, defaults)
        self._rules: list[CompiledRule] = read_rules(bundle)
        self._compiled = assemble(self._rules, self._schema, f"candidate {signed.hash[:12]}")
        self._outcomes = Outcomes(bundle, self._rules)
        self._conjuncts: dict[int, Callable[..., list[int] | None]] = {}
        self._after: dict[Hashable, After] = {}
        self._prints = Prints(bundle)
        self._compound = [any(is_compound(c.expr, rule.variables) for c in rule.conditions) for rule in self._rules]
        self._names = AttributeNames()
        self._needs = [frozenset(a for c in rule.conditions for a in c.attributes) for rule in self._rules]
        self._of_roles = frozenset(rule.index for rule in self._rules if ROLES in self._needs[rule.index])
        self.uses = uses_of(self._rules)
        self.knows_time = "now" in self.uses
        self._readings = readings_of(self._rules)
        self._second: int | None = None
        self._clock: tuple[int, ...] | None = ()

    def clock(self, now: int) -> tuple[int, ...] | None:
        """Return what all conditions may see of the time; None when they look closer than at clocks and days."""
        second = now // NANOS
        if second != self._second:
            self._second = second
            readings = self._readings
            self._clock = None if readings is None else tuple(FUNCTIONS[name](now, zone) for name, zone in readings)
        return self._clock

    def sift(self, request: Any, now: int, fields: frozenset[str], known: Known, evidence: Evidence) -> Sifted:
        """Return the rules about some fields that apply to a request without grants, and those that may."""
        hits: list[int] = []
        slow: list[int] = []
        subject, action, resource, context = request.subject, request.action, request.resource, request.context
        self._compiled.plain(subject, action, resource, context, now, NO_GRANT, hits, slow)
        if self._compiled.ungranted is not None:
            self._compiled.ungranted(subject, action, resource, context, now, NO_GRANT, hits, slow)
        may: list[tuple[int, frozenset[str]]] = []
        if slow or known.lacks_roles:
            parties = Parties(subject, action, resource, context, now)
            self._settle(parties, fields, known, evidence, range(len(self._rules)), hits, slow, may)
        if len(hits) > 1:
            hits.sort(key=_canonical)
        return (*hits,), (*may,)

    def sift_granted(
        self, parties: Parties, fields: frozenset[str], known: Known, grants: Sequence[Held]
    ) -> tuple[list[Hit], list[May]]:
        """Return the hits of a request with grants in canonical order, and the rules that may apply."""
        found: list[tuple[int, int, Hit]] = []
        may: list[May] = []
        plain = [rule.index for rule in self._rules if not rule.needs_grant]
        granted = [rule.index for rule in self._rules if rule.needs_grant]
        self._under(self._compiled.plain, parties, fields, known, plain, None, 0, found, may)
        if self._compiled.granted is not None:
            for order, grant in enumerate(grants):
                self._under(self._compiled.granted, parties, fields, known, granted, grant, order, found, may)
        found.sort(key=lambda entry: entry[:2])
        return [hit for _, _, hit in found], may

    def _under(
        self,
        function: Callable[..., None],
        parties: Parties,
        fields: frozenset[str],
        known: Known,
        mine: Iterable[int],
        grant: Held | None,
        order: int,
        found: list[tuple[int, int, Hit]],
        may: list[May],
    ) -> None:
        hits: list[int] = []
        slow: list[int] = []
        doubtful: list[tuple[int, frozenset[str]]] = []
        under = parties if grant is None else parties._replace(grant=grant.facts)
        function(*under, hits, slow)
        self._settle(under, fields, known, NO_EVIDENCE, mine, hits, slow, doubtful)
        grant_id = "" if grant is None else grant.id
        for hit in hits:
            rule = self._rules[_canonical(hit)]
            covers = None
            if grant is not None and rule.unmasks:
                covers = grant.covers.__contains__
                may.append(May(Hit(rule, grant_id), frozenset({COVERAGE})))
            found.append((rule.index, order, Hit(rule, grant_id, hit < 0, covers)))
        for index, lacks in doubtful:
            rule = self._rules[index]
            uncovered = frozenset({COVERAGE}) if grant is not None and rule.unmasks else frozenset()
            may.append(May(Hit(rule, grant_id), lacks | uncovered))

    def _settle(
        self,
        parties: Parties,
        fields: frozenset[str],
        known: Known,
        evidence: Evidence,
        mine: Iterable[int],
        hits: list[int],
        slow: Sequence[int],
        may: list[tuple[int, frozenset[str]]],
    ) -> None:
        """Decide, as far as can be, the rules that compiled code left open and those that it could not see rightly."""
        unknown = known.unknown
        left = dict.fromkeys(slow)
        if known.lacks_roles:
            # A list cannot be missing in a request, so compiled code took it for empty.
            hits[:] = [hit for hit in hits if _canonical(hit) not in self._of_roles]
            left.update(dict.fromkeys(index for index in mine if index in self._of_roles))
        for index in left:
            rule = self._rules[index]
            if rule.fields.isdisjoint(fields):
                continue
            outcomes = self._possible(index, parties, known, evidence)
            speaks = {outcome if rule.unmasks or outcome is not None else True for outcome in outcomes}
            if True not in speaks:
                continue
            if speaks == {True}:
                hits.append(index if outcomes == {True} else ~index)
            else:
                may.append((index, self._needs[index] & unknown))

    def _possible(self, index: int, parties: Parties, known: Known, evidence: Evidence) -> Possible:
        """Return the outcomes that a rule may have which compiled code has left open."""
        rule = self._rules[index]
        places: tuple[int, ...] | None = None
        if not known.lacks_roles:
            # Compiled code takes what is unknown for missing: what it comes to without is certain.
            found = self._doubtful(index, parties)
            if found is None:
                return REFUTED
            places = (*found,)
        # Without `&&` and the like, a condition is open because of what is missing or unknown, whatever else there is.
        case: Hashable = (index, places, known)
        if places is None or self._compound[index] or evidence is NO_EVIDENCE:
            case = None
        outcomes = None if case is None else evidence.settled.get(case)
        if outcomes is None:
            view = RequestView(self._schema, parties)
            prints = self._prints.conditions(rule)
            outcomes = Doubt(view.get, rule, known.unknown, known.intervals, self._names).outcomes(
                places, prints, evidence
            )
            if len(outcomes) > 1:
                outcomes = evidence.narrow(self._prints.rule(rule), outcomes)
            if case is not None:
                evidence.settled[case] = outcomes
        return outcomes

    def _doubtful(self, index: int, parties: Parties) -> Sequence[int] | None:
        """Return the places of the conditions that compiled code leaves open; None when one does not hold."""
        conjuncts = self._conjuncts.get(index)
        if conjuncts is None:
            conjuncts = self._conjuncts[index] = assemble_rule(self._rules[index], self._schema)
        return conjuncts(*parties)

    def hits(self, sifted: Sifted) -> tuple[list[Hit], list[May]]:
        """Return what was sifted as hits."""
        hits, may = sifted
        certain = [Hit(self._rules[_canonical(hit)], undecided=hit < 0) for hit in hits]
        return certain, [May(Hit(self._rules[index]), lacks) for index, lacks in may]

    def field(self, field: str, hits: Sequence[Hit], may: Sequence[May]) -> After | frozenset[str]:
        """Return what a field comes to, or the attributes that would tell.

        Whoever wins among the rules that apply and some of those that may is the winner already among the former and
        this one alone. So it is enough to add each of the latter on its own.
        """
        speaking = [hit for hit in hits if field in hit.rule.fields]
        certain = self._resolve(field, speaking)
        lacks: set[str] = set()
        for hit, what in may:
            if field in hit.rule.fields:
                order = hit.rule.index
                place = next((n for n, other in enumerate(speaking) if other.rule.index > order), len(speaking))
                if self._resolve(field, [*speaking[:place], hit, *speaking[place:]]).mask != certain.mask:
                    lacks |= what
        return frozenset(lacks) if lacks else certain

    def _resolve(self, field: str, hits: Sequence[Hit]) -> After:
        # Under a grant it also matters what that covers.
        key = None if any(hit.covers for hit in hits) else (field, *(hit.rule.index for hit in hits))
        found = None if key is None else self._after.get(key)
        if found is None:
            response = decision_service_pb2.DecideResponse()
            self._outcomes.respond((field,), hits, response)
            verdict = response.verdicts[0]
            shown = verdict.effect == types_pb2.EFFECT_UNMASK
            rule = response.reasons[verdict.reason].rule
            found = After(None if shown else mask_of(response.masks[verdict.mask]), rule)
            if key is not None:
                if len(self._after) >= _MOST_KEPT:
                    self._after.clear()
                self._after[key] = found
        return found


def _canonical(hit: int) -> int:
    return hit if hit >= 0 else ~hit
