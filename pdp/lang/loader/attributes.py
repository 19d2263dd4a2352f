"""Reads `Attributes` documents, and values by the types that they declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pdp.errors import ValueFormatError
from pdp.lang.loader import names
from pdp.lang.loader.builtins import REQUEST, SUPPLIED, default_record
from pdp.lang.loader.nodes import Mapping as MappingNode
from pdp.lang.loader.nodes import Node, Scalar, Sequence, entry_span
from pdp.lang.loader.reader import REFUSED, Reader, Record, Shape, is_null, listed, mend_flag, mend_number
from pdp.lang.loader.report import quote
from pdp.lang.model import AllowedValue, Attribute, RecordMode
from pdp.source import Span
from pdp.values import MAX_LIST, AttributeType, cel_literal, parse_value

_DOCUMENT = Shape("Attributes document", "kind attributes")
_ATTRIBUTE = Shape("attribute", "type", "label values default record")
_BUILTIN = Shape("built-in attribute", "", "type label values record")
_VALUE = Shape("allowed value", "value", "label")
_TYPES = {kind.value: kind for kind in AttributeType}
_MODES = {mode.value: mode for mode in RecordMode}
_NOT_BUCKETED = {
    AttributeType.STRING, AttributeType.BOOL, AttributeType.STRING_LIST, AttributeType.STRING_MAP,
}  # fmt: skip
_EXPECTED = {
    AttributeType.STRING: "text",
    AttributeType.INT: "a whole number",
    AttributeType.DOUBLE: "a number",
    AttributeType.BOOL: "`true` or `false`",
    AttributeType.TIMESTAMP: "a date-time such as `2026-03-02T10:00:00+08:00`",
    AttributeType.DURATION: "a duration such as `1h30m`",
    AttributeType.STRING_MAP: "a mapping",
}


class AttributeTable:
    """The attributes of a policy set: built in, and declared by the documents read so far."""

    def __init__(self, reader: Reader) -> None:
        self.attributes: dict[str, Attribute] = REQUEST | SUPPLIED
        self._reader = reader
        self._seen: dict[str, Span] = {}
        self._allowed: dict[str, frozenset[Any]] = {}

    def read(self, document: MappingNode) -> None:
        """Take in an `Attributes` document."""
        record = self._reader.record(document, _DOCUMENT)
        if record is None:
            return
        for name, (key, node) in record.entries("attributes").items():
            if name in SUPPLIED:
                hint = "use it in conditions without a declaration"
                self._reader.error("bad-id", f"{quote(name)} is built in and cannot be declared", key, hint)
                continue
            if not self._reader.is_name(name, key, names.ATTRIBUTE):
                continue
            if self._reader.is_new(self._seen, name, key.span, f"{quote(name)} is declared twice"):
                attribute = self._attribute(name, node, entry_span((key, node)))
                if attribute is not None:
                    self.attributes[name] = attribute

    def lookup(self, name: str, place: Node) -> Attribute | None:
        """Return a declared attribute; None, reported unless its declaration was, for any other name."""
        attribute = self.attributes.get(name)
        if attribute is None and name not in self._seen:
            declared = [other for other in self.attributes if other not in SUPPLIED]
            hint = self._reader.report.did_you_mean(name, declared)
            hint = hint or "declare it in an `Attributes` document"
            self._reader.error("unknown-attribute", f"the attribute {quote(name)} is not declared", place, hint)
        return attribute

    def value(self, attribute: Attribute, node: Node) -> Any | None:
        """Return a value of an attribute's type and among its allowed ones; None, reported, for anything else."""
        value = read_value(self._reader, attribute.type, node, quote(attribute.name))
        if value is None or not attribute.allowed:
            return value
        allowed = self._allowed.get(attribute.name)
        if allowed is None:
            allowed = self._allowed[attribute.name] = frozenset(a.value for a in attribute.allowed)
        wrong = False
        for item, place in _elements(attribute.type, value, node):
            if item not in allowed:
                wrong = True
                self._not_allowed(attribute, item, place)
        return None if wrong else value

    def _not_allowed(self, attribute: Attribute, value: Any, place: Node) -> None:
        kind = attribute.type.element
        shown = place.value if isinstance(place, Scalar) else str(value)
        if kind is AttributeType.STRING:
            words = [a.value or '""' for a in attribute.allowed]
            close = self._reader.report.closest(shown, words)
        else:
            words = [cel_literal(kind, a.value) for a in attribute.allowed]
            close = ""
        message = f"{quote(shown)} is not an allowed value of {quote(attribute.name)}"
        allowed = listed(words)
        hint = f"did you mean `{close}`; allowed are {allowed}" if close else f"allowed are {allowed}"
        self._reader.error("value-not-allowed", message, place, hint)

    def _attribute(self, name: str, node: Node, span: Span) -> Attribute | None:
        builtin = REQUEST.get(name)
        record = self._reader.record(node, _ATTRIBUTE if builtin is None else _BUILTIN, quote(name))
        if record is None:
            return builtin
        kind = self._type(record, builtin)
        label = record.label("label")
        if builtin is not None:
            label = label or builtin.label
        if kind is None:
            return None
        allowed = self._values(record, kind)
        mode = self._record_mode(record, kind) or default_record(name, kind)
        attribute = Attribute(name, kind, label, allowed, None, mode, span, builtin is not None)
        default = record.get("default")
        if default is None or builtin is not None:
            return attribute
        value = self.value(attribute, default)
        return Attribute(name, kind, label, allowed, value, mode, span)

    def _type(self, record: Record, builtin: Attribute | None) -> AttributeType | None:
        kind = record.choice("type", _TYPES)
        if builtin is None or "type" not in record.node.entries:
            return kind if builtin is None else builtin.type
        if kind is not None and kind is not builtin.type:
            message = f"{quote(builtin.name)} is built in with the type `{builtin.type.value}`"
            self._reader.error("bad-value", message, record.span("type"), "leave `type` out")
        return builtin.type

    def _record_mode(self, record: Record, kind: AttributeType) -> RecordMode | None:
        mode = record.choice("record", _MODES)
        if mode is RecordMode.BUCKET and kind in _NOT_BUCKETED:
            message = f"a value of type `{kind.value}` has no buckets"
            hint = "write `full`, `hash` or `none`"
            self._reader.error("bad-value", message, record.span("record"), hint)
        return mode

    def _values(self, record: Record, kind: AttributeType) -> tuple[AllowedValue, ...]:
        node = record.get("values")
        if node is None:
            return ()
        if kind is AttributeType.STRING_MAP:
            self._reader.error("bad-value", "a map cannot list allowed values", record.key("values"))
            return ()
        found: list[AllowedValue] = []
        seen: dict[Any, Span] = {}
        items = self._reader.items(node, "`values`")
        if not items and isinstance(node, Sequence):
            self._reader.error("bad-value", "`values` is empty, so nothing is allowed", node, "leave it out")
        for item in items:
            if isinstance(item, Scalar) and not is_null(item):
                hint = "write `{value: …, label: {zh: …, en: …}}`"
                self._reader.wrong_type(item, "an allowed value", "a mapping", hint)
                continue
            entry = self._reader.record(item, _VALUE, "an allowed value")
            written = entry.get("value") if entry else None
            if entry is None or written is None:
                continue
            value = read_value(self._reader, kind.element, written, "`value`")
            label = entry.label("label")
            message = f"the value {quote(str(value))} is listed twice"
            if value is not None and self._reader.is_new(seen, value, written.span, message, "duplicate-value"):
                found.append(AllowedValue(value, label, item.span))
        return tuple(found)


def read_value(reader: Reader, kind: AttributeType, node: Node, what: str) -> Any | None:
    """Return a node as a value of a type; None, reported at the innermost place, for anything else."""
    if kind is AttributeType.STRING:
        return reader.text(node, what)
    if kind.is_list:
        items = reader.items(node, what)
        if len(items) > MAX_LIST:
            reader.error("bad-value", f"{what} has {len(items)} items; {MAX_LIST} are allowed", node)
            return None
        values = [read_value(reader, kind.element, item, f"an item of {what}") for item in items]
        return None if None in values or not isinstance(node, Sequence) else tuple(values)
    if kind is AttributeType.STRING_MAP:
        return _read_map(reader, node, what)
    return _read_scalar(reader, kind, node, what)


def _read_map(reader: Reader, node: Node, what: str) -> dict[str, str] | None:
    entries = reader.entries(node, what)
    if len(entries) > MAX_LIST:
        reader.error("bad-value", f"{what} has {len(entries)} entries; {MAX_LIST} are allowed", node)
        return None
    values = {key: reader.text(value, f"{what}[{quote(key)}]") for key, (_, value) in entries.items()}
    texts = {key: value for key, value in values.items() if value is not None}
    return texts if len(texts) == len(values) and isinstance(node, MappingNode) else None


def _read_scalar(reader: Reader, kind: AttributeType, node: Node, what: str) -> Any | None:
    expected = _EXPECTED[kind]
    if not isinstance(node, Scalar) or is_null(node):
        reader.wrong_type(node, what, expected)
        return None
    value = reader.plain(node)
    if value is REFUSED:
        return None
    try:
        return parse_value(kind, value)
    except ValueFormatError as error:
        if isinstance(value, str) and kind in {AttributeType.TIMESTAMP, AttributeType.DURATION}:
            reader.error("bad-value", f"{what}: {error}", node)
        elif kind is AttributeType.DOUBLE and isinstance(value, float):
            reader.error("bad-value", f"{what} is too large a number: {quote(node.value)}", node)
        else:
            reader.wrong_type(node, what, expected, _mend(kind, node))
        return None


def _mend(kind: AttributeType, node: Scalar) -> str:
    if kind is AttributeType.BOOL:
        return mend_flag(node)
    if kind in {AttributeType.INT, AttributeType.DOUBLE}:
        return mend_number(node, whole=kind is AttributeType.INT)
    return ""


def _elements(kind: AttributeType, value: Any, node: Node) -> Iterator[tuple[Any, Node]]:
    """Yield the value, or the elements of a list, each with its place."""
    if kind.is_list and isinstance(node, Sequence):
        yield from zip(value, node.items, strict=True)
    elif isinstance(value, Mapping):
        return
    else:
        yield value, node
