"""A replay without any memory: every rule's every condition is evaluated for every record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pdp.engine.assemble import Schema
from pdp.engine.bundle import parse
from pdp.engine.grants import NO_GRANT
from pdp.engine.outcome import Hit
from pdp.engine.outcome import Outcomes as OutcomesOf
from pdp.engine.request import TYPES, python_value
from pdp.engine.rules import CompiledRule, read_rules
from pdp.engine.runtime import MISSING
from pdp.engine.view import Parties, RequestView
from pdp.lang.expr import attributes_of
from pdp.snapshot.replay.candidate import COVERAGE, Held, May
from pdp.snapshot.replay.doubt import SURE, Doubt, Outcomes, all_of
from pdp.snapshot.replay.evidence import NO_EVIDENCE, Evidence, Prints
from pdp.snapshot.replay.facts import Place
from pdp.snapshot.replay.known import known_of
from pdp.snapshot.replay.origin import Origin, mask_of
from pdp.snapshot.replay.ranking import After
from pdp.snapshot.replay.recorded import Part, Reader, Verdicts, compare
from pdp.snapshot.replay.uses import uses_of
from pdp.v1 import bundle_pb2, decision_service_pb2, snapshot_pb2, types_pb2


class ObviousReplayer:
    """Decides records by a candidate, each on its own."""

    def __init__(self, signed: bundle_pb2.SignedBundle, origin: Origin) -> None:
        bundle = parse(signed)
        self._types = {a.name: TYPES[a.type] for a in bundle.attributes}
        defaults = {
            a.name: python_value(a.default_value, self._types[a.name])
            for a in bundle.attributes
            if a.HasField("default_value")
        }
        self._schema = Schema(self._types, defaults)
        self._rules = read_rules(bundle)
        self._prints = Prints(bundle)
        self._uses = uses_of(self._rules)
        self._outcomes_of = OutcomesOf(bundle, self._rules)
        self._origin = origin

    def replay(self, body: bytes) -> tuple[Place, Part]:
        """Return where a decision was made and what becomes of it, given its serialized Record."""
        snapshot = snapshot_pb2.Record.FromString(body).snapshot
        lost = [*snapshot.hashes, *snapshot.withheld]
        buckets = [_entry(name, bucket) for name, bucket in snapshot.buckets.items()]
        known = known_of(
            self._origin, self._uses, self._types, buckets, lost, has_key=bool(snapshot.resource_key)
        )  # fmt: skip
        facts = snapshot.facts.SerializeToString() + known.piece
        request = decision_service_pb2.DecideRequest.FromString(facts)
        parties = Parties(request.subject, request.action, request.resource, request.context, snapshot.time_nanos)
        verdicts = Verdicts(
            Reader(self._origin, lambda _: 0), [verdict.SerializeToString() for verdict in snapshot.verdicts]
        )
        grants = verdicts.grants([grant.SerializeToString() for grant in snapshot.grants])
        turns: list[Held | None] = [*grants] or [None]
        found: list[tuple[int, int, Hit]] = []
        may: list[May] = []
        for rule in self._rules:
            for order, grant in enumerate(turns if rule.needs_grant else [None]):
                facts_of_grant = NO_GRANT if grant is None else grant.facts
                evidence = NO_EVIDENCE if grants else verdicts.evidence
                outcomes = self._outcomes(rule, parties._replace(grant=facts_of_grant), known, evidence)
                speaks = {outcome if rule.unmasks or outcome is not None else True for outcome in outcomes}
                if True not in speaks:
                    continue
                grant_id = "" if grant is None else grant.id
                covered = grant is not None and rule.unmasks
                lacks = frozenset({COVERAGE}) if covered else frozenset()
                if speaks == {True}:
                    covers = grant.covers.__contains__ if grant is not None and rule.unmasks else None
                    found.append((rule.index, order, Hit(rule, grant_id, covers=covers)))
                    if covered:
                        may.append(May(Hit(rule, grant_id), lacks))
                else:
                    needs = frozenset(a for c in rule.conditions for a in c.attributes)
                    may.append(May(Hit(rule, grant_id), (needs & known.unknown) | lacks))
        hits = [hit for _, _, hit in found]
        part = Part.sum([compare(said, lambda name: self._field(name, hits, may)) for said in verdicts.said])
        context, subject = request.context, request.subject
        place = Place(
            (*subject.roles,),
            subject.attributes["branch"].string_value,
            context["menu"].string_value,
            context["application"].string_value,
        )
        return place, part

    def _field(self, field: str, hits: Sequence[Hit], may: Sequence[May]) -> After | frozenset[str]:
        """Return what a field comes to by the program's own way of answering, or the attributes that would tell."""
        certain = self._answered(field, hits)
        lacks: set[str] = set()
        for hit, what in may:
            place = next((n for n, other in enumerate(hits) if other.rule.index > hit.rule.index), len(hits))
            if self._answered(field, [*hits[:place], hit, *hits[place:]]).mask != certain.mask:
                lacks |= what
        return frozenset(lacks) if lacks else certain

    def _answered(self, field: str, hits: Sequence[Hit]) -> After:
        response = decision_service_pb2.DecideResponse()
        self._outcomes_of.respond((field,), hits, response)
        verdict = response.verdicts[0]
        shown = verdict.effect == types_pb2.EFFECT_UNMASK
        return After(None if shown else mask_of(response.masks[verdict.mask]), response.reasons[verdict.reason].rule)

    def _outcomes(self, rule: CompiledRule, parties: Parties, known: Any, evidence: Evidence) -> Outcomes:
        view = RequestView(self._schema, parties)

        def attribute(name: str) -> Any:
            return MISSING if name in known.unknown else view.get(name)

        clauses: list[Outcomes] = []
        for condition, print_ in zip(rule.conditions, self._prints.conditions(rule), strict=True):
            doubt = Doubt(attribute, rule.variables, known.unknown, known.intervals, attributes_of)
            outcomes = doubt.condition(condition.expr)
            clauses.append(SURE if len(outcomes) > 1 and evidence.holds(print_) else outcomes)
        found = all_of(clauses)
        return evidence.narrow(self._prints.rule(rule), found) if len(found) > 1 else found


def _entry(name: str, bucket: snapshot_pb2.Bucket) -> bytes:
    """Return an entry of a record's buckets as it is written."""
    key, value = name.encode(), bucket.SerializeToString()
    return b"\x0a" + bytes([len(key)]) + key + b"\x12" + bytes([len(value)]) + value
