"""Reads `Dictionary` and `Masks` documents, and masks wherever they are named or written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdp.lang.loader import names
from pdp.lang.loader.nodes import Mapping as MappingNode
from pdp.lang.loader.nodes import Node, Scalar, entry_span
from pdp.lang.loader.reader import REFUSED, Reader, Record, Shape
from pdp.lang.loader.report import quote
from pdp.lang.model import Effect, Field, MaskRef, MaskSpec
from pdp.source import Span

_DICTIONARY = Shape("Dictionary document", "kind", "defaults fields")
_FIELD = Shape("field", "level", "label category tags type mask default never_unmask")
_MASKS = Shape("Masks document", "kind masks")
_MASK = Shape("mask", "algorithm", "label", others=True)
_LEVELS = Shape("mapping of defaults", "", " ".join(names.LEVELS))


class DictionaryTable:
    """The fields, the defaults by level and the named masks read so far."""

    def __init__(self, reader: Reader) -> None:
        self.level_defaults: dict[str, Effect] = {}
        self.fields: dict[str, Field] = {}
        self.masks: dict[str, MaskSpec] = {}
        self._reader = reader
        self._seen: dict[tuple[str, str], Span] = {}

    def read_dictionary(self, document: MappingNode) -> None:
        """Take in a `Dictionary` document."""
        record = self._reader.record(document, _DICTIONARY)
        if record is None:
            return
        if "defaults" not in document.entries and "fields" not in document.entries:
            hint = "add `fields: …`"
            self._reader.error("missing-key", "the Dictionary document has no `fields`", document, hint)
        defaults = record.get("defaults")
        if defaults is not None and (levels := self._reader.record(defaults, _LEVELS, "`defaults`")):
            self._read_defaults(levels)
        for field_id, (key, node) in record.entries("fields").items():
            message = f"the field {quote(field_id)} is declared twice"
            if self._reader.is_name(field_id, key, names.FIELD) and self._is_new("field", field_id, key, message):
                field = self._field(field_id, node, entry_span((key, node)))
                if field is not None:
                    self.fields[field_id] = field

    def read_masks(self, document: MappingNode) -> None:
        """Take in a `Masks` document."""
        record = self._reader.record(document, _MASKS)
        for name, (key, node) in record.entries("masks").items() if record else ():
            message = f"the mask {quote(name)} is declared twice"
            if self._reader.is_name(name, key, names.MASK) and self._is_new("mask", name, key, message):
                mask = read_mask(self._reader, node, name, entry_span((key, node)))
                if mask is not None:
                    self.masks[name] = mask

    def _read_defaults(self, levels: Record) -> None:
        for level, (key, _) in levels.node.entries.items():
            effect = levels.choice(level, names.EFFECTS)
            message = f"the default of level `{level}` is declared twice"
            if level in names.LEVELS and effect is not None and self._is_new("level", level, key, message):
                self.level_defaults[level] = effect

    def _is_new(self, what: str, name: str, key: Scalar, message: str) -> bool:
        return self._reader.is_new(self._seen, (what, name), key.span, message)

    def _field(self, field_id: str, node: Node, span: Span) -> Field | None:
        record = self._reader.record(node, _FIELD, quote(field_id))
        if record is None:
            return None
        mask = record.get("mask")
        return Field(
            id=field_id,
            label=record.label("label"),
            # A wrong level is an error; with the strictest in its place nothing else is blamed for it.
            level=record.choice("level", names.LEVELS) or "C3",
            category=record.text("category"),
            tags=record.texts("tags"),
            semantic_type=record.text("type"),
            mask=None if mask is None else read_mask_use(self._reader, mask),
            never_unmask=record.flag("never_unmask"),
            span=span,
            default=record.choice("default", names.EFFECTS),
        )


def read_mask_use(reader: Reader, node: Node, what: str = "`mask`") -> MaskRef | MaskSpec | None:
    """Return the mask that a field or rule names or writes out; None, reported, for anything else."""
    if isinstance(node, MappingNode):
        return read_mask(reader, node, "", node.span)
    name = reader.name(node, names.MASK, what)
    return None if name is None else MaskRef(name, node.span)


def read_mask(reader: Reader, node: Node, name: str, span: Span) -> MaskSpec | None:
    """Return an algorithm with its parameters; None, reported, for anything else."""
    record = reader.record(node, _MASK, quote(name) if name else "")
    if record is None:
        return None
    algorithm = record.name("algorithm", names.ALGORITHM)
    label = record.label("label")
    parameters, spans = _parameters(reader, record.node.entries)
    # A mask without a usable algorithm is an error; one that needs no parameters keeps its users free of blame.
    if algorithm is None:
        return MaskSpec(name, "full", {}, label, span)
    return MaskSpec(name, algorithm, parameters, label, span, spans)


def _parameters(reader: Reader, entries: Mapping[str, tuple[Scalar, Node]]) -> tuple[dict[str, Any], dict[str, Span]]:
    parameters: dict[str, Any] = {}
    spans: dict[str, Span] = {}
    for key, (_, node) in entries.items():
        if key not in _MASK.known:
            value = reader.plain(node)
            if value is not REFUSED:
                parameters[key], spans[key] = value, node.span
    return parameters, spans
