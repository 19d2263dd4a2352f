"""Edits of fields as splices of the dictionary's text: what an edit does not concern stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

import yaml

from admin_gui.domain.policy_text.written import flow
from admin_gui.domain.say import Say

Key = Literal["level", "mask", "label"]
_AFTER: Final[Mapping[Key, str]] = {"level": "label", "mask": "type", "label": ""}


class Place(NamedTuple):
    """Where a field stands: the file, and the line from 1."""

    path: str
    line: int


def find(texts: Mapping[str, str], field: str) -> Place | None:
    """Return where a field is declared; None where no text that can be read declares it."""
    for path, text in sorted(texts.items()):
        if field in text:
            for key, _ in _fields(text):
                if key.value == field:
                    return Place(path, key.start_mark.line + 1)
    return None


def set_level(text: str, field: str, level: str) -> str:
    """Give a field another grade. Raises KeyError where it is not declared here."""
    return _set(text, field, "level", level)


def set_mask(text: str, field: str, mask: str) -> str:
    """Give a field another mask, by name. Raises KeyError where it is not declared here."""
    return _set(text, field, "mask", mask)


def set_label(text: str, field: str, label: Say) -> str:
    """Call a field something else. Raises KeyError where it is not declared here."""
    parts = ", ".join(f"{tongue}: {flow(said)}" for tongue, said in (("zh", label.zh), ("en", label.en)) if said)
    return _set(text, field, "label", f"{{{parts}}}")


def _set(text: str, field: str, key: Key, value: str) -> str:
    held = next((held for name, held in _fields(text) if name.value == field), None)
    if held is None:
        raise KeyError(field)
    for name, node in held.value:
        if name.value == key:
            return text[: node.start_mark.index] + value + text[_end(text, node) :]
    if held.flow_style:
        closing = held.end_mark.index - 1
        return f"{text[:closing]}{', ' if held.value else ''}{key}: {value}{text[closing:]}"
    names = [name.value for name, _ in held.value]
    at = names.index(_AFTER[key]) if _AFTER[key] in names else len(names) - 1
    name, node = held.value[at]
    line_end = text.find("\n", _end(text, node))
    line_end = len(text) if line_end < 0 else line_end
    return f"{text[:line_end]}\n{' ' * name.start_mark.column}{key}: {value}{text[line_end:]}"


def _end(text: str, node: yaml.Node) -> int:
    """Return where a node ends; a block's end mark has swallowed what follows it."""
    if isinstance(node, yaml.ScalarNode) or getattr(node, "flow_style", False):
        return int(node.end_mark.index)
    return len(text[: node.end_mark.index].rstrip())


def _fields(text: str) -> Iterator[tuple[yaml.ScalarNode, yaml.MappingNode]]:
    """Yield the fields of all dictionaries of a text; nothing where it cannot be read."""
    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError:
        return
    for document in documents:
        if not isinstance(document, yaml.MappingNode):
            continue
        held = {key.value: node for key, node in document.value}
        kind, fields = held.get("kind"), held.get("fields")
        if kind is not None and kind.value == "Dictionary" and isinstance(fields, yaml.MappingNode):
            yield from ((key, node) for key, node in fields.value if isinstance(node, yaml.MappingNode))
