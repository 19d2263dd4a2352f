"""Tells the story of one decision from its record: which clauses held, by what was kept (requirements A31, B22).

The verdicts are those of the record and are never made again. The bundle that decided says how its rules come out for
the facts that were kept: a bucket is stood in for by a value inside it, since its edges are what rules compare with; an
attribute kept as a hash or not at all counts as missing, without its default, and no clause that names it is told.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import DecodeError

from pdp.engine.program import Program
from pdp.engine.request import MAX_FIELDS, python_value
from pdp.engine.rules import CompiledRule
from pdp.engine.runtime import MISSING
from pdp.engine.wire_masks import mask_parameters
from pdp.errors import BundleError, PdpError
from pdp.lang.expr import AttributeRef, Call, Expr, Literal, VariableRef, attributes_of, children
from pdp.lang.model import Effect, Label
from pdp.lang.sentence import verdict_sentence
from pdp.snapshot.buckets import representative
from pdp.snapshot.store.base import Reader
from pdp.v1 import bundle_pb2, decision_service_pb2, snapshot_pb2, types_pb2
from pdp.values import NANOS, AttributeType, cel_literal

_KEPT_PROGRAMS = 4
_UNKNOWN: Final = "?"
"""Stands in for a subject's id that was not kept, without which nothing is decided."""
_COMPARISONS = frozenset({"less", "less_equals", "greater", "greater_equals", "equals", "not_equals", "in_list"})
_UNDECIDED = decision_service_pb2.CLAUSE_OUTCOME_UNDECIDED
_ROOTS = ("subject", "action", "resource", "context")


@dataclass(frozen=True, slots=True)
class Story:
    """What belongs to a record: see `GetSnapshotResponse`."""

    rules: Sequence[decision_service_pb2.RuleTrace] = ()
    sentences: Mapping[str, types_pb2.LocalizedText] = field(default_factory=dict)
    rule_texts: Sequence[bundle_pb2.Rule] = ()
    insufficient: Sequence[str] = ()


class _Grants:
    """The grants that a record says counted. What they covered is not recorded; the verdicts are."""

    def __init__(self, snapshot: snapshot_pb2.Snapshot, subject_id: str) -> None:
        self._grants = {
            held.id: bundle_pb2.Grant(
                id=held.id, kind=held.kind, subject_id=subject_id, resource_type=snapshot.facts.resource.type,
                expires_at_nanos=held.expires_at_nanos or snapshot.time_nanos + 1, approver=held.approver,
                approver_level=held.approver_level, scenario=held.scenario, evidence=held.evidence,
            )
            for held in snapshot.grants
        }  # fmt: skip

    def get(self, grant_id: str) -> bundle_pb2.Grant | None:
        return self._grants.get(grant_id)


class Storyteller:
    """Keeps the programs of the last few bundles. Safe to be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._programs: OrderedDict[str, Program] = OrderedDict()

    def tell(self, reader: Reader, snapshot: snapshot_pb2.Snapshot) -> Story:
        """Return the story of a decision; without rules when its bundle is not in the store. Raises StoreError."""
        with self._lock:
            program = self._program(reader, snapshot.policy_hash)
            if program is None:
                return Story(sentences=dict(_sentences(snapshot, None)))
            return _Telling(program, snapshot).story()

    def _program(self, reader: Reader, policy_hash: str) -> Program | None:
        known = self._programs.pop(policy_hash, None)
        if known is None:
            data = reader.bundle(policy_hash)
            if data is None:
                return None
            try:
                signed = bundle_pb2.SignedBundle.FromString(data)
                known = Program.from_bundle(signed) if signed.hash == policy_hash else None
            except (DecodeError, BundleError):
                known = None  # damaged in the store, which verification tells of
            if known is None:
                return None
        self._programs[policy_hash] = known
        if len(self._programs) > _KEPT_PROGRAMS:
            self._programs.popitem(last=False)
        return known


class _Telling:
    def __init__(self, program: Program, snapshot: snapshot_pb2.Snapshot) -> None:
        self._program = program
        self._snapshot = snapshot
        self._rules = {rule.name: rule for rule in program.rules}
        self._types = program.schema.types
        self._lost = {name for name in (*snapshot.hashes, *snapshot.withheld) if not name.endswith(".*")}
        if snapshot.resource_key and not snapshot.facts.resource.id:
            self._lost.add("resource.id")

    def story(self) -> Story:
        snapshot = self._snapshot
        named = dict.fromkeys(verdict.rule for verdict in snapshot.verdicts if verdict.rule in self._rules)
        texts = []
        for name in named:
            text = bundle_pb2.Rule()
            text.CopyFrom(self._rules[name].message)
            text.id = name
            texts.append(text)
        rules = self._traces()
        insufficient = sorted({name for rule in rules for name in self._untold_of(self._rules[rule.rule])})
        return Story(rules, dict(_sentences(snapshot, self._program)), texts, insufficient)

    def _traces(self) -> list[decision_service_pb2.RuleTrace]:
        snapshot = self._snapshot
        won: dict[tuple[str, str], list[str]] = {}
        for verdict in snapshot.verdicts:
            won.setdefault((verdict.rule, verdict.grant_id), []).extend(verdict.fields)
        traces = []
        for trace in self._explained():
            rule = self._rules[trace.rule]
            for clause, condition in zip(trace.clauses, rule.conditions, strict=True):
                self._mend(clause, condition.expr, rule)
            trace.outcome = _conjunction(clause.outcome for clause in trace.clauses)
            del trace.wins[:]
            trace.wins.extend(won.get((trace.rule, trace.grant_id), ()))
            traces.append(trace)
        return traces

    def _explained(self) -> Iterable[decision_service_pb2.RuleTrace]:
        question = decision_service_pb2.ExplainRequest(request=self._request())
        if not question.request.fields:
            return ()
        question.now.seconds, question.now.nanos = divmod(self._snapshot.time_nanos, NANOS)
        grants = _Grants(self._snapshot, question.request.subject.id)
        program = _with_grants(self._program, grants)
        try:
            answer = decision_service_pb2.ExplainResponse.FromString(program.explain(question.SerializeToString()))
        except PdpError:
            return ()  # what was recorded is beyond a bound, such as a time that no clock tells
        return answer.rules

    def _request(self) -> decision_service_pb2.DecideRequest:
        """Return the request as far as it was kept, with a value in each bucket and none of what was lost."""
        snapshot = self._snapshot
        request = decision_service_pb2.DecideRequest()
        request.CopyFrom(snapshot.facts)
        request.ClearField("message")
        request.ClearField("min_revision")
        fields = dict.fromkeys(f for verdict in snapshot.verdicts for f in verdict.fields)
        request.fields.extend(list(fields)[:MAX_FIELDS])
        if not request.subject.id:
            request.subject.id = _UNKNOWN
            self._lost.add("subject.id")
        for name, bucket in snapshot.buckets.items():
            kind = self._types.get(name)
            value = None if kind is None else representative(bucket, kind)
            if value is None:
                self._lost.add(name)
            elif (place := _place(request, name)) is not None:
                place.CopyFrom(value)
        for name in self._lost:
            kind = self._types.get(name)
            if kind is not None and (place := _place(request, name)) is not None:
                # A value of another type counts as missing, and no default stands in for it.
                place.CopyFrom(
                    types_pb2.Value(string_value="") if kind is AttributeType.BOOL else types_pb2.Value(bool_value=True)
                )
        return request

    def _mend(self, clause: decision_service_pb2.ClauseTrace, expr: Expr, rule: CompiledRule) -> None:
        """Untell a clause of which not enough is known, and show buckets as what they are."""
        for name, bucket in self._snapshot.buckets.items():
            if name in clause.values and not bucket.HasField("exactly"):
                clause.values[name] = self._interval(bucket, name)
        untold = self._untold(expr, rule)
        if untold:
            clause.outcome = _UNDECIDED
            for name in untold:
                clause.values.pop(name, None)
            missing = sorted({*clause.attributes, *untold})
            del clause.attributes[:]
            clause.attributes.extend(missing)

    def _interval(self, bucket: snapshot_pb2.Bucket, name: str) -> str:
        parts = [
            f"{sign} {self._literal(getattr(bucket, side), name)}"
            for sign, side in ((">", "above"), ("<", "below"))
            if bucket.HasField(side)
        ]
        return " && ".join(parts) or _UNKNOWN

    def _literal(self, value: types_pb2.Value, name: str) -> str:
        # A whole number may lie beside a fraction.
        for kind in (self._types[name], AttributeType.DOUBLE):
            held = python_value(value, kind)
            if held is not MISSING:
                return cel_literal(kind, held)
        return _UNKNOWN

    def _untold(self, expr: Expr, rule: CompiledRule) -> set[str]:
        names = attributes_of(expr, rule.variables)
        bucketed = {n for n, b in self._snapshot.buckets.items() if n in names and not b.HasField("exactly")}
        return {*(names & self._lost), *_beyond_buckets(expr, rule.variables, bucketed)}

    def _untold_of(self, rule: CompiledRule) -> Iterator[str]:
        for condition in rule.conditions:
            yield from self._untold(condition.expr, rule)


def _beyond_buckets(expr: Expr, variables: Mapping[str, Expr], bucketed: set[str]) -> set[str]:
    """Return the attributes that an expression does more with than compare them with constants."""
    if not bucketed:
        return set()
    match expr:
        case AttributeRef(name=name):
            return {name} & bucketed
        case VariableRef(name=name):
            return _beyond_buckets(variables[name], variables, bucketed)
        case Call(function=function, args=args) if function in _COMPARISONS and any(
            isinstance(arg, Literal) for arg in args
        ):
            args = tuple(arg for arg in args if not isinstance(arg, AttributeRef))
            return {name for arg in args for name in _beyond_buckets(arg, variables, bucketed)}
    return {name for child in children(expr) for name in _beyond_buckets(child, variables, bucketed)}


def _conjunction(outcomes: Iterable[int]) -> Any:
    found = set(outcomes)
    if decision_service_pb2.CLAUSE_OUTCOME_FALSE in found:
        return decision_service_pb2.RULE_OUTCOME_NOT_MATCHED
    return (
        decision_service_pb2.RULE_OUTCOME_UNDECIDED
        if _UNDECIDED in found
        else decision_service_pb2.RULE_OUTCOME_MATCHED
    )


def _with_grants(program: Program, grants: _Grants) -> Program:
    # The one thing of a program that may differ from decision to decision; the caller holds the lock.
    program.grants = grants
    return program


def _place(request: decision_service_pb2.DecideRequest, name: str) -> types_pb2.Value | None:
    """Return the place of a declared attribute in a request; None for what has a place of its own."""
    root, _, key = name.partition(".")
    if root not in _ROOTS or name in ("subject.id", "subject.roles", "action.name", "resource.type", "resource.id"):
        return None
    if root == "context":
        return request.context[key]
    return getattr(request, root).attributes[key]  # type: ignore[no-any-return]


_KINDS = {
    types_pb2.REASON_KIND_RULE: "rule",
    types_pb2.REASON_KIND_DEFAULT: "default",
    types_pb2.REASON_KIND_UNKNOWN_FIELD: "unknown",
    types_pb2.REASON_KIND_FAILURE_RULE: "failure",
}


def _sentences(
    snapshot: snapshot_pb2.Snapshot, program: Program | None
) -> Iterator[tuple[str, types_pb2.LocalizedText]]:
    """Yield each field's verdict in words; without the bundle by ids and without the mask's parameters."""
    definitions = {} if program is None else {f.id: f for f in program.bundle.fields}
    rules = {} if program is None else {rule.name: rule.message for rule in program.rules}
    for verdict in snapshot.verdicts:
        rule = rules.get(verdict.rule)
        title = Label(rule.title.zh, rule.title.en) if rule is not None else Label(verdict.rule, verdict.rule)
        for name in verdict.fields:
            definition = definitions.get(name)
            label = Label(name, name)
            if definition is not None:
                label = Label(definition.label.zh or name, definition.label.en or name)
            mask = _mask(rule, definition)
            masked = verdict.effect != types_pb2.EFFECT_UNMASK
            said = verdict_sentence(
                label,
                Effect.MASK if masked else Effect.UNMASK,
                mask.algorithm if masked and mask is not None else "full",
                mask_parameters(mask) if masked and mask is not None else {},
                kind=_KINDS.get(verdict.kind, "default"),
                title=title or Label(verdict.rule, verdict.rule),
                undecided=verdict.undecided,
            )
            yield name, types_pb2.LocalizedText(zh=said.zh, en=said.en)


def _mask(rule: bundle_pb2.Rule | None, definition: bundle_pb2.FieldDefinition | None) -> types_pb2.Mask | None:
    if rule is not None and rule.HasField("mask"):
        return rule.mask
    return definition.default_mask if definition is not None else None
