"""YAML as a tree of nodes with places, built from libyaml's events without recursion and within bounds.

Compared with `yaml.compose`: duplicate keys, tags, merge keys and bad aliases are found here with their places, values
stay text (`scalars.resolve` types them), and neither depth nor aliases can exhaust the process.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from pdp.lang.diagnostics import Related
from pdp.lang.loader.lines import LINE_BREAK, position
from pdp.lang.loader.report import Report, quote
from pdp.lang.loader.scalars import resolve
from pdp.lang.loader.syntax import explain
from pdp.source import SourceFile, Span

try:
    from yaml._yaml import CParser
except ImportError:  # PyYAML was built without libyaml; its own parser is slower and gives the same events
    CParser = None  # type: ignore[assignment,misc]

MAX_DEPTH = 64
MAX_NODES = 1_000_000
MAX_DOCUMENTS = 10_000
_ANCHOR = re.compile(r"&[^\s,\[\]{}]+(?:[ \t]+#[^\r\n]*|[ \t\r\n]+)*")

# Control characters, line separators that editors count differently, marks that reorder the text around them, and
# a byte-order mark inside the text: a reviewer cannot see them.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
_SHOWN_INVISIBLE = 20
_ESCAPED_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Mark(Protocol):
    """A place as libyaml gives it: all three count code points from 0."""

    @property
    def index(self) -> int:
        """Offset in the file."""

    @property
    def line(self) -> int:
        """Line."""

    @property
    def column(self) -> int:
        """Column."""


@dataclass(slots=True)
class Place:
    """A mark of our own."""

    index: int
    line: int
    column: int


@dataclass(slots=True, eq=False)
class Node:
    """Anything of a document. As it stands here: a node that was refused, with its error reported."""

    file: str
    start: Mark
    end: Mark

    @property
    def span(self) -> Span:
        """Where it stands; a block ends with its last item and not at the next token."""
        start, end = self.start, self.end
        return Span(self.file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


@dataclass(slots=True, eq=False)
class Scalar(Node):
    """A text. `style` is empty for plain, else the quotation mark, `|` or `>`."""

    value: str
    style: str


@dataclass(slots=True, eq=False)
class Sequence(Node):
    """A list."""

    items: list[Node]


@dataclass(slots=True, eq=False)
class Mapping(Node):
    """A mapping by key; of a key written twice the first."""

    entries: dict[str, tuple[Scalar, Node]]


def entry_span(entry: tuple[Scalar, Node]) -> Span:
    """Return the place of a key and its value together."""
    key, value = entry
    if value.start.index < key.start.index:  # an alias to what stands further up
        return key.span
    return Span(key.file, key.start.line + 1, key.start.column + 1, value.end.line + 1, value.end.column + 1)


@dataclass(slots=True)
class _Open:
    """A collection that is being read; `siblings` are the items of the one around it.

    `first` is the count of nodes at its start, `height` the levels below it so far.
    """

    event: Any
    siblings: list[Node]
    first: int
    height: int = 0
    alias_end: Mark | None = None


@dataclass(slots=True)
class _Anchored:
    """A node with a name: how many nodes stand in it and how many levels. `node` None while it is open."""

    node: Node | None
    size: int = 1
    height: int = 0


class _BoundError(Exception):
    """A bound is exceeded; the file is given up."""

    def __init__(self, code: str, message: str, mark: Mark) -> None:
        super().__init__(message)
        self.code, self.message, self.mark = code, message, mark


def compose(source: SourceFile, report: Report) -> list[Node]:
    """Return the documents of a file, empty ones left out.

    A syntax error or an exceeded bound is reported, and the documents before it are returned.
    """
    if _has_invisible(source, report):
        return []
    composer = _Composer(source, report)
    try:
        composer.run()
    except yaml.YAMLError as error:
        explain(error, source, report)
    except _BoundError as error:
        mark = error.mark
        span = Span(source.name, mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)
        report.error(error.code, error.message, span, "split the file or flatten its structure")
    return composer.documents


def _has_invisible(source: SourceFile, report: Report) -> bool:
    found = False
    for match in itertools.islice(_INVISIBLE.finditer(source.text), _SHOWN_INVISIBLE):
        found = True
        line, column = position(source.text, match.start())
        message = f"the invisible character U+{ord(match[0]):04X} stands in the text"
        hint = "remove it, or write it as an escape inside double quotes"
        report.error("control-character", message, Span(source.name, line, column, line, column + 1), hint)
    return found


class _PythonParser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """PyYAML's own parser."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)


def _events(text: str) -> Callable[[], Any]:
    return (CParser(text) if CParser is not None else _PythonParser(text)).get_event


class _Composer:
    def __init__(self, source: SourceFile, report: Report) -> None:
        self.documents: list[Node] = []
        self._source = source
        self._report = report
        self._anchors: dict[str, _Anchored] = {}

    def run(self) -> None:
        file = self._source.name
        next_event = _events(self._source.text)
        items: list[Node] = []
        stack: list[_Open] = []
        count = started = 0
        while True:
            event = next_event()
            kind = type(event)
            if kind is ScalarEvent:
                count += 1
                style = event.style
                if style or event.anchor is not None or event.tag is not None:
                    items.append(self._special_scalar(event))
                else:
                    items.append(Scalar(file, event.start_mark, event.end_mark, event.value, ""))
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                count += 1
                if len(stack) >= MAX_DEPTH:
                    raise _BoundError("too-deep", f"more than {MAX_DEPTH} levels are nested", event.start_mark)
                if event.anchor is not None:
                    self._anchors[event.anchor] = _Anchored(None)
                stack.append(_Open(event, items, count))
                items = []
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                items = self._close(stack, event.end_mark, items, count)
            elif kind is AliasEvent:
                count += self._alias(stack, event, items)
            elif kind is DocumentStartEvent:
                self._anchors.clear()
                items = []
                started += 1
                if started > MAX_DOCUMENTS:
                    message = f"the file holds more than {MAX_DOCUMENTS:,} documents"
                    raise _BoundError("too-large", message, event.start_mark)
            elif kind is DocumentEndEvent:
                self.documents += [node for node in items if not _is_empty(node)]
            elif kind is StreamEndEvent:
                return
            if count > MAX_NODES:
                message = f"the file holds more than {MAX_NODES:,} values, aliases counted as what they stand for"
                raise _BoundError("too-large", message, event.start_mark)

    def _special_scalar(self, event: Any) -> Node:
        start, end, value, style = event.start_mark, event.end_mark, event.value, event.style or ""
        if event.anchor is not None:
            start = self._after_anchor(start, end)
        if style in {"|", ">"}:
            end = self._end_of_block(start, end)
        node: Node = Scalar(self._source.name, start, end, value, style)
        if event.tag is not None:
            node = self._refuse_tag(event, node)
        elif style == '"' and (match := _ESCAPED_CONTROL.search(value)):
            message = f"the text holds the control character U+{ord(match[0]):04X}"
            self._report.error("control-character", message, node.span, "remove the escape")
            node = Node(node.file, start, end)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(node)
        return node

    def _refuse_tag(self, event: Any, node: Node) -> Node:
        text = self._source.text[event.start_mark.index : event.end_mark.index]
        written = text.split(maxsplit=1)[0] if text.strip() else event.tag
        hint = "leave it out, or put the text in quotes if it is a condition that begins with `!`"
        self._report.error("tag", f"the tag {quote(written)} is not allowed", node.span, hint)
        return Node(node.file, node.start, node.end)

    def _after_anchor(self, start: Mark, end: Mark) -> Mark:
        match = _ANCHOR.match(self._source.text, start.index, end.index)
        if match is None:
            return start
        index, line, column = match.end(), start.line, start.column + len(match[0])
        for line_break in LINE_BREAK.finditer(match[0]):
            line, column = line + 1, len(match[0]) - line_break.end()
        return Place(index, line, column)

    def _end_of_block(self, start: Mark, end: Mark) -> Mark:
        text = self._source.text[start.index : end.index].rstrip(" \t\r\n")
        line, column = position(text, len(text))
        return Place(start.index + len(text), start.line + line - 1, column - 1 + (start.column if line == 1 else 0))

    def _close(self, stack: list[_Open], end: Mark, items: list[Node], count: int) -> list[Node]:
        """Finish the innermost collection; return the items of the one around it."""
        opened = stack.pop()
        node = self._collection(opened, end, items)
        opened.siblings.append(node)
        if stack and stack[-1].height <= opened.height:
            stack[-1].height = opened.height + 1
        if opened.event.anchor is not None:
            size = count - opened.first + 1
            self._anchors[opened.event.anchor] = _Anchored(node, size, opened.height + 1)
        return opened.siblings

    def _alias(self, stack: list[_Open], event: Any, items: list[Node]) -> int:
        """Add what an alias stands for; return how many nodes that is."""
        target = self._anchors.get(event.anchor) or _Anchored(None)
        if target.node is None:
            name = quote(f"*{event.anchor}")
            node = Node(self._source.name, event.start_mark, event.end_mark)
            if event.anchor in self._anchors:
                self._report.error("bad-alias", f"the alias {name} stands inside its own anchor", node.span)
            else:
                hint = "put the text in quotes if it is not meant as an alias"
                self._report.error("bad-alias", f"the alias {name} has no anchor before it", node.span, hint)
            items.append(node)
        else:
            items.append(target.node)
        if len(stack) + target.height > MAX_DEPTH:
            raise _BoundError("too-deep", f"more than {MAX_DEPTH} levels are nested", event.start_mark)
        if stack:
            stack[-1].height = max(stack[-1].height, target.height)
            stack[-1].alias_end = event.end_mark
        return target.size

    def _collection(self, opened: _Open, end: Mark, items: list[Node]) -> Node:
        event = opened.event
        start: Mark = event.start_mark
        if not event.flow_style and items:
            end = items[-1].end
            if opened.alias_end is not None and opened.alias_end.index > end.index:
                end = opened.alias_end
        if event.tag is not None:
            return self._refuse_tag(event, Node(self._source.name, start, event.end_mark))
        if type(event) is SequenceStartEvent:
            return Sequence(self._source.name, start, end, items)
        return Mapping(self._source.name, start, end, self._entries(items))

    def _entries(self, items: list[Node]) -> dict[str, tuple[Scalar, Node]]:
        entries: dict[str, tuple[Scalar, Node]] = {}
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is not Scalar:
                if type(key) is not Node:
                    self._report.error("wrong-type", "a key must be text, not a list or a mapping", key.span)
                continue
            name = key.value
            if name in entries:
                first = Related("first written here", entries[name][0].span)
                self._report.error("duplicate-key", f"{quote(name)} is written twice", key.span, "", first)
            elif not key.style and name == "<<":
                hint = "write the keys out, or use an alias for a whole value"
                self._report.error("merge-key", "the merge key `<<` is not part of YAML 1.2", key.span, hint)
            elif not key.style and not isinstance(resolve(name), str):
                hint = f'write `"{name}"`' if name else "write the key before the colon"
                self._report.error("wrong-type", f"the key {quote(name)} is not text", key.span, hint)
            else:
                entries[name] = (key, value)
        return entries


def _is_empty(node: Node) -> bool:
    return type(node) is Scalar and not node.value and not node.style
