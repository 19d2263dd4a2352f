"""Reads nodes as what a document should hold: keys, texts, numbers, names. What does not fit is reported in place."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pdp.errors import ValueFormatError
from pdp.lang.diagnostics import Related
from pdp.lang.loader.nodes import Mapping as MappingNode
from pdp.lang.loader.nodes import Node, Scalar, Sequence
from pdp.lang.loader.report import Report, quote
from pdp.lang.loader.scalars import has_leading_zero, resolve, source_text
from pdp.lang.model import Label
from pdp.source import SourceFile, SourceText, Span
from pdp.values import INT_MAX, INT_MIN, parse_timestamp

T = TypeVar("T")
K = TypeVar("K")
MAX_NAME = 128
_LISTED = 12
_YAML_1_1_FLAGS = {
    **dict.fromkeys(("yes", "on", "y", "true"), "true"),
    **dict.fromkeys(("no", "off", "n", "false"), "false"),
}


@dataclass(frozen=True, slots=True)
class Name:
    """A kind of identifier: what it is called and how it may be written."""

    what: str
    pattern: re.Pattern[str]
    rule: str
    reserved: frozenset[str] = frozenset()


class Shape:
    """The keys of a mapping; with `others` any besides."""

    def __init__(self, what: str, required: str = "", optional: str = "", *, others: bool = False) -> None:
        self.what = what
        self.required = tuple(required.split())
        self.keys = self.required + tuple(optional.split())
        self.known = frozenset(self.keys)
        self.others = others


_LABEL = Shape("label", optional="zh en")


class Reader:
    """Reads the nodes of one policy set."""

    def __init__(self, report: Report, sources: Mapping[str, SourceFile]) -> None:
        self.report = report
        self.sources = sources

    def error(self, code: str, message: str, place: Node | Span, hint: str = "", *related: Related) -> None:
        """Report an error at a node or a place."""
        span = place.span if isinstance(place, Node) else place
        self.report.error(code, message, span, hint, *related)

    def wrong_type(self, node: Node, what: str, expected: str, hint: str = "") -> None:
        """Report that a node is of another type, unless it was refused before."""
        if type(node) is Node:
            return
        if is_null(node):
            self.error("wrong-type", f"{what} has no value", node, hint or f"write {expected}, or leave it out")
        else:
            self.error("wrong-type", _wrong_type(node, what, expected), node, hint)

    def is_new(self, seen: dict[K, Span], key: K, span: Span, message: str, code: str = "duplicate-id") -> bool:
        """Whether a key is written for the first time; reported, with the first place, when not."""
        first = seen.setdefault(key, span)
        if first is span:
            return True
        self.error(code, message, span, "", Related("first written here", first))
        return False

    def record(self, node: Node, shape: Shape, what: str = "") -> Record | None:
        """Return a mapping's entries; unknown and missing keys are reported. None for anything else."""
        if not isinstance(node, MappingNode):
            self.wrong_type(node, what or f"a {shape.what}", "a mapping")
            return None
        entries = node.entries
        for key in shape.required:
            if key not in entries:
                self.error("missing-key", f"the {shape.what} has no {quote(key)}", node, f"add `{key}: …`")
        for key in () if shape.others else entries:
            if key not in shape.known:
                hint = self.report.did_you_mean(key, shape.keys) or f"the keys are {listed(shape.keys)}"
                self.error("unknown-key", _no_key(shape.what, quote(key)), entries[key][0], hint)
        return Record(self, node)

    def entries(self, node: Node, what: str) -> Mapping[str, tuple[Scalar, Node]]:
        """Return the entries of a mapping with free keys; empty, reported, for anything else."""
        if isinstance(node, MappingNode):
            return node.entries
        self.wrong_type(node, what, "a mapping")
        return {}

    def items(self, node: Node, what: str, hint: str = "") -> list[Node]:
        """Return the items of a list; empty, reported, for anything else."""
        if isinstance(node, Sequence):
            return node.items
        if isinstance(node, Scalar) and not is_null(node) and not hint:
            hint = "put it in brackets: `[…]`"
        self.wrong_type(node, what, "a list", hint)
        return []

    def text(self, node: Node, what: str) -> str | None:
        """Return a text; None, reported, for anything else."""
        if isinstance(node, Scalar):
            value = node.value if node.style else resolve(node.value)
            if isinstance(value, str):
                return value
            if value is not None:
                self.wrong_type(node, what, "text", f'put it in quotes: `"{node.value[:60]}"`')
                return None
        self.wrong_type(node, what, "text")
        return None

    def name(self, node: Node, name: Name, what: str = "") -> str | None:
        """Return an identifier; None, reported, for anything else."""
        text = self.text(node, what or f"a {name.what}")
        return text if text is not None and self.is_name(text, node, name) else None

    def is_name(self, text: str, place: Node, name: Name) -> bool:
        """Whether a text is an identifier; reported when not."""
        if not name.pattern.fullmatch(text):
            self.error("bad-id", f"{quote(text)} is no {name.what}", place, f"such names are {name.rule}")
        elif len(text) > MAX_NAME:
            message = f"{quote(text)} is too long as {name.what}; {MAX_NAME} characters are allowed"
            self.error("bad-id", message, place)
        elif text in name.reserved:
            self.error("bad-id", f"{quote(text)} is reserved and cannot serve as {name.what}", place, "choose another")
        else:
            return True
        return False

    def texts(self, node: Node, what: str) -> tuple[str, ...]:
        """Return a list of texts; items that are none are reported and left out."""
        found = (self.text(item, f"an item of {what}") for item in self.items(node, what))
        return tuple(text for text in found if text is not None)

    def names(self, node: Node, what: str, name: Name) -> tuple[str, ...]:
        """Return a list of identifiers; items that are none are reported and left out."""
        found = (self.name(item, name, f"an item of {what}") for item in self.items(node, what))
        return tuple(text for text in found if text is not None)

    def whole(self, node: Node, what: str, low: int = INT_MIN, high: int = INT_MAX) -> int | None:
        """Return a whole number within bounds; None, reported, for anything else."""
        value = self.plain(node) if isinstance(node, Scalar) and not is_null(node) else None
        if isinstance(value, int) and not isinstance(value, bool):
            if low <= value <= high:
                return value
            self.error("bad-value", f"{what} is {value}, outside {low} to {high}", node)
        elif value is not REFUSED:
            self.wrong_type(node, what, "a whole number", mend_number(node, whole=True))
        return None

    def flag(self, node: Node, what: str) -> bool | None:
        """Return true or false; None, reported, for anything else."""
        value = resolve(node.value) if isinstance(node, Scalar) and not node.style else None
        if isinstance(value, bool):
            return value
        self.wrong_type(node, what, "`true` or `false`", mend_flag(node))
        return None

    def choice(self, node: Node, what: str, choices: Mapping[str, T]) -> T | None:
        """Return what one of some words stands for; None, reported, for anything else."""
        text = self.text(node, what)
        if text is None:
            return None
        if text in choices:
            return choices[text]
        hint = self.report.did_you_mean(text, choices) or f"write {listed(choices, 'or')}"
        self.error("bad-value", f"{what} cannot be {quote(text)}", node, hint)
        return None

    def timestamp(self, node: Node, what: str) -> int | None:
        """Return the nanoseconds of a date-time; None, reported, for anything else."""
        text = self.text(node, what)
        if text is None:
            return None
        try:
            return parse_timestamp(text)
        except ValueFormatError as error:
            self.error("bad-value", f"{what}: {error}", node)
            return None

    def label(self, node: Node, what: str) -> Label:
        """Return a text for people: `{zh: …, en: …}`, or one text for both languages."""
        if isinstance(node, MappingNode):
            record = self.record(node, _LABEL)
            if not node.entries:
                self.error("missing-key", f"{what} has neither `zh` nor `en`", node)
            return Label(record.text("zh"), record.text("en")) if record else Label()
        if isinstance(node, Sequence):
            self.wrong_type(node, what, "text or `{zh: …, en: …}`")
            return Label()
        text = self.text(node, what) or ""
        return Label(text, text)

    def expression(self, node: Node, what: str) -> SourceText | None:
        """Return a CEL expression as written; None, reported, for anything else."""
        if isinstance(node, Scalar) and not is_null(node):
            if node.value.strip():
                return source_text(self.sources[node.file], node)
            self.error("bad-value", f"{what} is an empty text", node, "write a CEL expression")
            return None
        hint = "put a condition that contains `: ` in quotes" if isinstance(node, MappingNode) else ""
        self.wrong_type(node, what, "a CEL expression", hint)
        return None

    def plain(self, node: Node) -> Any:
        """Return a node as plain data; REFUSED, reported, when a number in it is not usable."""
        if isinstance(node, Scalar):
            return node.value if node.style else self._plain_scalar(node)
        if isinstance(node, Sequence):
            items = [self.plain(item) for item in node.items]
            return REFUSED if REFUSED in items else items
        if isinstance(node, MappingNode):
            values = {key: self.plain(value) for key, (_, value) in node.entries.items()}
            return REFUSED if REFUSED in values.values() else values
        return REFUSED

    def _plain_scalar(self, node: Scalar) -> Any:
        value = resolve(node.value)
        if isinstance(value, str | bool) or value is None:
            return value
        if has_leading_zero(node.value):
            hint = f'leave out the leading zeros, or write `"{node.value[:60]}"` for a text'
            message = f"{quote(node.value)} is octal to some YAML readers and decimal to others"
            self.error("ambiguous-number", message, node, hint)
            return REFUSED
        if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
            self.error("bad-value", f"{quote(node.value)} does not fit into 64 bits", node)
            return REFUSED
        if isinstance(value, float) and not math.isfinite(value):
            self.error("bad-value", f"{quote(node.value)} is not a finite number", node)
            return REFUSED
        return value


def is_null(node: Node) -> bool:
    """Whether a node is empty or `null`."""
    return isinstance(node, Scalar) and not node.style and resolve(node.value) is None


def _no_key(what: str, shown: str) -> str:
    return f"an {what} has no key {shown}" if what[0] in "aeio" else f"a {what} has no key {shown}"


def _wrong_type(node: Node, what: str, expected: str) -> str:
    if not isinstance(node, Scalar):
        is_list = isinstance(node, Sequence)
        return f"{what} must be {expected}, not a list" if is_list else f"{what} must be {expected}, not a mapping"
    value, shown = node.value if node.style else resolve(node.value), quote(node.value)
    if isinstance(value, str):
        return f"{what} must be {expected}, not the text {shown}"
    if isinstance(value, bool):
        return f"{what} must be {expected}, not {shown}"
    return f"{what} must be {expected}, not the number {shown}"


def mend_flag(node: Node) -> str:
    """Return a hint for a word that YAML 1.1 took for a truth value."""
    meant = _YAML_1_1_FLAGS.get(node.value.lower()) if isinstance(node, Scalar) else None
    return f"write `{meant}`" if meant else ""


def mend_number(node: Node, *, whole: bool) -> str:
    """Return a hint for a number in quotes or with separators between its digits."""
    if not isinstance(node, Scalar):
        return ""
    bare = node.value.replace("_", "").replace(",", "")
    value = resolve(bare)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or has_leading_zero(bare):
        return ""
    return f"write `{bare}` without quotes" if node.style else f"write `{bare}`"


def listed(words: Collection[str], conjunction: str = "and") -> str:
    """Return some words in backticks as a list for people, at most a dozen of them."""
    shown = [quote(word) for word in itertools.islice(words, _LISTED)]
    if len(words) > _LISTED:
        return ", ".join(shown) + ", …"
    return f" {conjunction} ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


class _Refused:
    def __repr__(self) -> str:
        return "REFUSED"


REFUSED: Any = _Refused()


class Record:
    """A mapping whose keys are known: each method reads one key and gives the default when it is absent or wrong."""

    __slots__ = ("node", "reader")

    def __init__(self, reader: Reader, node: MappingNode) -> None:
        self.reader = reader
        self.node = node

    def get(self, key: str) -> Node | None:
        """Return the value of a key."""
        entry = self.node.entries.get(key)
        return None if entry is None else entry[1]

    def key(self, key: str) -> Scalar:
        """Return the key itself, which must be there."""
        return self.node.entries[key][0]

    def span(self, key: str) -> Span:
        """Return the place of the value of a key, which must be there."""
        return self.node.entries[key][1].span

    def text(self, key: str) -> str:
        """Return a text."""
        node = self.get(key)
        return "" if node is None else self.reader.text(node, f"`{key}`") or ""

    def filled(self, key: str) -> str:
        """Return a text that must not be empty."""
        node, text = self.get(key), self.text(key)
        if not text and isinstance(node, Scalar) and node.style:
            self.reader.error("bad-value", f"`{key}` is empty", node)
        return text

    def name(self, key: str, name: Name) -> str | None:
        """Return an identifier."""
        node = self.get(key)
        return None if node is None else self.reader.name(node, name, f"`{key}`")

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        node = self.get(key)
        return () if node is None else self.reader.texts(node, f"`{key}`")

    def names(self, key: str, name: Name) -> tuple[str, ...]:
        """Return a list of identifiers."""
        node = self.get(key)
        return () if node is None else self.reader.names(node, f"`{key}`", name)

    def items(self, key: str) -> list[Node]:
        """Return the items of a list."""
        node = self.get(key)
        return [] if node is None else self.reader.items(node, f"`{key}`")

    def entries(self, key: str) -> Mapping[str, tuple[Scalar, Node]]:
        """Return the entries of a mapping with free keys."""
        node = self.get(key)
        return {} if node is None else self.reader.entries(node, f"`{key}`")

    def label(self, key: str) -> Label:
        """Return a text for people."""
        node = self.get(key)
        return Label() if node is None else self.reader.label(node, f"`{key}`")

    def whole(self, key: str, default: int = 0, low: int = INT_MIN, high: int = INT_MAX) -> int:
        """Return a whole number within bounds."""
        node = self.get(key)
        value = None if node is None else self.reader.whole(node, f"`{key}`", low, high)
        return default if value is None else value

    def flag(self, key: str) -> bool:
        """Return true or false."""
        node = self.get(key)
        return node is not None and bool(self.reader.flag(node, f"`{key}`"))

    def choice(self, key: str, choices: Mapping[str, T]) -> T | None:
        """Return what one of some words stands for."""
        node = self.get(key)
        return None if node is None else self.reader.choice(node, f"`{key}`", choices)

    def timestamp(self, key: str) -> int | None:
        """Return the nanoseconds of a date-time."""
        node = self.get(key)
        return None if node is None else self.reader.timestamp(node, f"`{key}`")
