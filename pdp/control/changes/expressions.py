"""Whether two conditions are the same, and which attributes and variables they name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cel.expr import checked_pb2

from pdp.engine.rules import ExpressionReader
from pdp.lang.expr import Expr, Literal, VariableRef, walk
from pdp.v1 import bundle_pb2

VARIABLE: Final = "vars."
SUBJECT: Final = "subject."
_IGNORED = frozenset({"type", "offset"})

_Shape = tuple[Any, ...]


class Expressions:
    """Reads the conditions of both texts, equal ones once."""

    def __init__(self) -> None:
        self._reader = ExpressionReader()
        self._names: dict[bytes, frozenset[str]] = {}
        self._variable: set[frozenset[str]] = set()
        self._subject: dict[bytes, bool] = {}
        self._shapes: dict[bytes, int] = {}
        self._numbers: dict[_Shape, int] = {}
        self._parts: dict[type[Expr], tuple[str, ...]] = {}

    def names(self, message: bundle_pb2.Expression) -> frozenset[str]:
        """Return the attributes by dotted name, `now`, and the variables as `vars.<name>` that an expression names."""
        known = self._names.get(message.checked)
        if known is None:
            references = checked_pb2.CheckedExpr.FromString(message.checked).reference_map
            known = frozenset(reference.name for reference in references.values() if reference.name)
            self._names[message.checked] = known
            if any(name.startswith(VARIABLE) for name in known):
                self._variable.add(known)
        return known

    def names_subject(self, message: bundle_pb2.Expression) -> bool:
        """Whether an expression itself names an attribute of the subject."""
        known = self._subject.get(message.checked)
        if known is None:
            known = self._subject[message.checked] = any(name.startswith(SUBJECT) for name in self.names(message))
        return known

    def shape(self, message: bundle_pb2.Expression, variables: Mapping[str, bundle_pb2.Expression]) -> int:
        """Return a number for what an expression says, with the variables put in.

        It is the same for texts that differ in blanks only, and means something to this object alone. Types are left
        out, for another type of an attribute is a change of the attribute. Raises BundleError.
        """
        known = self._shapes.get(message.checked)
        if known is None:
            tree = self._reader.read(message)
            known = self._numbers.setdefault(self._shape(tree, variables), len(self._numbers))
            # What a policy's variables stand for is its own.
            if not any(isinstance(node, VariableRef) for node in walk(tree)):
                self._shapes[message.checked] = known
        return known

    def among(
        self,
        message: bundle_pb2.Expression,
        variables: Mapping[str, bundle_pb2.Expression],
        others: Iterable[bundle_pb2.Expression],
        their_variables: Mapping[str, bundle_pb2.Expression],
    ) -> bool:
        """Whether one of some expressions says the same as this one, each with its own variables put in."""
        names = self.names(message)
        for other in others:
            theirs = self.names(other)
            # What names other attributes says something else, and to see that costs little; a variable may name any.
            may_agree = names == theirs or names in self._variable or theirs in self._variable
            if may_agree and self.shape(message, variables) == self.shape(other, their_variables):
                return True
        return False

    def _shape(self, node: Any, variables: Mapping[str, bundle_pb2.Expression]) -> _Shape:
        match node:
            case VariableRef(name=name) if name in variables:
                return self._shape(self._reader.read(variables[name]), variables)
            case Literal(type=kind, value=value):
                return ("Literal", str(kind), repr(value))
            case Expr():
                parts = (getattr(node, name) for name in self._parts_of(type(node)))
                return (type(node).__name__, *(self._shape(part, variables) for part in parts))
            case tuple() | list():
                return tuple(self._shape(part, variables) for part in node)
            case _:
                return (repr(node),)

    def _parts_of(self, kind: type[Expr]) -> tuple[str, ...]:
        found = self._parts.get(kind)
        if found is None:
            names = (field.name for field in dataclasses.fields(kind))
            found = self._parts[kind] = tuple(name for name in names if name not in _IGNORED)
        return found
