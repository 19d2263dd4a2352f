"""Walks what stands inside statements: attributes, constants, sums, parts of times."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pdp.lang.expr import (
    DYN,
    AttributeRef,
    Call,
    Comprehension,
    Conditional,
    Expr,
    ListExpr,
    Literal,
    LocalRef,
    MapExpr,
    Type,
)
from pdp.lang.sentence import text, times
from pdp.lang.sentence.celtext import cel_text
from pdp.lang.sentence.logic import MAX_DEPTH, resolve
from pdp.lang.sentence.names import Names
from pdp.lang.sentence.words import Words

T = TypeVar("T")

_SUMS = {
    "add_int": "+",
    "subtract_int": "-",
    "add_double": "+",
    "subtract_double": "-",
    "add_duration": "+",
    "subtract_duration": "-",
}
_PRODUCTS = {"multiply_int": "×", "multiply_double": "×"}
_LATER = {"timestamp_plus_duration": True, "duration_plus_timestamp": True, "timestamp_minus_duration": False}
_BRACKETED = frozenset(
    {*_SUMS, *_PRODUCTS, "divide_int", "divide_double", "modulo_int", "concat_string", "concat_list"}
)
_ELEMENTS = frozenset({"index_list", "index_map"})


class NounWriter(ABC):
    """Words expressions as nouns. Make one for every sentence: it keeps the loop variables that are open."""

    def __init__(self, names: Names, words: Words, variables: Mapping[str, Expr]) -> None:
        self.names = names
        self.words = words
        self._chinese = words.chinese
        self._variables = variables
        self._depth = 0
        self._opened = 0
        self._locals: dict[str, tuple[str, str]] = {}

    @abstractmethod
    def statement(self, expr: Expr) -> str:
        """Return an expression of type bool as a statement."""

    @abstractmethod
    def inner(self, expr: Expr) -> str:
        """Return an expression of type bool as a statement that can stand inside another one."""

    def value(self, expr: Expr) -> str:
        """Return any expression in words: a statement when it is of type bool, a noun otherwise."""
        return self.statement(expr) if expr.type.name == "bool" else self.noun(expr)

    def noun(self, expr: Expr) -> str:
        """Return an expression as a noun."""
        if isinstance(expr, AttributeRef):
            return self.names.noun(expr.name)
        if self._depth >= MAX_DEPTH:
            return self.code(expr)
        self._depth += 1
        try:
            return self._noun(resolve(expr, self._variables))
        finally:
            self._depth -= 1

    def _noun(self, expr: Expr) -> str:
        words = self.words
        match expr:
            case Literal():
                return self.literal(expr.value, expr.type)
            case AttributeRef():
                return self.names.noun(expr.name)
            case LocalRef():
                return self._locals.get(expr.name, (expr.name, ""))[0]
            case Call(function="identity" | "double_from_int", args=(inner,)):
                return self.noun(inner)
            case Call() if expr.type.name != "bool" or expr.function in _ELEMENTS:
                return self._call(expr)
            case _ if expr.type.name == "bool":
                return words.whether(words.bracket(self.statement(expr)))
            case Conditional():
                return words.alternative(self.inner(expr.condition), self.noun(expr.then), self.noun(expr.otherwise))
            case ListExpr():
                return words.list_of([self.noun(item) for item in expr.items])
            case MapExpr():
                keys = [text.quoted(k) if isinstance(k, str) else str(k) for k in expr.keys]
                return words.map_of([(k, self.noun(v)) for k, v in zip(keys, expr.values, strict=True)])
            case Comprehension():
                return self._selection(expr)
            case _:
                return self.code(expr)

    def _call(self, expr: Call) -> str:
        read = times.accessor(expr)
        if read is not None:
            function, moment, zone = read
            return self.words.clock_part(function, self.moment(moment), times.zone_text(zone, chinese=self._chinese))
        if expr.function in _SUMS or expr.function in _PRODUCTS:
            return self.words.bracket(self._sum(expr))
        if expr.function in _LATER:
            return self._shifted(expr)
        if expr.function == "index_list":
            position = resolve(expr.args[1], self._variables)
            if isinstance(position, Literal) and position.value >= 0:
                return self.words.item_at(self.noun(expr.args[0]), position.value + 1)
        template = self.words.nouns.get(expr.function)
        if template is None:
            return self.code(expr)
        return self.words.assemble(template, [self.noun(arg) for arg in expr.args])

    def moment(self, expr: Expr) -> str:
        """Return a timestamp as a noun, empty for the current time."""
        return "" if isinstance(expr, AttributeRef) and expr.name == "now" else self.noun(expr)

    def _sum(self, expr: Call) -> str:
        """Return a sum or product without brackets around it; `a + b - c` needs none inside either."""
        signs = _SUMS if expr.function in _SUMS else _PRODUCTS
        left = resolve(expr.args[0], self._variables)
        if isinstance(left, Call) and left.function in signs and self._depth < MAX_DEPTH:
            self._depth += 1
            first = self._sum(left)
            self._depth -= 1
        else:
            first = self.noun(left)
        return f"{first} {signs[expr.function]} {self.noun(expr.args[1])}"

    def _shifted(self, expr: Call) -> str:
        later = _LATER[expr.function]
        moment, span = expr.args[::-1] if expr.function == "duration_plus_timestamp" else expr.args
        span = resolve(span, self._variables)
        if isinstance(span, Literal) and span.value >= 0:
            return self.words.shifted(self.noun(moment), self.noun(span), later=later)
        return self.words.bracket(f"{self.noun(moment)} {'+' if later else '-'} {self.noun(span)}")

    def operand(self, expr: Expr, attribute: str, *, ordered: bool = False) -> str:
        """Return the other side of a comparison; a constant by its label where the attribute gives it one."""
        expr = resolve(expr, self._variables)
        if not isinstance(expr, Literal):
            return self.noun(expr)
        shown = self.literal(expr.value, expr.type, attribute, ordered=ordered)
        return text.quoted(shown) if isinstance(expr.value, bool) else shown

    def literal(self, value: Any, kind: Type, attribute: str = "", *, ordered: bool = False) -> str:
        """Return a constant: a label, a text in quotes, a number, a time, a list.

        `ordered` says that its size matters: a number is then written in thousands.
        """
        if isinstance(value, tuple):
            element = kind.parameters[0] if kind.parameters else DYN
            return self.words.list_of([self.literal(item, element, attribute) for item in value])
        label = self.names.value(attribute, value) if attribute else None
        if isinstance(value, str):
            return label or text.quoted(value)
        if isinstance(value, bool):
            return label or self.words.truth(value=value)
        if kind.name == "timestamp":
            shown = text.timestamp(value, chinese=self._chinese)
        elif kind.name == "duration":
            shown = text.duration(value, chinese=self._chinese)
        else:
            shown = text.number(value, chinese=self._chinese, grouped=ordered or isinstance(value, float))
        return self.words.labelled(shown, label) if label else shown

    def code(self, expr: Expr) -> str:
        """Return an expression as CEL in code quotes."""
        return text.code(cel_text(expr), chinese=self._chinese)

    def source(self, expr: Expr) -> str:
        """Return the attribute whose labels hold for the values of an expression; empty for none."""
        match expr:
            case AttributeRef():
                return expr.name
            case LocalRef():
                return self._locals.get(expr.name, ("", ""))[1]
            case Call(function="index_list" | "index_map" | "identity" | "double_from_int"):
                return self.source(expr.args[0])
            case Comprehension(kind="filter"):
                return self.source(expr.range)
            case _:
                return ""

    # Loops

    def _selection(self, expr: Comprehension) -> str:
        container = self.noun(expr.range)

        def inside() -> tuple[str, str]:
            condition = self.words.bracket(self.statement(expr.condition)) if expr.condition is not None else ""
            return condition, self._bracketed(expr.transform) if expr.transform is not None else ""

        named, (condition, transform) = self.in_loop(expr.variable, expr.range, inside)
        return self.words.selection(container, named, condition, transform)

    def in_loop(self, variable: str, container: Expr, render: Callable[[], T]) -> tuple[str, T]:
        """Return the name given to the elements and what `render` says of them.

        The outermost loop needs no name, "that item" will do, unless it holds another loop.
        """
        keyed, opened = container.type.name == "map", self._opened
        if not self._locals:
            previous = self.bind(variable, self.words.element(keyed=keyed), container)
            said = render()
            self.unbind(variable, previous)
            if self._opened == opened + 1:
                return "", said
        taken, name = {noun for noun, _ in self._locals.values()}, variable
        while name in taken:
            name += "′"
        previous = self.bind(variable, name, container)
        said = render()
        self.unbind(variable, previous)
        return name, said

    def _bracketed(self, expr: Expr) -> str:
        """Return an expression in brackets, which sums and choices of nouns have by themselves."""
        expr = resolve(expr, self._variables)
        shown = self.value(expr)
        own = isinstance(expr, Conditional) or (isinstance(expr, Call) and expr.function in _BRACKETED)
        return shown if own and self._depth < MAX_DEPTH else self.words.bracket(shown)

    def bind(self, variable: str, noun: str, container: Expr) -> tuple[str, str] | None:
        """Let a loop variable be called so; return what it was called before."""
        self._opened += 1
        previous = self._locals.get(variable)
        # The keys of a map are not what its attribute gives labels to.
        self._locals[variable] = (noun, "" if container.type.name == "map" else self.source(container))
        return previous

    def unbind(self, variable: str, previous: tuple[str, str] | None) -> None:
        """Let a loop variable be called as before."""
        if previous is None:
            del self._locals[variable]
        else:
            self._locals[variable] = previous
