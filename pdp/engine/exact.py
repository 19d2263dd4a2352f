"""The plain evaluation of a condition, with CEL's `&&` and `||` over undecided operands.

Compiled code leaves to it what it cannot settle; traces use it for every clause.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pdp.engine.runtime import FUNCTIONS, make_list, make_map, present, within
from pdp.errors import UndecidedError
from pdp.lang.expr import (
    And,
    AttributeRef,
    Call,
    Comprehension,
    Conditional,
    Expr,
    HasKey,
    ListExpr,
    Literal,
    LocalRef,
    MapExpr,
    Or,
    VariableRef,
)

# The key under which the scope of a macro holds what the macro goes through; no variable is called so.
OUTER = ""


class Evaluator:
    """Evaluates expressions of one policy against one request."""

    def __init__(self, attribute: Callable[[str], Any], variables: Mapping[str, Expr]) -> None:
        self._attribute = attribute
        self._variables = variables

    def clause(self, expr: Expr) -> bool | None:
        """Return whether a clause holds; None when it is undecided."""
        try:
            return bool(self.value(expr, {}))
        except UndecidedError:
            return None

    def value(self, node: Expr, local: Mapping[str, Any]) -> Any:
        """Return the value of an expression. Raises UndecidedError."""
        match node:
            case Literal(value=value):
                return value
            case AttributeRef(name=name):
                return present(self._attribute(name))
            case VariableRef(name=name):
                return self.value(self._variables[name], {OUTER: local[OUTER]} if OUTER in local else {})
            case LocalRef(name=name):
                return local[name]
            case Call(function=function, args=args):
                return FUNCTIONS[function](*[self.value(a, local) for a in args])
            case And(operands=operands):
                return self._settle([partial(self.value, o, local) for o in operands], settled=False)
            case Or(operands=operands):
                return self._settle([partial(self.value, o, local) for o in operands], settled=True)
            case Conditional():
                chosen = node.then if self.value(node.condition, local) else node.otherwise
                return self.value(chosen, local)
            case ListExpr(items=items):
                return make_list(self.value(i, local) for i in items)
            case MapExpr(keys=keys, values=values):
                return make_map(keys, tuple(self.value(v, local) for v in values))
            case HasKey(operand=operand, key=key):
                return key in self.value(operand, local)
            case Comprehension():
                return self._comprehension(node, local)
        raise AssertionError(f"no value for {type(node).__name__}")

    def _settle(self, operands: Sequence[Callable[[], Any]], *, settled: bool) -> bool:
        """Kleene's connective: `settled` if any operand is, else undecided if any is, else the opposite."""
        undecided: str | None = None
        for operand in operands:
            try:
                if bool(operand()) is settled:
                    return settled
            except UndecidedError as error:
                # Its text alone: an exception kept by a frame of its own traceback keeps the whole stack of the call.
                undecided = str(error)
        if undecided is not None:
            raise UndecidedError(undecided)
        return not settled

    def _comprehension(self, node: Comprehension, local: Mapping[str, Any]) -> Any:
        source = self.value(node.range, local)
        if OUTER in local:
            source = within(source, local[OUTER])

        def at(item: Any, expr: Expr | None) -> Any:
            return True if expr is None else self.value(expr, {**local, OUTER: source, node.variable: item})

        match node.kind:
            case "all" | "exists":
                tests = [partial(at, item, node.condition) for item in source]
                return self._settle(tests, settled=node.kind == "exists")
            case "exists_one":
                return sum([bool(at(item, node.condition)) for item in source]) == 1
            case "filter":
                return tuple([item for item in source if at(item, node.condition)])
            case _:
                return tuple([at(item, node.transform) for item in source if at(item, node.condition)])
