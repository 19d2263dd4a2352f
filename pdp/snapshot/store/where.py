"""Filters as SQL: a condition over the columns of a store, with every value bound.

A condition that is open comes out as NULL. Where only true counts (`strict` is off: the root, and below `&&` and `||`
but not below `!`) it may also come out as false, which lets indexes be used.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Final

from pdp.snapshot import columns, marks
from pdp.snapshot.filter import nodes
from pdp.snapshot.filter.nodes import Node, Term
from pdp.snapshot.store.base import Sql
from pdp.values import AttributeType

_OPERATORS: Final = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_MOST_MARKED: Final = 16
"""Of so many texts some record has one's bits by chance; then looking at marks only costs."""
_INDEXED: Final = frozenset({"id", "subject_id", "resource_key"})
_SEVERITY: Final = nodes.Column("severity", AttributeType.INT)
_FLAGGED: Final = "severity >= 2"
"""As the small index of flagged records has it."""
_KEY: Final = re.compile(r"[A-Za-z0-9_.]+")


class Writer(ABC):
    """Writes one condition; the dialects differ in how they read JSON."""

    TRUE: str
    FALSE: str

    def __init__(self) -> None:
        self._parameters: dict[str, Any] = {}

    def sql(self, node: Node) -> Sql:
        """Return a condition that is true for the records that match."""
        condition = self.node(node, strict=False)
        marked, told = ("", False) if _has_index(node) else self._marks_of(node)
        return Sql(condition, self._parameters, marked if told else "")

    def sql_of(self, term: Term) -> Sql:
        """Return the value of a term, for grouping."""
        return Sql(self.value(term), self._parameters)

    def bind(self, value: Any) -> str:
        """Return the placeholder of a value."""
        name = f"p{len(self._parameters)}"
        self._parameters[name] = value
        return self.placeholder(name)

    def node(self, node: Node, *, strict: bool) -> str:
        """Return a condition."""
        match node:
            case nodes.All(operands):
                return "(" + " AND ".join(self.node(o, strict=strict) for o in operands) + ")"
            case nodes.AnyOf(operands):
                return "(" + " OR ".join(self.node(o, strict=strict) for o in operands) + ")"
            case nodes.Not(operand):
                return f"NOT ({self.node(operand, strict=True)})"
            case nodes.Fixed(value):
                return self.TRUE if value else self.FALSE
            case nodes.Compare(operator="==", left=nodes.Fact() as fact, right=nodes.Constant(value=value)):
                return self._marked(fact, (value,), self._compare(node), strict=strict)
            case nodes.Compare():
                return self._compare(node)
            case nodes.OneOf(nodes.Fact() as fact, values):
                return self._marked(fact, values, self._one_of(self.value(fact), values), strict=strict)
            case nodes.OneOf(term, values):
                return self._one_of(self.value(term), values)
            case nodes.Holds(term):
                return f"({self.value(term)})"
            case nodes.Present(term):
                return f"({self._presence(term)} IS NOT NULL)"
            case nodes.TextTest():
                return self.text_test(node.function, self.value(node.term), node.text)
            case nodes.Has(fact, item):
                return self._marked(fact, (item,), self.has(fact, item, strict=strict), strict=strict)
            case nodes.HasKey():
                return self.has_key(node.map, node.key)
            case nodes.ResourceIs():
                return self._resource(node, strict=strict)

    def value(self, term: Term) -> str:
        """Return a scalar, NULL when it is missing."""
        match term:
            case nodes.Column(name):
                return name
            case nodes.Entry(held, key):
                return self.entry(held, key)
            case nodes.Fact(_, kind, blank):
                found = self.scalar(term, kind)
                return found if blank else f"nullif({found}, '')"

    def _marks_of(self, node: Node) -> tuple[str, bool]:
        """Return what a condition says of times and marks, empty for nothing, and whether it tells of marks."""
        match node:
            case nodes.All(operands):
                found = [each for each in map(self._marks_of, operands) if each[0]]
                return " AND ".join(text for text, _ in found), any(told for _, told in found)
            case nodes.AnyOf(operands):
                found = [self._marks_of(each) for each in operands]
                every = all(text for text, _ in found)
                # Only where each alternative is looked up by its marks the whole is.
                return (f"({' OR '.join(f'({text})' for text, _ in found)})" if every else ""), all(t for _, t in found)
            case nodes.Compare(left=nodes.Column(name="time"), right=nodes.Constant()):
                return self._compare(node), False
            case nodes.Compare(operator="==", left=nodes.Fact() as fact, right=nodes.Constant(value=value)):
                test = _mark_test(fact, (value,))
            case nodes.OneOf(nodes.Fact() as fact, values):
                test = _mark_test(fact, values)
            case nodes.Has(fact, item):
                test = _mark_test(fact, (item,))
            case _:
                test = ""
        return test, bool(test)

    def _marked(self, fact: nodes.Fact, values: tuple[Any, ...], condition: str, *, strict: bool) -> str:
        """Return a condition that looks at marks first, then for the text itself, and only then reads the JSON."""
        test = "" if strict else _mark_test(fact, values)
        if not test:
            return condition
        there = " OR ".join(self.stands_in_facts(self.bind(piece)) for piece in _pieces(fact, values))
        return self.marked(f"{test} AND ({there})", condition)

    def marked(self, test: str, condition: str) -> str:
        """Return `test AND condition`, of which the test comes first."""
        # Databases choose the order of what AND joins.
        return f"(CASE WHEN {test} THEN {condition} ELSE {self.FALSE} END)"

    def _compare(self, node: nodes.Compare) -> str:
        left, operator = self.value(node.left), _OPERATORS[node.operator]
        if isinstance(node.right, nodes.Constant):
            right = self.constant(node.left, node.right)
        else:
            right = self.value(node.right)
        if node.left.kind is AttributeType.STRING and operator not in ("=", "<>"):
            left = self.by_code_point(left)
        written = f"({left} {operator} {right})"
        # Not every database sees that this is about flagged records.
        return f"({_FLAGGED} AND {written})" if _is_of_flagged(node) and written != f"({_FLAGGED})" else written

    def constant(self, beside: Term, constant: nodes.Constant) -> str:
        """Return a constant; a severity stands in the text, so that the small index of flagged records is found."""
        if beside == _SEVERITY:
            return str(int(constant.value))
        return self.bind(constant.value)

    def _one_of(self, value: str, values: tuple[Any, ...]) -> str:
        if not values:
            return f"(CASE WHEN {value} IS NOT NULL THEN {self.FALSE} END)"
        return f"({value} IN ({', '.join(self.bind(v) for v in values)}))"

    def _presence(self, term: Term) -> str:
        if isinstance(term, nodes.Fact) and term.kind.is_list:
            return self.of_json_type(term, "array")
        if isinstance(term, nodes.Fact) and term.kind is AttributeType.STRING_MAP:
            return self.of_json_type(term, "object")
        return self.value(term)

    def _resource(self, node: nodes.ResourceIs, *, strict: bool) -> str:
        clear = node.clear or not node.keys
        parts = []
        if node.keys:
            known = self._one_of("resource_key", node.keys)
            parts.append(f"(CASE WHEN resource_key <> '' THEN {known} END)" if strict else known)
        if clear:
            text = self.scalar(nodes.Fact(("resource_id",), AttributeType.STRING), AttributeType.STRING)
            parts.append(self._one_of(f"nullif({text}, '')", node.ids))
        if len(parts) == 1:
            return parts[0]
        either = " OR ".join(parts)
        return f"coalesce({either}, {', '.join(parts)})" if strict else f"({either})"

    @abstractmethod
    def placeholder(self, name: str) -> str:
        """Return the mark of a parameter."""

    @abstractmethod
    def stands_in_facts(self, part: str) -> str:
        """Return whether the JSON of `facts`, as it is written, has a text in it."""

    @abstractmethod
    def by_code_point(self, value: str) -> str:
        """Return a text that orders by code points."""

    @abstractmethod
    def scalar(self, fact: nodes.Fact, kind: AttributeType) -> str:
        """Return a scalar out of `facts`, NULL when it is missing or of another type."""

    @abstractmethod
    def entry(self, held: nodes.Fact, key: str) -> str:
        """Return the text under a key of a map, NULL when it is missing."""

    @abstractmethod
    def of_json_type(self, fact: nodes.Fact, kind: str) -> str:
        """Return something that is NULL unless a value is a JSON array or object."""

    @abstractmethod
    def text_test(self, function: str, value: str, part: str) -> str:
        """Return whether a text contains, begins or ends with another."""

    @abstractmethod
    def has(self, fact: nodes.Fact, item: Any, *, strict: bool) -> str:
        """Return whether a list has an item."""

    @abstractmethod
    def has_key(self, fact: nodes.Fact, key: str) -> str:
        """Return whether a map has a key."""

    @abstractmethod
    def period(self, nanos: int, offset: int) -> Sql:
        """Return the beginning of the span of `nanos` that a record's time lies in, for grouping.

        Spans begin `offset` nanoseconds after 1970 and their multiples.
        """


def _mark_test(fact: nodes.Fact, values: tuple[Any, ...]) -> str:
    """Return the test of a record's marks for one of some texts; empty where marks tell nothing."""
    name = None
    if fact.kind is AttributeType.STRING:
        name = marks.name_of_text(fact.path)
    elif fact.kind is AttributeType.STRING_LIST:
        name = marks.name_of_list(fact.path)
    if name is None or not 0 < len(values) <= _MOST_MARKED:
        return ""
    pairs = (marks.split(marks.bit(name, value)) for value in values)
    return "(" + " OR ".join(f"((mark_a & {a}) <> 0 AND (mark_b & {b}) <> 0)" for a, b in pairs) + ")"


def _pieces(fact: nodes.Fact, values: tuple[Any, ...]) -> Iterator[str]:
    """Yield what stands in the JSON of `facts` where one of some texts is there, as `columns` writes it."""
    name = "" if fact.kind is AttributeType.STRING_LIST else f"{columns.plain_json(fact.path[-1])}:"
    for value in values:
        yield columns.without_zeros(name + columns.plain_json(value))


def _is_of_flagged(node: nodes.Compare) -> bool:
    """Whether a comparison holds for flagged records alone."""
    if node.left != _SEVERITY or not isinstance(node.right, nodes.Constant):
        return False
    least = 2 if node.operator in ("==", ">=") else 1
    return node.operator in ("==", ">=", ">") and int(node.right.value) >= least


def _has_index(node: Node) -> bool:
    """Whether a condition names who or what it is about, which the store finds by an index of its own."""
    match node:
        case nodes.All(operands):
            return any(map(_has_index, operands))
        case nodes.Compare(operator="==", left=nodes.Column(name=name), right=nodes.Constant()):
            return name in _INDEXED
        case nodes.OneOf(nodes.Column(name=name), _):
            return name in _INDEXED
        case nodes.ResourceIs():
            return not node.clear
    return False


def plain_keys(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return a path whose keys may stand in SQL as they are. Raises ValueError for any other."""
    for key in path:
        if _KEY.fullmatch(key) is None:
            raise ValueError(f"`{key}` is not the name of an attribute")
    return path
