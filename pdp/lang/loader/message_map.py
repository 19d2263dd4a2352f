"""Reads `MessageMap` documents."""

from __future__ import annotations

import re

from pdp.lang.loader import names
from pdp.lang.loader.attributes import AttributeTable
from pdp.lang.loader.builtins import REQUEST
from pdp.lang.loader.nodes import Mapping as MappingNode
from pdp.lang.loader.nodes import Node, Scalar, Sequence
from pdp.lang.loader.reader import Reader, Record, Shape
from pdp.lang.loader.report import quote
from pdp.lang.loader.scalars import source_text
from pdp.lang.model import MessageMap, Part, PathRef
from pdp.source import Span

_DOCUMENT = Shape("MessageMap document", "kind application message", "label resource fields attributes each")
_PART = Shape("list of a message", "name path fields", "resource attributes")
_RESOURCE = Shape("resource", "", "type id")
# The grammar of the client libraries, which read these paths as they stand.
_STEP = re.compile(
    r"\.[A-Za-z_\u0080-\ud7ff\ue000-\U0010ffff][0-9A-Za-z_\u0080-\ud7ff\ue000-\U0010ffff-]*"
    r"|\['(?:[^'\\]|\\['\\])+'\]"
    r"|\[\*\]"
)
_EVERY = "[*]"


class MessageMapReader:
    """Reads message maps; `attributes` must hold all declarations."""

    def __init__(self, reader: Reader, attributes: AttributeTable) -> None:
        self.message_maps: list[MessageMap] = []
        self._reader = reader
        self._attributes = attributes
        self._seen: dict[tuple[str, str], Span] = {}

    def read(self, document: MappingNode) -> None:
        """Take in a `MessageMap` document."""
        record = self._reader.record(document, _DOCUMENT)
        if record is None:
            return
        application = record.name("application", names.APPLICATION)
        message = record.name("message", names.MESSAGE)
        if "fields" not in document.entries and "each" not in document.entries:
            hint = "add `fields: …`"
            self._reader.error("missing-key", "the MessageMap document has no `fields`", document, hint)
        parts = [self._part(record, "", PathRef("$", document.span), None), *self._lists(record)]
        label = record.label("label")
        if application is None or message is None:
            return
        key = (application, message)
        text = f"the message {quote('/'.join(key))} is mapped twice"
        if self._reader.is_new(self._seen, key, record.span("message"), text, "duplicate-document"):
            self.message_maps.append(MessageMap(application, message, label, tuple(parts), document.span))

    def _lists(self, record: Record) -> list[Part]:
        parts: list[Part] = []
        seen: dict[str, Span] = {}
        for item in record.items("each"):
            entry = self._reader.record(item, _PART, "a list of a message")
            if entry is None:
                continue
            name = entry.name("name", names.PART)
            written = entry.get("path")
            path = None if written is None else self._path(written, listed="the path of a list")
            part = self._part(entry, name or "", path or PathRef("$", item.span), item.span)
            if name is None or path is None:
                continue
            text = f"the list {quote(name)} is mapped twice"
            if self._reader.is_new(seen, name, entry.span("name"), text):
                parts.append(part)
        return parts

    def _part(self, record: Record, name: str, path: PathRef, span: Span | None) -> Part:
        resource_type, resource_id = self._resource(record)
        attributes: dict[str, PathRef] = {}
        attribute_spans: dict[str, Span] = {}
        for attribute, (key, node) in record.entries("attributes").items():
            found = self._attribute_path(attribute, key, node, inside_list=span is not None)
            if found is not None:
                attributes[attribute], attribute_spans[attribute] = found, key.span
        fields: dict[str, tuple[PathRef, ...]] = {}
        field_spans: dict[str, Span] = {}
        for field, (key, node) in record.entries("fields").items():
            paths = self._paths(node, field)
            if self._reader.is_name(field, key, names.FIELD) and paths:
                fields[field], field_spans[field] = paths, key.span
        return Part(
            name, path, resource_type, resource_id, fields, attributes, field_spans, attribute_spans,
            span or record.node.span,
        )  # fmt: skip

    def _resource(self, record: Record) -> tuple[str, PathRef | None]:
        node = record.get("resource")
        resource = None if node is None else self._reader.record(node, _RESOURCE, "`resource`")
        if resource is None:
            return "", None
        kind, path = resource.get("type"), resource.get("id")
        value = None if kind is None else self._attributes.value(self._attributes.attributes["resource.type"], kind)
        return value or "", None if path is None else self._path(path, single="the path of a resource's id")

    def _attribute_path(self, name: str, key: Scalar, node: Node, *, inside_list: bool) -> PathRef | None:
        path = self._path(node)
        if not self._reader.is_name(name, key, names.ATTRIBUTE):
            return None
        if name in REQUEST:
            section, _, word = name.partition(".")
            in_resource = f"write `resource: {{{word}: …}}`"
            hint = in_resource if section == "resource" else "the caller gives it with each request"
            self._reader.error("bad-value", f"{quote(name)} is not mapped as an attribute", key, hint)
            return None
        if inside_list and not name.startswith("resource."):
            message = f"{quote(name)} cannot differ between the items of a list"
            self._reader.error("bad-value", message, key, "an item has only `resource.` attributes of its own")
            return None
        attribute = self._attributes.attributes.get(name)
        if (
            path is not None
            and _EVERY in _STEP.findall(path.path)
            and attribute is not None
            and not attribute.type.is_list
        ):
            message = f"the path of {quote(name)} gives a list and the attribute is of type `{attribute.type.value}`"
            self._reader.error("bad-path", message, node, "leave out `[*]`, or declare the attribute as a list")
            return None
        return path

    def _paths(self, node: Node, field: str) -> tuple[PathRef, ...]:
        if not isinstance(node, Sequence):
            path = self._path(node)
            return () if path is None else (path,)
        if not node.items:
            message = f"the path of {quote(field)} is an empty list"
            self._reader.error("bad-value", message, node, "write a path, or leave the field out")
        found: list[PathRef] = []
        seen: dict[str, Span] = {}
        for path in filter(None, map(self._path, node.items)):
            message = f"the path {quote(path.path)} is listed twice"
            if self._reader.is_new(seen, path.path, path.span, message, "duplicate-value"):
                found.append(path)
        return tuple(found)

    def _path(self, node: Node, *, single: str = "", listed: str = "") -> PathRef | None:
        """Return a path; `single` names one that cannot hold `[*]`, `listed` one that cannot end in it."""
        text = self._reader.text(node, "a path")
        if text is None or not isinstance(node, Scalar):
            return None
        if not text.startswith("$"):
            hint = "paths begin with `$`, such as `$.customer.name`"
            self._reader.error("bad-path", f"{quote(text)} is not a path", node, hint)
            return None
        end = 1
        while step := _STEP.match(text, end):
            end = step.end()
        source = source_text(self._reader.sources[node.file], node)
        if end < len(text):
            message = f"{quote(text)} is not a path from {quote(text[end:])} on"
            self._reader.error("bad-path", message, source.locate(end, len(text) - end), _mend(text[end:]))
            return None
        steps = _STEP.findall(text)
        if single and _EVERY in steps:
            self._reader.error("bad-path", f"{single} cannot hold `[*]`", node)
            return None
        if listed and steps[-1:] == [_EVERY]:
            place = source.locate(len(text) - len(_EVERY), len(_EVERY))
            hint = "name the list itself; its items are meant"
            self._reader.error("bad-path", f"{listed} cannot end in `[*]`", place, hint)
            return None
        return PathRef(text, node.span)


def _mend(rest: str) -> str:
    word = re.match(r"\.([^.\[\]'\"]+)", rest)
    if word:
        return f"write `['{word[1]}']`"
    if re.match(r"\[[0-9]+\]", rest):
        return "single items cannot be picked; write `[*]` for every item"
    return "a path is `$`, then `.name`, `['any name']` or `[*]`"
