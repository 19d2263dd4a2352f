"""Types the variables and conditions of policies and compares their constants with the allowed values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pdp.lang import model, resolved
from pdp.lang.cel import CelIssuesError, Compiled, Environment, Scope, may_use_variables, split_conjunction
from pdp.lang.diagnostics import Diagnostics
from pdp.lang.expr import BOOL, AttributeRef, Call, Comprehension, Expr, Literal, Type, VariableRef, children, walk
from pdp.lang.lower import MAX_LOOPS
from pdp.source import SourceText
from pdp.values import cel_literal

# An expression that stands for itself may have 500 nodes (`lower`); this bounds what variables make of it.
MAX_EXPANDED = 2_000
# Python's parser takes 200 brackets inside each other, and a level of a compiled condition makes up to three.
MAX_DEPTH = 60


@dataclass(frozen=True, slots=True)
class _Weight:
    """What an expression costs once every variable in it is written out."""

    nodes: int
    depth: int
    loops: int


def _weigh(expr: Expr, variables: Mapping[str, _Weight]) -> _Weight:
    if isinstance(expr, VariableRef):
        return variables.get(expr.name, _Weight(1, 1, 0))
    parts = [_weigh(part, variables) for part in children(expr)]
    loops = max((part.loops for part in parts), default=0)
    if isinstance(expr, Comprehension):
        inner = max(part.loops for part in parts[1:])
        loops = max(parts[0].loops, inner + 1)
    depth = max((part.depth for part in parts), default=0)
    return _Weight(1 + sum(part.nodes for part in parts), depth + 1, loops)


def _too_heavy(weight: _Weight) -> str:
    if weight.nodes > MAX_EXPANDED:
        return f"with the variables that it uses the expression has {weight.nodes} nodes, the limit is {MAX_EXPANDED}"
    if weight.depth > MAX_DEPTH:
        return f"with the variables that it uses the expression has {weight.depth} levels, the limit is {MAX_DEPTH}"
    if weight.loops > MAX_LOOPS:
        return (
            f"with the variables that it uses the expression has macros nested {weight.loops} deep, "
            f"the limit is {MAX_LOOPS}"
        )
    return ""


class Conditions:
    """Shares one CEL environment among all policies of a set."""

    def __init__(self, attributes: Mapping[str, model.Attribute], diagnostics: Diagnostics) -> None:
        self._environment = Environment(attributes)
        self._attributes = attributes
        self._out = diagnostics
        self._plain = self._environment.scope({})
        # Texts without variables that nothing was wrong with, so that no rule has to be judged twice.
        self._sound: set[str] = set()

    def policy(self, policy: model.Policy) -> PolicyConditions:
        """Type a policy's variables, each of which may use those before it."""
        types: dict[str, Type] = {}
        weights: dict[str, _Weight] = {}
        variables: list[resolved.Variable] = []
        broken: set[str] = set()
        scope = self._plain
        for variable in policy.variables:
            compiled = self.compile(scope, variable.expression, weights, broken)
            if compiled is None:
                broken.add(f"vars.{variable.name}")
                continue
            types[variable.name] = compiled.expr.type
            weights[variable.name] = _weigh(compiled.expr, weights)
            clause = resolved.Clause(variable.expression, compiled.expr, compiled.checked)
            variables.append(resolved.Variable(variable.name, clause))
            scope = self._environment.scope(types)
        return PolicyConditions(self, policy, scope, variables, weights, broken)

    def compile(
        self, scope: Scope, text: SourceText, weights: Mapping[str, _Weight], broken: Collection[str]
    ) -> Compiled | None:
        """Compile a text and report what is wrong with it at its place in the file; `weights` are the variables'.

        Variables that are `broken` were reported where they stand: their users are not blamed for them.
        """
        try:
            compiled = scope.compile(text.value)
        except CelIssuesError as error:
            for issue in error.issues:
                if issue.name in broken:
                    continue
                self._out.error(issue.code, issue.message, text.locate(issue.offset, issue.length), issue.hint)
            return None
        if text.value in self._sound:
            return compiled
        weight = _weigh(compiled.expr, weights)
        if message := _too_heavy(weight):
            self._out.error("cel-limit", message, text.span, "use fewer or simpler variables")
            return None
        before = len(self._out.items)
        self._check_values(compiled.expr, text)
        if len(self._out.items) == before and not may_use_variables(text.value):
            self._sound.add(text.value)
        return compiled

    def type_error(self, text: SourceText, kind: Type) -> None:
        """Report a condition that is not one."""
        hint = "compare it with something"
        self._out.error("cel-type", f"a condition must be true or false, this is of type {kind}", text.span, hint)

    def unused(self, name: str, text: SourceText) -> None:
        """Report a variable without use."""
        self._out.warning("unused-variable", f"variable `{name}` is not used", text.span, "use it or remove it")

    def _check_values(self, expr: Expr, text: SourceText) -> None:
        """Report constants that an attribute with allowed values can never equal."""
        for node in walk(expr):
            match node:
                case Call(function="equals" | "not_equals", args=(AttributeRef() as attribute, Literal() as constant)):
                    self._check_value(attribute, [constant.value], constant, text)
                case Call(function="equals" | "not_equals", args=(Literal() as constant, AttributeRef() as attribute)):
                    self._check_value(attribute, [constant.value], constant, text)
                case Call(function="in_list", args=(AttributeRef() as attribute, Literal() as constants)):
                    self._check_value(attribute, constants.value, constants, text)
                case Call(function="in_list", args=(Literal() as constant, AttributeRef() as attribute)):
                    self._check_value(attribute, [constant.value], constant, text)

    def _check_value(self, attribute: AttributeRef, values: Any, place: Literal, text: SourceText) -> None:
        declared = self._attributes.get(attribute.name)
        if declared is None or not declared.allowed:
            return
        allowed = [v.value for v in declared.allowed]
        element = declared.type.element
        for value in values:
            if isinstance(value, tuple) or value in allowed:
                continue
            shown = cel_literal(element, value) if type(value) is type(allowed[0]) else repr(value)
            message = f"`{attribute.name}` can never be `{shown}`"
            hint = f"allowed: {', '.join(cel_literal(element, v) for v in allowed[:12])}"
            at = text.value.find(shown, place.offset)
            span = text.locate(at if at >= 0 else place.offset, len(shown))
            self._out.error("value-not-allowed", message, span, hint)


class PolicyConditions:
    """Types the conditions of one policy."""

    def __init__(
        self,
        conditions: Conditions,
        policy: model.Policy,
        scope: Scope,
        variables: list[resolved.Variable],
        weights: Mapping[str, _Weight],
        broken: Collection[str],
    ) -> None:
        self._conditions = conditions
        self._policy = policy
        self._scope = scope
        self._used = {n.name for v in variables for n in walk(v.clause.expr) if isinstance(n, VariableRef)}
        self._weights = weights
        self._broken = broken
        self.variables = variables

    def condition(self, text: SourceText) -> list[resolved.Clause]:
        """Return the clauses of a condition: the operands of its outermost `&&`."""
        clauses = []
        for piece in split_conjunction(text):
            compiled = self._conditions.compile(self._scope, piece, self._weights, self._broken)
            if compiled is None:
                continue
            if compiled.expr.type != BOOL:
                self._conditions.type_error(piece, compiled.expr.type)
                continue
            if may_use_variables(piece.value):
                self._used |= {node.name for node in walk(compiled.expr) if isinstance(node, VariableRef)}
            clauses.append(resolved.Clause(piece, compiled.expr, compiled.checked))
        return clauses

    def report_unused(self) -> None:
        """Report the variables that no condition uses."""
        for variable in self._policy.variables:
            if variable.name not in self._used and f"vars.{variable.name}" not in self._broken:
                self._conditions.unused(variable.name, variable.expression)
