"""Types the variables and conditions of policies and compares their constants with the allowed values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdp.lang import model, resolved
from pdp.lang.cel import CelIssuesError, Compiled, Environment, Scope, split_conjunction
from pdp.lang.diagnostics import Diagnostics
from pdp.lang.expr import BOOL, AttributeRef, Call, Expr, Literal, Type, VariableRef, walk
from pdp.source import SourceText
from pdp.values import cel_literal


class Conditions:
    """Shares one CEL environment among all policies of a set."""

    def __init__(self, attributes: Mapping[str, model.Attribute], diagnostics: Diagnostics) -> None:
        self._environment = Environment(attributes)
        self._attributes = attributes
        self._out = diagnostics
        self._plain = self._environment.scope({})

    def policy(self, policy: model.Policy) -> PolicyConditions:
        """Type a policy's variables, each of which may use those before it."""
        types: dict[str, Type] = {}
        variables: list[resolved.Variable] = []
        scope = self._plain
        for variable in policy.variables:
            compiled = self.compile(scope, variable.expression)
            if compiled is None:
                continue
            types[variable.name] = compiled.expr.type
            clause = resolved.Clause(variable.expression, compiled.expr, compiled.checked)
            variables.append(resolved.Variable(variable.name, clause))
            scope = self._environment.scope(types)
        return PolicyConditions(self, policy, scope, variables)

    def compile(self, scope: Scope, text: SourceText) -> Compiled | None:
        """Compile a text and report what is wrong with it at its place in the file."""
        try:
            compiled = scope.compile(text.value)
        except CelIssuesError as error:
            for issue in error.issues:
                self._out.error(issue.code, issue.message, text.locate(issue.offset, issue.length), issue.hint)
            return None
        self._check_values(compiled.expr, text)
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
        self, conditions: Conditions, policy: model.Policy, scope: Scope, variables: list[resolved.Variable]
    ) -> None:
        self._conditions = conditions
        self._policy = policy
        self._scope = scope
        self._used = {n.name for v in variables for n in walk(v.clause.expr) if isinstance(n, VariableRef)}
        self.variables = variables

    def condition(self, text: SourceText) -> list[resolved.Clause]:
        """Return the clauses of a condition: the operands of its outermost `&&`."""
        clauses = []
        for piece in split_conjunction(text):
            compiled = self._conditions.compile(self._scope, piece)
            if compiled is None:
                continue
            if compiled.expr.type != BOOL:
                self._conditions.type_error(piece, compiled.expr.type)
                continue
            self._used |= {node.name for node in walk(compiled.expr) if isinstance(node, VariableRef)}
            clauses.append(resolved.Clause(piece, compiled.expr, compiled.checked))
        return clauses

    def report_unused(self) -> None:
        """Report the variables that no condition uses."""
        for variable in self._policy.variables:
            if variable.name not in self._used:
                self._conditions.unused(variable.name, variable.expression)
