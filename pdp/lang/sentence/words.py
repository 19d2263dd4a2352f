"""What a language must be able to say; `chinese` and `english` say it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

# Texts and the positions of arguments between them.
Template = tuple[str | int, ...]


class Words(ABC):
    """The phrases of one language. Arguments are texts of that language, nouns with their article."""

    chinese: ClassVar[bool]
    # Function → how a noun is made of its arguments.
    nouns: ClassVar[Mapping[str, Template]]

    # Joining

    @abstractmethod
    def bracket(self, text: str) -> str:
        """Return a text in brackets."""

    @abstractmethod
    def inline(self, op: str, texts: Sequence[str], *, plain: bool) -> str:
        """Join statements by `and` or `or`; two plain ones need no comma."""

    @abstractmethod
    def listing(self, op: str, texts: Sequence[str]) -> str:
        """Join statements that hold brackets of their own: all, or any, of the following."""

    @abstractmethod
    def assemble(self, template: Template, args: Sequence[str]) -> str:
        """Return a noun made of its arguments."""

    # Statements

    @abstractmethod
    def constant(self, *, value: bool) -> str:
        """Say that it is so in every case or in none."""

    @abstractmethod
    def opaque(self, code: str, *, positive: bool) -> str:
        """Say that an expression in code quotes is true or false."""

    @abstractmethod
    def compared(self, op: str, category: str, subject: str, value: str, *, constant: bool) -> str:
        """Say how two things compare. `category`: amount, count, number, span, time, text or other."""

    @abstractmethod
    def empty(self, subject: str, *, positive: bool, container: bool) -> str:
        """Say that a text or a list is empty."""

    @abstractmethod
    def member(self, subject: str, items: Sequence[str], *, positive: bool) -> str:
        """Say that the subject is one of two or more items."""

    @abstractmethod
    def between(self, subject: str, low: tuple[str, bool], high: tuple[str, bool], *, positive: bool) -> str:
        """Say that the subject lies between two values, each with whether it is included."""

    @abstractmethod
    def contains_item(self, container: str, item: str, *, positive: bool) -> str:
        """Say that a list includes an item."""

    @abstractmethod
    def includes(self, container: str, items: Sequence[str], *, together: bool, positive: bool) -> str:
        """Say that a list includes one or all of two or more items."""

    @abstractmethod
    def has_key(self, container: str, key: str, *, constant: bool, positive: bool) -> str:
        """Say that a map has an entry."""

    @abstractmethod
    def text_test(self, function: str, subject: str, argument: str, *, positive: bool) -> str:
        """Say that a text contains, starts with, ends with or matches another."""

    @abstractmethod
    def flag(self, noun: str, *, positive: bool) -> str:
        """Say that an attribute of type bool, by its label without an article, is true or false."""

    @abstractmethod
    def granted(self, kind: str, shown: str, *, positive: bool) -> str:
        """Say that the grant is of a kind; `shown` is the kind as text."""

    @abstractmethod
    def authorised(self, kind: str, shown: str) -> str:
        """Say that the grant counts and is of a kind."""

    @abstractmethod
    def any_grant(self, *, positive: bool) -> str:
        """Say that a grant counts."""

    @abstractmethod
    def no_grant(self, *, positive: bool) -> str:
        """Say that there is no kind of grant, which is so without a grant."""

    @abstractmethod
    def choice(self, condition: str, then: str, otherwise: str) -> str:
        """Say one thing under a condition and another one else; in brackets."""

    @abstractmethod
    def same(self, left: str, right: str, *, positive: bool) -> str:
        """Say that two statements are both true or both false."""

    # Times

    @abstractmethod
    def clock(self, of: str, zone: str, start: int, end: int) -> str:
        """Say that a clock reads from `start` to before `end` o'clock; `of` is empty for the current time."""

    @abstractmethod
    def days(self, function: str, of: str, zone: str, names: Sequence[str]) -> str:
        """Say that it is one of some weekdays, days of the month or months."""

    @abstractmethod
    def clock_part(self, function: str, of: str, zone: str) -> str:
        """Return a part of a time as a noun."""

    @abstractmethod
    def shifted(self, moment: str, span: str, *, later: bool) -> str:
        """Return the time so much after or before another."""

    # Loops

    @abstractmethod
    def quantifier(self, kind: str, container: str, *, keyed: bool) -> str:
        """Return the subject of a statement about elements: every one, at least one, exactly one, or none."""

    @abstractmethod
    def each(self, kind: str, container: str, named: str, body: str, *, keyed: bool, positive: bool) -> str:
        """Say that the statement in brackets holds for elements; `named` is what it calls them, or empty."""

    @abstractmethod
    def element(self, *, keyed: bool) -> str:
        """Return what a nameless element is called."""

    @abstractmethod
    def selection(self, container: str, named: str, condition: str, transform: str) -> str:
        """Return the list of elements, or of what is made of them, for which a condition holds; either may be empty."""

    # Nouns

    @abstractmethod
    def truth(self, *, value: bool) -> str:
        """Return true or false as a value."""

    @abstractmethod
    def labelled(self, number: str, label: str) -> str:
        """Return a number with what it is called."""

    @abstractmethod
    def whether(self, statement: str) -> str:
        """Return a statement in brackets as a noun."""

    @abstractmethod
    def alternative(self, condition: str, then: str, otherwise: str) -> str:
        """Return one noun under a condition and another one else; in brackets."""

    @abstractmethod
    def item_at(self, container: str, position: int) -> str:
        """Return an element of a list by its position from 1."""

    @abstractmethod
    def list_of(self, items: Sequence[str]) -> str:
        """Return a list that is written out."""

    @abstractmethod
    def map_of(self, entries: Sequence[tuple[str, str]]) -> str:
        """Return a map that is written out."""
