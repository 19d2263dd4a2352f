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
from pdp.engine.runtime import MISSING
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
from pdp.values import AttributeType
from tests.reference.conditions import Conditions
from tests.reference.evaluator import Reference, RuleResult
from tests.reference.random_expressions import Expressions
from tests.reference.random_requests import NOW, random_request
from tests.reference.random_sets import RandomSet
from tests.reference.random_values import random_value
from tests.reference.request import Given, Grants, Request, decision_of

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

    def text(self, random: Random) -> str:
        """Return a random condition."""
        variables = {name: kind for name, (kind, _) in VARIABLES.items()}
        return Expressions(random, ATTRIBUTES, variables, untyped=True).condition(random.choice((2, 1, 2, 3, 4)))

    def request(self, random: Random) -> Request:
        """Return a random request over ATTRIBUTES."""
        attributes = {name: Given(kind, random_value(random, kind)) for name, kind in ATTRIBUTES.items() if random.randint(0, 9)}
        return Request("T1", (), "", "", "", attributes, ("f",), None, (), NOW)

    def differences(self, text: str, requests: Iterable[Request]) -> list[str] | None:
        """Return what the engine evaluates differently; None when the condition is rightly refused."""
        pieces = [piece.value for piece in split_conjunction(SourceText(text, whole("when"), (Anchor(0, 1, 1),)))]
        try:
            # As a node gets them: out of the bundle's bytes, without the text.
            trees = [lower(CheckedExpr.FromString(self._scope.compile(piece).checked)) for piece in pieces]
        except CelIssuesError as error:
            if {issue.code for issue in error.issues} <= REFUSALS:
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
            values = {name: given.value for name, given in request.attributes.items()} | {"now": request.now}
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


def _and(values: list[bool | None]) -> bool | None:
    if any(value is False for value in values):
        return False
    return None if any(value is None for value in values) else True
