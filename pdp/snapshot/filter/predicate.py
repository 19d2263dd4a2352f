"""A filter in Python, over the columns of one record: for records as they come in and for archives."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pdp.snapshot.filter import nodes, numbers
from pdp.snapshot.filter.nodes import Node, Term
from pdp.values import AttributeType

NUL, REPLACEMENT = "\x00", "\ufffd"

Predicate = Callable[[Mapping[str, Any]], bool]
"""Tells of the columns of a record, as `columns.extract` or a store gives them, whether it matches."""

_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_TEXT: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "contains": lambda text, part: part in text,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
}


def predicate(node: Node | None) -> Predicate:
    """Return the predicate of a filter; of None one that every record meets."""
    if node is None:
        return lambda columns: True
    arranged = _arranged(node)
    return lambda columns: _Row(columns).outcome(arranged) is True


def _arranged(node: Node) -> Node:
    """Put first what needs no look into the facts, which take the most time; `&&` and `||` have no order."""
    match node:
        case nodes.All(operands) | nodes.AnyOf(operands):
            return type(node)(tuple(sorted(map(_arranged, operands), key=_needs_facts)))
        case nodes.Not(operand):
            return nodes.Not(_arranged(operand))
    return node


def _needs_facts(node: Node) -> bool:
    match node:
        case nodes.All(operands) | nodes.AnyOf(operands):
            return any(map(_needs_facts, operands))
        case nodes.Not(operand):
            return _needs_facts(operand)
        case nodes.Compare(_, left, right):
            return any(isinstance(side, nodes.Fact | nodes.Entry) for side in (left, right))
        case nodes.OneOf(term) | nodes.TextTest(_, term) | nodes.Holds(term) | nodes.Present(term):
            return not isinstance(term, nodes.Column)
        case nodes.ResourceIs():
            return node.clear or not node.keys
    return not isinstance(node, nodes.Fixed)


class _Row:
    """One record. Outcomes are true, false or None for open."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._columns = columns

    @functools.cached_property
    def _facts(self) -> Any:
        facts = self._columns["facts"]
        return numbers.loads(facts)

    def outcome(self, node: Node) -> bool | None:
        match node:
            case nodes.All(operands):
                return _settle(map(self.outcome, operands), settled=False)
            case nodes.AnyOf(operands):
                return _settle(map(self.outcome, operands), settled=True)
            case nodes.Not(operand):
                found = self.outcome(operand)
                return None if found is None else not found
            case nodes.Fixed(value):
                return value
            case nodes.Compare():
                left = self.value(node.left)
                right = node.right.value if isinstance(node.right, nodes.Constant) else self.value(node.right)
                return None if left is None or right is None else _COMPARE[node.operator](left, right)
            case nodes.OneOf(term, values):
                found = self.value(term)
                return None if found is None else found in values
            case nodes.Holds(term):
                held: bool | None = self.value(term)
                return held
            case nodes.Present(term):
                return self._present(term)
            case nodes.TextTest():
                text = self.value(node.term)
                return None if text is None else _TEXT[node.function](text, node.text)
            case nodes.Has():
                items = self._at(node.list.path)
                kind = node.list.kind.element
                return None if not isinstance(items, list) else any(_read(i, kind) == node.item for i in items)
            case nodes.HasKey():
                entries = self._at(node.map.path)
                return None if not isinstance(entries, dict) else node.key in entries
            case nodes.ResourceIs():
                return self._resource(node)

    def value(self, term: Term) -> Any:
        """Return a scalar; None when it is missing."""
        match term:
            case nodes.Column(name, kind):
                held = self._columns[name]
                return held.replace(NUL, REPLACEMENT) if kind is AttributeType.STRING else held
            case nodes.Fact(path, kind, blank):
                found = _read(self._at(path), kind)
                return None if found == "" and not blank else found
            case nodes.Entry(held_in, key):
                entries = self._at(held_in.path)
                return _read(entries.get(key), AttributeType.STRING) if isinstance(entries, dict) else None

    def _present(self, term: Term) -> bool:
        if term.kind.is_list and isinstance(term, nodes.Fact):
            return isinstance(self._at(term.path), list)
        if term.kind is AttributeType.STRING_MAP and isinstance(term, nodes.Fact):
            return isinstance(self._at(term.path), dict)
        return self.value(term) is not None

    def _resource(self, node: nodes.ResourceIs) -> bool | None:
        key = self._columns["resource_key"]
        by_key = (key in node.keys) if node.keys and key else None
        if node.keys and not node.clear:
            return by_key
        clear = _read(self._at(("resource_id",)), AttributeType.STRING)
        by_id = (clear in node.ids) if clear else None
        if by_key is None or by_id is None:
            return by_key if by_id is None else by_id
        return by_key or by_id

    def _at(self, path: Iterable[str]) -> Any:
        found = self._facts
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return found


def _settle(outcomes: Iterable[bool | None], *, settled: bool) -> bool | None:
    """Kleene's connective: `settled` if any is, else open if any is, else the opposite."""
    is_open = False
    for outcome in outcomes:
        if outcome is settled:
            return settled
        is_open = is_open or outcome is None
    return None if is_open else not settled


def _read(value: Any, kind: AttributeType) -> Any:
    """Return a scalar of JSON as its type; None when it is of another one."""
    match kind:
        case AttributeType.STRING:
            return value if isinstance(value, str) else None
        case AttributeType.BOOL:
            return value if isinstance(value, bool) else None
        case AttributeType.DOUBLE:
            return numbers.double(value)
        case AttributeType.TIMESTAMP:
            return numbers.moment(value)
        case _:
            return numbers.whole(value)
