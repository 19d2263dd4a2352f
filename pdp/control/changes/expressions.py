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


class Checked:
    """A checked expression, one object for all that are equal.

    `names_variables` and `names_subject` say whether it names variables of its policy, and attributes of the subject
    itself; `shape` is known where `Expressions.shape` has been asked and no variable counts.
    """

    __slots__ = ("_names", "message", "names_subject", "names_variables", "shape")

    def __init__(self, message: bundle_pb2.Expression) -> None:
        self.message = message
        self.shape: int | None = None
        self._names: frozenset[str] | None = None
        # Reading an expression costs more than looking whether it can be of interest.
        text = message.text
        self.names_variables = "vars" in text and any(name.startswith(VARIABLE) for name in self.names)
        self.names_subject = "subject" in text and any(name.startswith(SUBJECT) for name in self.names)

    @property
    def names(self) -> frozenset[str]:
        """The attributes by dotted name, `now`, and the variables as `vars.<name>` that it names."""
        if self._names is None:
            references = checked_pb2.CheckedExpr.FromString(self.message.checked).reference_map
            self._names = frozenset([reference.name for reference in references.values() if reference.name])
        return self._names


class Expressions:
    """Reads the conditions of both texts, equal ones once."""

    def __init__(self) -> None:
        self._reader = ExpressionReader()
        self._known: dict[bytes, Checked] = {}
        self._numbers: dict[_Shape, int] = {}
        self._parts: dict[type[Expr], tuple[str, ...]] = {}

    def of(self, message: bundle_pb2.Expression) -> Checked:
        """Return the expression that a message holds."""
        # Taking the bytes out of the message copies them: what is asked more than once is asked of what this returns.
        data = message.checked
        known = self._known.get(data)
        if known is None:
            known = self._known[data] = Checked(message)
        return known

    def shape(self, expression: Checked, variables: Mapping[str, bundle_pb2.Expression]) -> int:
        """Return a number for what an expression says, with the variables put in.

        It is the same for texts that differ in blanks only, and means something to this object alone. Types are left
        out, for another type of an attribute is a change of the attribute. Raises BundleError.
        """
        known = expression.shape
        if known is None:
            tree = self._reader.read(expression.message)
            known = self._numbers.setdefault(self._shape(tree, variables), len(self._numbers))
            # What a policy's variables stand for is its own.
            if not any(isinstance(node, VariableRef) for node in walk(tree)):
                expression.shape = known
        return known

    def among(
        self,
        expression: Checked,
        variables: Mapping[str, bundle_pb2.Expression],
        others: Iterable[Checked],
        their_variables: Mapping[str, bundle_pb2.Expression],
    ) -> bool:
        """Whether one of some expressions says the same as this one, each with its own variables put in."""
        names = expression.names
        for other in others:
            # What names other attributes says something else, and to see that costs little; a variable may name any.
            may_agree = names == other.names or expression.names_variables or other.names_variables
            if may_agree and self.shape(expression, variables) == self.shape(other, their_variables):
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
