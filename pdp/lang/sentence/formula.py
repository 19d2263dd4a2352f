"""Statements: what a condition says, without negation and without CEL's operators.

Every statement is true, false or undecided exactly when the expression it comes from is. `logic` makes them and `fold`
draws neighbouring ones together; both languages word them.
"""

from __future__ import annotations

from dataclasses import dataclass

from pdp.lang.expr import Expr, Literal


@dataclass(frozen=True, slots=True)
class Constant:
    """Always true or never."""

    value: bool


@dataclass(frozen=True, slots=True)
class Holds:
    """An expression of type bool is true, or false where not `positive`."""

    expr: Expr
    positive: bool


@dataclass(frozen=True, slots=True)
class Opaque:
    """As Holds, of an expression that is quoted as it stands because it is nested too deep or too long."""

    expr: Expr
    positive: bool


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison: `op` is eq, ne, lt, le, gt or ge, or nlt, nle, ngt, nge for one denied.

    A denied comparison of doubles is no comparison of its own, because none holds of a NaN.
    """

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Member:
    """The subject is one of two or more items, or none of them."""

    subject: Expr
    items: tuple[Expr, ...]
    positive: bool


@dataclass(frozen=True, slots=True)
class Within:
    """The subject lies between two constants, or outside."""

    subject: Expr
    low: Literal
    low_closed: bool
    high: Literal
    high_closed: bool
    positive: bool


@dataclass(frozen=True, slots=True)
class Includes:
    """A list includes at least one of the items, or all of them where `together`; denied where not `positive`."""

    container: Expr
    items: tuple[Expr, ...]
    together: bool
    positive: bool


@dataclass(frozen=True, slots=True)
class Authorised:
    """A counting grant of this kind is there."""

    kind: Literal


@dataclass(frozen=True, slots=True)
class Quantified:
    """The body holds for the `kind` of elements: all, exists or exists_one; only the last may be denied."""

    kind: str
    variable: str
    range: Expr
    body: Formula
    positive: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """If the condition then the one, otherwise the other."""

    condition: Formula
    then: Formula
    otherwise: Formula


@dataclass(frozen=True, slots=True)
class Same:
    """Both statements are true or both false; exactly one is true where not `positive`."""

    left: Formula
    right: Formula
    positive: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Two or more statements under `and` or `or`; no part is a group of the same kind."""

    op: str
    parts: tuple[Formula, ...]


Formula = (
    Constant | Holds | Opaque | Compare | Member | Within | Includes | Authorised | Quantified | Choice | Same | Group
)
