"""Sets the engine and the reference side by side and names every difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from cel.expr.checked_pb2 import CheckedExpr

from pdp.engine import bundle
from pdp.engine.assemble import Schema, assemble
from pdp.engine.exact import Evaluator
from pdp.engine.program import Program
from pdp.engine.rules import CompiledRule, Condition
from pdp.engine.view import NO_GRANT, Parties, RequestView
from pdp.lang.cel import CelIssuesError, Environment, split_conjunction
from pdp.lang.check import check
from pdp.lang.expr import BOOL, Expr, attributes_of
from pdp.lang.loader import load_texts
from pdp.lang.lower import lower
from pdp.lang.model import Attribute, GrantSpec, Label, RecordMode
from pdp.lang.resolved import ResolvedSet
from pdp.source import Anchor, SourceText, whole
from pdp.v1 import bundle_pb2, decision_service_pb2
from pdp.values import NANOS, AttributeType
from tests.reference.conditions import Conditions
from tests.reference.evaluator import Reference, RuleResult
from tests.reference.random_expressions import Expressions
from tests.reference.random_requests import NOW, random_request
from tests.reference.random_sets import RandomSet
from tests.reference.random_values import random_value, written
from tests.reference.request import Given, Grants, Request, Verdict, decision_of

ATTRIBUTES: Mapping[str, str] = {
    "subject.level": "int",
    "subject.class": "string",
    "subject.projects": "list(string)",
    "subject.ints": "list(int)",
    "resource.d": "double",
    "resource.ok": "bool",
    "resource.lambda": "list(double)",
    "resource.flags": "map(string, string)",
    "context.at": "timestamp",
    "context.span": "duration",
    "context.n": "int",
    "context.s": "string",
}
VARIABLES: Mapping[str, tuple[str, str]] = {
    "big": ("bool", "resource.d > 5.0 && context.s != 'vars.x'"),
    "next": ("int", "subject.level + 1"),
    "loop": ("bool", 'subject.projects.exists(x, x == "a") || vars.next > 3'),
}
# What `check` may refuse of the expressions that are made here.
REFUSALS = frozenset({"cel-limit", "cel-unsupported"})


class ConditionBench:
    """Evaluates single conditions over ATTRIBUTES and VARIABLES in every way there is."""

    def __init__(self) -> None:
        self._reference = Conditions(ATTRIBUTES)
        self._texts = {name: text for name, (_, text) in VARIABLES.items()}
        attributes = {
            name: Attribute(name, AttributeType(kind), Label(), (), None, RecordMode.FULL, whole("attributes"))
            for name, kind in {**ATTRIBUTES, "now": "timestamp"}.items()
        }
        environment = Environment(attributes)
        self._variables: dict[str, Expr] = {}
        scope = environment.scope({})
        for name, text in self._texts.items():
            self._variables[name] = scope.compile(text).expr
            scope = environment.scope({n: e.type for n, e in self._variables.items()})
        self._scope = scope
        self._schema = Schema({n: AttributeType(kind) for n, kind in ATTRIBUTES.items()}, {})

    def case(self, random: Random, count: int) -> tuple[str, list[Request]]:
        """Return a random condition and requests to evaluate it for."""
        requests = [self.request(random) for _ in range(count)]
        variables = {name: kind for name, (kind, _) in VARIABLES.items()}
        maker = Expressions(random, ATTRIBUTES, variables, untyped=True)
        depth = random.choice((2, 1, 2, 3, 4))
        if random.randint(0, 2):
            return maker.condition(depth), requests
        # What the expression gives for the first request is part of the condition, so that a wrong value shows.
        text = maker.make(random.choice(("int", "int", "string", "double", "list(int)", "list(string)")), depth)
        if random.randint(0, 1):
            text = maker.accessed(depth)
        return f"({text}) == {self._known(text, requests[0])}", requests

    def _known(self, text: str, request: Request) -> str:
        try:
            value = self._reference.compile(text, self._texts).value(_values(request))
        except RuntimeError:  # refused by Google; `differences` finds out whether rightly
            value = None
        return f"({text})" if value is None else written(value)

    def request(self, random: Random) -> Request:
        """Return a random request over ATTRIBUTES."""
        attributes = {
            name: Given(kind, random_value(random, kind)) for name, kind in ATTRIBUTES.items() if random.randint(0, 9)
        }
        return Request("T1", (), "", "", "", attributes, ("f",), None, (), NOW)

    def differences(self, text: str, requests: Iterable[Request]) -> list[str] | None:
        """Return what the engine evaluates differently; None when the condition is rightly refused."""
        pieces = [piece.value for piece in split_conjunction(SourceText(text, whole("when"), (Anchor(0, 1, 1),)))]
        try:
            # As a node gets them: out of the bundle's bytes, without the text.
            trees = [lower(CheckedExpr.FromString(self._scope.compile(piece).checked)) for piece in pieces]
        except CelIssuesError as error:
            # What an empty list or map holds is open, so an operator on it may not be told apart from another.
            allowed = REFUSALS | ({"cel-type"} if "[]" in text or "{}" in text else set())
            if {issue.code for issue in error.issues} <= allowed:
                return None
            return [f"`{text}` is refused: {error}"]
        if any(tree.type != BOOL for tree in trees):
            return None
        wanted = self._reference.compile(text, self._texts)
        parts = [self._reference.compile(piece, self._texts) for piece in pieces]
        rule = self._rule(trees)
        compiled = assemble([rule], self._schema, "a condition")
        found: list[str] = []
        for request in requests:
            values = _values(request)
            want = wanted.value(values)
            clauses = [part.value(values) for part in parts]
            message = request.message_pb()
            parties = Parties(message.subject, message.action, message.resource, message.context, request.now, NO_GRANT)
            hits: list[int] = []
            slow: list[int] = []
            compiled.plain(*parties, hits, slow)
            evaluator = Evaluator(RequestView(self._schema, parties).get, self._variables)
            exact = [evaluator.clause(tree) for tree in trees]
            got = True if hits else _and(exact) if slow else False
            for what, value in (("compiled", got), ("split", _and(clauses)), ("exact", _and(exact))):
                if value is not want:
                    found.append(f"{what} gives {value}, Google {want} for `{text}` with {values}")
            if exact != clauses:
                found.append(f"clauses give {exact}, Google {clauses} for `{text}` with {values}")
        return found

    def _rule(self, trees: list[Expr]) -> CompiledRule:
        conditions = tuple(
            Condition(tree, attributes_of(tree, self._variables), bundle_pb2.Expression()) for tree in trees
        )
        return CompiledRule(
            index=0, name="p/r", conditions=conditions, variables=self._variables, fields=frozenset({"f"}), priority=0,
            unmasks=True, needs_grant=False, message=bundle_pb2.Rule(),
        )  # fmt: skip


def _values(request: Request) -> dict[str, Any]:
    return {name: given.value for name, given in request.attributes.items()} | {"now": request.now}


def _and(values: list[bool | None]) -> bool | None:
    if any(value is False for value in values):
        return False
    return None if any(value is None for value in values) else True


@dataclass(frozen=True)
class Refused:
    """A random policy set that `check` refuses; the messages say why."""

    messages: tuple[str, ...]


class DecisionBench:
    """Decides requests by the engine and by the reference."""

    def __init__(self, policy_set: ResolvedSet, grants: Iterable[GrantSpec]) -> None:
        source = Grants(grants)
        self.signed = bundle.build(policy_set)
        self.program = Program.from_bundle(self.signed, grants=source)
        self.reference = Reference(policy_set, source.specs)

    def differences(self, request: Request) -> list[str]:
        """Return every difference between the two answers, and between Explain and the reference's rules."""
        payload = request.payload()
        response = decision_service_pb2.DecideResponse.FromString(self.program.decide(payload, request.now))
        got, want = decision_of(response), self.reference.decide(request)
        found = [
            f"{name}:\n  engine    {getattr(got, name)}\n  reference {getattr(want, name)}"
            for name in ("verdicts", "obligations", "diagnostics")
            if getattr(got, name) != getattr(want, name)
        ]
        return found + self._explained(request, response)

    def _explained(self, request: Request, decided: decision_service_pb2.DecideResponse) -> list[str]:
        question = decision_service_pb2.ExplainRequest(request=request.message_pb())
        question.now.seconds, question.now.nanos = divmod(request.now, NANOS)
        answer = decision_service_pb2.ExplainResponse.FromString(self.program.explain(question.SerializeToString()))
        found = []
        if decision_of(answer.decision) != decision_of(decided):
            found.append(f"explain decides otherwise: {decision_of(answer.decision)} for {decision_of(decided)}")
        decision = self.reference.decide(request)
        results = [r for r in self.reference.explain(request) if r.scope_holds is not False]
        want = [_expected_trace(result, self.reference.fields(request), decision.verdicts) for result in results]
        for trace, result in zip(answer.rules, results, strict=False):
            for clause, wanted in zip(trace.clauses, result.clauses, strict=False):
                clause.expression = clause.expression if wanted.text else ""  # how a scope is shown is open
        got = [_plain_trace(trace) for trace in answer.rules]
        if got != want:
            found.append(f"traces:\n  engine    {got}\n  reference {want}")
        return found


Trace = tuple[str, str, str, int, tuple[str, ...], tuple[str, ...], tuple[tuple[str, str, tuple[str, ...]], ...]]
_OUTCOMES = {True: "TRUE", False: "FALSE", None: "UNDECIDED"}
_RULE_OUTCOMES = {True: "MATCHED", False: "NOT_MATCHED", None: "UNDECIDED"}


def _plain_trace(trace: decision_service_pb2.RuleTrace) -> Trace:
    clauses = tuple(
        (
            clause.expression,
            decision_service_pb2.ClauseOutcome.Name(clause.outcome).removeprefix("CLAUSE_OUTCOME_"),
            tuple(clause.attributes),
        )
        for clause in trace.clauses
    )
    outcome = decision_service_pb2.RuleOutcome.Name(trace.outcome).removeprefix("RULE_OUTCOME_")
    return trace.rule, trace.grant_id, outcome, trace.priority, tuple(trace.fields), tuple(trace.wins), clauses


def _expected_trace(result: RuleResult, fields: tuple[str, ...], verdicts: Iterable[Verdict]) -> Trace:
    grant = result.grant.id if result.grant else ""
    wins = [v.field for v in verdicts if v.reason.rule == result.rule.name and v.reason.grant == grant]
    return (
        result.rule.name,
        grant,
        _RULE_OUTCOMES[result.holds],
        result.rule.priority,
        tuple(f for f in dict.fromkeys(fields) if f in result.rule.fields),
        tuple(dict.fromkeys(wins)),
        tuple((c.text, _OUTCOMES[c.holds], c.attributes) for c in result.clauses),
    )


def resolve(random_set: RandomSet) -> ResolvedSet | Refused:
    """Load and check a random set as `pdp` does."""
    loaded, diagnostics = load_texts(random_set.texts)
    found = check(loaded, diagnostics, analyse=False)
    if found is None:
        return Refused(tuple(f"{d.span}: {d.message} [{d.code}]" for d in diagnostics.sorted() if d.severity == 0))
    return found


def some_requests(random: Random, policy_set: RandomSet, count: int) -> list[Request]:
    """Return random requests for a set."""
    return [random_request(random, policy_set) for _ in range(count)]
