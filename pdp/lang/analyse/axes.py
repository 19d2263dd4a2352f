"""The axes of the space of requests: what a condition can ask of one attribute, independently of the others.

A scalar attribute is an axis of its own. Lists, maps and local times are taken apart into questions that any request
may answer freely: is this constant in the list, what stands under this key, which hour is it there. What cannot be
taken apart becomes an axis of its own whose values are false, true and, where evaluation may fail, undecided.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pdp.lang.analyse.regions import (
    BOOLEAN,
    ENTRY,
    TEXT,
    Domain,
    EntryDomain,
    Region,
    TextDomain,
    WholeDomain,
    compare,
    domain_of,
    intersect,
    minus,
    only,
)
from pdp.lang.analyse.regular import beginning
from pdp.lang.expr import AttributeRef, Call, Comprehension, Expr, HasKey, Literal, LocalRef, MapExpr, children, walk
from pdp.lang.model import Attribute
from pdp.lang.patterns import compile_pattern
from pdp.values import AttributeType, cel_literal

ACTIVE = "grant.active"
KIND = "grant.kind"
GRANT_KINDS = ("supervisor", "customer")

# An empty text in these places of a request counts as missing.
_NEVER_EMPTY = frozenset({"subject.id", "action.name", "resource.type", "resource.id"})
_ACCESSORS: Mapping[str, tuple[int, int]] = {
    "year": (0, 10_000), "month": (0, 11), "day_of_year": (0, 365), "day_of_month": (0, 30), "date": (1, 31),
    "day_of_week": (0, 6), "hours": (0, 23), "minutes": (0, 59), "seconds": (0, 59), "milliseconds": (0, 999),
}  # fmt: skip
# What a comparison is called when its operands change places; the rest are written as these (`rewrite`).
_MIRRORED = {"equals": "equals", "less": "greater", "less_equals": "greater_equals"}
# Whatever touches `dyn` may fail too: there may be no order between the types that meet.
_FALLIBLE = frozenset({
    "add_int", "subtract_int", "multiply_int", "divide_int", "modulo_int", "negate_int", "add_duration",
    "subtract_duration", "timestamp_plus_duration", "duration_plus_timestamp", "timestamp_minus_duration",
    "timestamp_minus_timestamp", "index_list", "index_map", "int_from_double", "timestamp_from_int", *_ACCESSORS,
})  # fmt: skip


class Kind(enum.Enum):
    """What an axis asks."""

    ATTRIBUTE = "attribute"
    MEMBER = "member"
    ENTRY = "entry"
    ACCESSOR = "accessor"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Axis:
    """One question.

    `detail` is the member, the key, `(accessor, zone)` or, for a test, the expression. `private` says that a grant
    answers it, so that two rules may hold under different grants of one request.
    """

    kind: Kind
    attributes: tuple[str, ...]
    domain: Domain
    universe: Region
    detail: Any = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The values of an axis for which an expression is true, and those for which it is true or false."""

    axis: int
    true: Region
    decided: Region

    @property
    def false(self) -> Region:
        """The values for which it is false."""
        return minus(self.decided, self.true)


class Axes:
    """Finds the axis of an expression, the same one for the same question."""

    def __init__(self, attributes: Mapping[str, Attribute]) -> None:
        self._attributes = attributes
        self._index: dict[Any, int] = {}
        self._scalars: dict[str, int] = {}
        self.all: list[Axis] = []

    def attribute(self, name: str) -> int | None:
        """Return the axis of a scalar attribute; None for lists and maps."""
        known = self._scalars.get(name)
        if known is None:
            domain = domain_of(self._attributes[name].type)
            if domain is None:
                return None
            known = self._scalars[name] = self._number((Kind.ATTRIBUTE, name), lambda: self._scalar(name, domain))
        return known

    def one_of(self, name: str, values: tuple[Any, ...]) -> Answer | None:
        """Return where a scalar attribute equals one of these values."""
        axis = self.attribute(name)
        return None if axis is None else self._answer(axis, only(self.all[axis].domain, values))

    def read(self, expr: Expr) -> Answer:
        """Return the axis of an expression of type bool without variables, and its answer."""
        found: Answer | None = None
        match expr:
            case AttributeRef():
                axis = self.attribute(expr.name)
                found = None if axis is None else self._answer(axis, only(BOOLEAN, (True,)))
            case HasKey(operand=AttributeRef() as owner):
                found = self._key(owner.name, expr.key)
            case Call(function="in_map", args=(Literal() as key, AttributeRef() as owner)):
                found = self._key(owner.name, key.value)
            case Call(function="in_list", args=(item, Literal() as values)):
                found = self._listed(item, values.value)
            case Call(function="in_list", args=(Literal() as item, AttributeRef() as owner)):
                found = self._member(owner.name, item)
            case Call(function=function, args=(left, right)) if function in _MIRRORED:
                found = self._compared(function, left, right) or self._compared(_MIRRORED[function], right, left)
            case Call(args=(operand, Literal() as text)):
                found = self._text(expr.function, operand, text.value)
        return found or self._test(expr)

    def _number(self, key: Any, make: Callable[[], Axis]) -> int:
        index = self._index.get(key)
        if index is None:
            axis = make()
            index = self._index[key] = len(self.all)
            self.all.append(axis)
        return index

    def _answer(self, axis: int, true: Region) -> Answer:
        known = self.all[axis]
        decided = known.universe
        if known.kind is Kind.ENTRY:
            decided = intersect((ENTRY.ordered,), decided)
        return Answer(axis, intersect(true, known.universe), decided)

    def _scalar(self, name: str, domain: Domain) -> Axis:
        allowed = self._attributes[name].allowed
        universe = only(domain, (a.value for a in allowed)) if allowed else domain.every
        if name in _NEVER_EMPTY:
            universe = minus(universe, only(domain, ("",)))
        if name == KIND:
            universe = intersect(universe, only(domain, ("", *GRANT_KINDS)))
        return Axis(Kind.ATTRIBUTE, (name,), domain, universe, None, _is_private(name))

    def _operand(self, expr: Expr) -> int | None:
        match expr:
            case AttributeRef():
                return self.attribute(expr.name)
            case Call(function="identity", args=(inner,)):
                return self._operand(inner)
            case Call(function=name, args=(AttributeRef() as time, Literal() as zone)) if name in _ACCESSORS:
                domain = WholeDomain(*_ACCESSORS[name])
                key = (Kind.ACCESSOR, time.name, name, zone.value)
                detail = (name, zone.value)
                return self._number(key, lambda: Axis(Kind.ACCESSOR, (time.name,), domain, domain.every, detail))
            case Call(function="index_map", args=(AttributeRef() as owner, Literal() as key)):
                return self._entry(owner.name, key.value)
        return None

    def _compared(self, function: str, left: Expr, right: Expr) -> Answer | None:
        value = _constant(right)
        if value is None or (axis := self._operand(left)) is None:
            return None
        domain = self.all[axis].domain
        if not _comparable(domain, value.value):
            return None
        return self._answer(axis, compare(domain, function, value.value))

    def _listed(self, item: Expr, values: tuple[Any, ...]) -> Answer | None:
        axis = self._operand(item)
        if axis is None:
            return None
        domain = self.all[axis].domain
        return self._answer(axis, only(domain, (v for v in values if _comparable(domain, v))))

    def _member(self, name: str, item: Literal) -> Answer | None:
        attribute = self._attributes[name]
        domain = domain_of(attribute.type.element)
        if domain is None or not _comparable(domain, item.value) or (place := domain.at(item.value)) is None:
            return None
        if item.type.name != attribute.type.element.value:
            return None

        def make() -> Axis:
            possible = not attribute.allowed or any(domain.at(a.value) == place for a in attribute.allowed)
            universe = BOOLEAN.every if possible else only(BOOLEAN, (False,))
            return Axis(Kind.MEMBER, (name,), BOOLEAN, universe, item.value)

        return self._answer(self._number((Kind.MEMBER, name, place), make), only(BOOLEAN, (True,)))

    def _entry(self, name: str, key: str) -> int:
        allowed = self._attributes[name].allowed

        def make() -> Axis:
            universe = only(ENTRY, (None, *(a.value for a in allowed))) if allowed else ENTRY.every
            return Axis(Kind.ENTRY, (name,), ENTRY, universe, key)

        return self._number((Kind.ENTRY, name, key), make)

    def _key(self, name: str, key: str) -> Answer:
        axis = self._entry(name, key)
        universe = self.all[axis].universe
        present = intersect((ENTRY.ordered,), universe)
        return Answer(axis, present, universe)

    def _text(self, function: str, operand: Expr, text: Any) -> Answer | None:
        if function not in ("starts_with", "ends_with", "contains", "matches"):
            return None
        axis = self._operand(operand)
        if axis is None:
            return None
        domain = self.all[axis].domain
        if function == "starts_with" and isinstance(domain, TextDomain | EntryDomain):
            return self._answer(axis, domain.prefix(text))
        if function == "matches" and (found := beginning(text)).whole:
            return self._answer(axis, only(domain, (found.text,)))
        values = points(self.all[axis])
        if values is None or domain is not TEXT:
            return None
        check: dict[str, Callable[[str], bool]] = {
            "ends_with": lambda value: value.endswith(text),
            "contains": lambda value: text in value,
            "matches": lambda value: compile_pattern(text).search(value) is not None,
        }
        return self._answer(axis, only(TEXT, (v for v in values if check[function](v))))

    def implied(self, expr: Expr) -> Answer | None:
        """Return what a test implies when it is true; None when that is nothing an axis can say."""
        match expr:
            case Call(function="matches", args=(operand, Literal(value=str() as pattern))):
                start = beginning(pattern).text
                axis = self._operand(operand) if start else None
                domain = None if axis is None else self.all[axis].domain
                if axis is not None and isinstance(domain, TextDomain | EntryDomain):
                    return self._answer(axis, domain.prefix(start))
        return None

    def _test(self, expr: Expr) -> Answer:
        names = tuple(sorted({e.name for e in walk(expr) if isinstance(e, AttributeRef)}))
        fallible = any((isinstance(e, Call) and e.function in _FALLIBLE) or "dyn" in str(e.type) for e in walk(expr))
        domain = WholeDomain(0, 2 if fallible else 1)
        private = any(map(_is_private, names))
        axis = self._number(
            (Kind.TEST, _shape(expr)), lambda: Axis(Kind.TEST, names, domain, domain.every, expr, private)
        )
        return Answer(axis, ((1, 2),), ((0, 2),))


def points(axis: Axis, limit: int = 64) -> list[Any] | None:
    """Return the values of an axis that has only a few, None for others."""
    return points_of(axis.domain, axis.universe, limit)


def points_of(domain: Domain, region: Region, limit: int) -> list[Any] | None:
    """Return the values of a region that has only a few, None for others."""
    values: list[Any] = []
    for low, high in region:
        cut = low
        while cut < high:
            if len(values) == limit:
                return None
            values.append(value := domain.value(cut))
            after = domain.after(value) if value == value else high  # NaN has nothing behind it  # noqa: PLR0124
            cut = after
    return values


def _is_private(name: str) -> bool:
    return name.startswith("grant.") and name != ACTIVE


def _constant(expr: Expr) -> Literal | None:
    if isinstance(expr, Call) and expr.function == "identity":
        return _constant(expr.args[0])
    return expr if isinstance(expr, Literal) else None


def _comparable(domain: Domain, value: Any) -> bool:
    if isinstance(domain, TextDomain | EntryDomain):
        return isinstance(value, str)
    if domain is BOOLEAN:
        return isinstance(value, bool)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shape(expr: Expr) -> Any:
    """Return what an expression says without where it stands."""
    own: tuple[Any, ...] = ()
    match expr:
        case Literal():
            own = (expr.type, repr(expr.value))
        case AttributeRef() | LocalRef():
            own = (expr.name,)
        case Call():
            own = (expr.function,)
        case HasKey():
            own = (expr.key,)
        case MapExpr():
            own = expr.keys
        case Comprehension():
            own = (expr.kind, expr.variable, expr.condition is None)
    return (type(expr).__name__, *own, *map(_shape, children(expr)))


def describe(axis: Axis) -> str:
    """Return what an axis asks, for a message."""
    match axis.kind:
        case Kind.MEMBER:
            value = axis.detail
            kind = AttributeType.STRING if isinstance(value, str) else AttributeType.DOUBLE
            shown = str(value) if isinstance(value, int) else cel_literal(kind, value)
            return f"`{shown} in {axis.attributes[0]}`"
        case Kind.ENTRY:
            return f"`{axis.attributes[0]}[{cel_literal(AttributeType.STRING, axis.detail)}]`"
        case _:
            return " and ".join(f"`{name}`" for name in axis.attributes)
