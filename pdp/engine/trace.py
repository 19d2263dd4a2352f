"""Why a decision came out as it did: every candidate rule, clause by clause (ExplainRequest → ExplainResponse)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pdp.engine.exact import Evaluator
from pdp.engine.grants import NO_GRANT, GrantFacts, named_applications
from pdp.engine.recording import Notes
from pdp.engine.request import decode
from pdp.engine.rules import CompiledRule, Condition
from pdp.engine.runtime import MISSING
from pdp.engine.view import Parties, RequestView
from pdp.engine.wire_masks import mask_parameters
from pdp.errors import RequestError, Violation
from pdp.lang.model import Effect, Label
from pdp.lang.sentence import verdict_sentence
from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2
from pdp.values import INT_MAX, INT_MIN, NANOS, TIMESTAMP_MAX, TIMESTAMP_MIN, cel_literal

if TYPE_CHECKING:
    from pdp.engine.program import Check, Program

_CLAUSES = {
    True: decision_service_pb2.CLAUSE_OUTCOME_TRUE,
    False: decision_service_pb2.CLAUSE_OUTCOME_FALSE,
    None: decision_service_pb2.CLAUSE_OUTCOME_UNDECIDED,
}
_RULES = {
    True: decision_service_pb2.RULE_OUTCOME_MATCHED,
    False: decision_service_pb2.RULE_OUTCOME_NOT_MATCHED,
    None: decision_service_pb2.RULE_OUTCOME_UNDECIDED,
}


def explain(
    program: Program, payload: bytes, now: int, check: Check | None = None, notes: Notes | None = None
) -> bytes:
    """Answer a serialized ExplainRequest, `now` where it says no time, with a serialized ExplainResponse.

    Raises RequestError.
    """
    question = decode(decision_service_pb2.ExplainRequest.FromString, payload)
    request = question.request
    if check is not None:
        check(request)
    if question.HasField("now"):
        now = question.now.seconds * NANOS + question.now.nanos
    if not 0 <= question.now.nanos < NANOS or not TIMESTAMP_MIN <= now <= TIMESTAMP_MAX:
        raise RequestError(Violation("now", "is not a time in the years 1 to 9999"))
    if program.recorder is not None and not INT_MIN <= now <= INT_MAX:
        # Records count nanoseconds in 64 bits.
        raise RequestError(Violation("now", "is not a time in the years 1678 to 2261, which a record can hold"))
    # A decision that is recorded uses its request up.
    asked = decision_service_pb2.DecideRequest.FromString(request.SerializeToString())
    decision = decision_service_pb2.DecideResponse.FromString(program.answer(asked, len(payload), now, notes))
    response = decision_service_pb2.ExplainResponse(decision=decision)
    response.now.seconds, response.now.nanos = divmod(now, NANOS)

    parties = Parties(request.subject, request.action, request.resource, request.context, now)
    fields = program.requested_fields(request)
    hits, _, _, grants = program.evaluate(
        parties, fields, request.grant_ids, named_applications(request.context, request)
    )
    winners = program.outcomes.respond(fields, hits, decision_service_pb2.DecideResponse())
    won: dict[tuple[str, str], list[str]] = {}
    for field, hit in dict(zip(fields, winners, strict=True)).items():
        if hit is not None:
            won.setdefault((hit.rule.name, hit.grant_id), []).append(field)

    wanted = [question.field] if question.field else list(dict.fromkeys(fields))
    for rule in program.rules:
        spoken = [field for field in wanted if field in rule.fields]
        if not spoken:
            continue
        under: list[bundle_pb2.Grant | None] = [*grants] if rule.needs_grant and grants else [None]
        for grant in under:
            facts = GrantFacts.of(grant) if grant is not None else NO_GRANT
            trace = _rule(rule, RequestView(program.schema, parties._replace(grant=facts)))
            if trace is None:
                continue
            trace.fields.extend(spoken)
            trace.grant_id = grant.id if grant is not None else ""
            trace.wins.extend(f for f in won.get((rule.name, trace.grant_id), ()) if f in spoken)
            response.rules.append(trace)
    _add_sentences(program, decision, response)
    return response.SerializeToString()


def _rule(rule: CompiledRule, view: RequestView) -> decision_service_pb2.RuleTrace | None:
    """Return how a rule came out; None when its scope does not hold, for then it is no candidate."""
    evaluator = Evaluator(view.get, rule.variables)
    message = rule.message
    trace = decision_service_pb2.RuleTrace(
        rule=rule.name,
        title=message.title,
        priority=message.priority,
        sentence=message.sentence,
        location=message.location,
    )
    outcomes: list[bool | None] = []
    for condition in rule.conditions:
        outcome = evaluator.clause(condition.expr)
        if outcome is False and isinstance(condition.message, bundle_pb2.ScopeClause):
            return None
        outcomes.append(outcome)
        trace.clauses.append(_clause(condition, outcome, view))
    trace.outcome = _RULES[_conjunction(outcomes)]
    return trace


def _conjunction(outcomes: Sequence[bool | None]) -> bool | None:
    if False in outcomes:
        return False
    return None if None in outcomes else True


def _clause(condition: Condition, outcome: bool | None, view: RequestView) -> decision_service_pb2.ClauseTrace:
    values = {name: view.get(name) for name in condition.attributes}
    message = condition.message
    return decision_service_pb2.ClauseTrace(
        expression=_text(message, view),
        outcome=_CLAUSES[outcome],
        attributes=sorted(n for n, v in values.items() if v is MISSING) if outcome is None else (),
        location=message.location,
        sentence=message.sentence,
        values={n: cel_literal(view.type_of(n), v) for n, v in sorted(values.items()) if v is not MISSING},
    )


def _text(message: bundle_pb2.Expression | bundle_pb2.ScopeClause, view: RequestView) -> str:
    """Return a clause as CEL; a scope clause is an equality."""
    if isinstance(message, bundle_pb2.Expression):
        return message.text
    values = [cel_literal(view.type_of(message.attribute), view.value_of(message.attribute, v)) for v in message.values]
    if len(values) == 1:
        return f"{message.attribute} == {values[0]}"
    return f"{message.attribute} in [{', '.join(values)}]"


def _add_sentences(
    program: Program, decision: decision_service_pb2.DecideResponse, response: decision_service_pb2.ExplainResponse
) -> None:
    for verdict in decision.verdicts:
        reason = decision.reasons[verdict.reason]
        mask = decision.masks[verdict.mask] if verdict.effect == types_pb2.EFFECT_MASK else None
        label = verdict_sentence(
            program.outcomes.label(verdict.field),
            Effect.MASK if mask is not None else Effect.UNMASK,
            mask.algorithm if mask is not None else "",
            mask_parameters(mask) if mask is not None else {},
            kind=_KINDS[reason.kind],
            title=Label(reason.title.zh, reason.title.en) or Label(reason.rule, reason.rule),
            undecided=reason.undecided,
        )
        response.sentences[verdict.field].CopyFrom(types_pb2.LocalizedText(zh=label.zh, en=label.en))


_KINDS = {
    types_pb2.REASON_KIND_RULE: "rule",
    types_pb2.REASON_KIND_DEFAULT: "default",
    types_pb2.REASON_KIND_UNKNOWN_FIELD: "unknown",
}
