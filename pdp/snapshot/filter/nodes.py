"""A filter as a tree that SQL and Python can both be made of. The package's docstring says what each node means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pdp.values import AttributeType


@dataclass(frozen=True, slots=True)
class Constant:
    """A value as `pdp.values` has it; texts without U+0000, times within 64 bits."""

    kind: AttributeType
    value: Any


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `columns.NAMES`; always there."""

    name: str
    kind: AttributeType


@dataclass(frozen=True, slots=True)
class Fact:
    """A value inside the column `facts`, by its path; without `blank` an empty text counts as missing."""

    path: tuple[str, ...]
    kind: AttributeType
    blank: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """The text under a key of a map inside `facts`."""

    map: Fact
    key: str

    @property
    def kind(self) -> AttributeType:
        """Always text."""
        return AttributeType.STRING


Term = Column | Fact | Entry


@dataclass(frozen=True, slots=True)
class Compare:
    """`left operator right`; the operator is as CEL writes it and both sides are of one type."""

    operator: str
    left: Term
    right: Term | Constant


@dataclass(frozen=True, slots=True)
class OneOf:
    """Whether a value is one of some constants of its type."""

    term: Term
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Holds:
    """A boolean by itself."""

    term: Term


@dataclass(frozen=True, slots=True)
class Present:
    """Whether there is a usable value."""

    term: Term


@dataclass(frozen=True, slots=True)
class TextTest:
    """`contains`, `starts_with` or `ends_with`."""

    function: str
    term: Term
    text: str


@dataclass(frozen=True, slots=True)
class Has:
    """Whether a list has an item."""

    list: Fact
    item: Any


@dataclass(frozen=True, slots=True)
class HasKey:
    """Whether a map has a key."""

    map: Fact
    key: str


@dataclass(frozen=True, slots=True)
class ResourceIs:
    """Whether the resource is one of those with these clear ids, whose keyed hashes are `keys`.

    With `clear` the clear id counts too; it always does where there are no keys.
    """

    ids: tuple[str, ...]
    keys: tuple[str, ...]
    clear: bool


@dataclass(frozen=True, slots=True)
class Fixed:
    """A condition over constants."""

    value: bool


@dataclass(frozen=True, slots=True)
class Not:
    """`!`."""

    operand: Node


@dataclass(frozen=True, slots=True)
class All:
    """`&&` of two or more."""

    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`||` of two or more."""

    operands: tuple[Node, ...]


Node = Compare | OneOf | Holds | Present | TextTest | Has | HasKey | ResourceIs | Fixed | Not | All | AnyOf
