"""What can be written at a place of a policy text, and what it means: attributes, values, fields, levels, masks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from admin_gui.domain.form import shown, value_of
from admin_gui.domain.say import Say, plain
from jingxi_client._gen.pdp.v1 import bundle_pb2, types_pb2

_ATTRIBUTE: Final = Say("属性", "attribute")
_FIELD: Final = Say("字段，{level} 级", "field, level {level}")
_LEVEL: Final = Say("级别，{count} 个字段", "level, {count} fields")
_MASK: Final = Say("脱敏方式", "mask")
_VALUE: Final = Say("{attribute} 的值", "value of {attribute}")
_WORD: Final = re.compile(r"[\w.\-]+")
_ASKED: Final = re.compile(r"((?:subject|action|resource|context)(?:\.[a-z_][a-z0-9_]*)+)\s*(?:[=!<>]=?|\bin\b|:)")
_FIELDS: Final = re.compile(r"^\s*(?:-\s*)?fields\s*:")
_LEVELS: Final = re.compile(r"^\s*(?:-\s*)?levels?\s*:|\blevel\s*:")
_MASKS: Final = re.compile(r"\bmask\s*:")
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Word:
    """Something that can be written, and what it means."""

    text: str
    label: Say
    kind: Say

    @property
    def about(self) -> Say:
        """What it means, in one line."""
        return Say(f"{self.label.zh}（{self.kind.zh}）", f"{self.label.en} ({self.kind.en})")


class Vocabulary:
    """The words of a policy set."""

    def __init__(self, bundle: bundle_pb2.Bundle) -> None:
        self._attributes = [Word(one.name, _label(one.label, one.name), _ATTRIBUTE) for one in bundle.attributes]
        self._fields = [
            Word(one.id, _label(one.label, one.id), _FIELD.filled(level=one.level)) for one in bundle.fields
        ]
        levels = [one.level for one in bundle.fields]
        self._levels = [
            Word(level, plain(level), _LEVEL.filled(count=levels.count(level))) for level in sorted(set(levels))
        ]
        self._masks = [Word(one.name, plain(one.algorithm), _MASK) for one in bundle.masks]
        self._values: Mapping[str, list[Word]] = {
            one.name: [
                Word(
                    shown(value_of(allowed.value)), _label(allowed.label, shown(value_of(allowed.value))),
                    _VALUE.filled(attribute=_label(one.label, one.name)),
                )
                for allowed in one.allowed_values
            ]
            for one in bundle.attributes
            if one.allowed_values
        }  # fmt: skip
        everything = [*self._masks, *self._levels, *self._fields, *self._attributes]
        self._known = {word.text: word for word in everything}

    def meaning(self, line: str, column: int) -> Word | None:
        """Return what the word at a column (from 0, in characters) of a line means; None for nothing known."""
        found = next((match for match in _WORD.finditer(line) if match.start() <= column < match.end()), None)
        if found is None:
            return None
        before = line[: found.start()]
        asked = _asked(before)
        values = self._values.get(asked, []) if asked else []
        return next((word for word in values if word.text == found[0]), None) or self._known.get(found[0])

    def fitting(self, before: str) -> list[Word]:
        """Return what may follow the text of a line up to the cursor, what begins as was typed first."""
        typed = typed_word(before)
        found = list(self._at(before[: len(before) - len(typed)]))
        low = typed.lower()
        begin = [word for word in found if word.text.lower().startswith(low)]
        inside = [word for word in found if word not in begin and _has(word, low)]
        return [*begin, *inside][:_MOST]

    def _at(self, before: str) -> Iterator[Word]:
        asked = _asked(before)
        if asked and asked in self._values:
            yield from self._values[asked]
        elif _FIELDS.search(before):
            yield from self._fields
        elif _MASKS.search(before):
            yield from self._masks
        elif _LEVELS.search(before):
            yield from self._levels
        else:
            yield from self._attributes
            yield from self._fields
            yield from self._masks


def typed_word(before: str) -> str:
    """Return the word that is being typed at the end of a text."""
    found = re.search(r"[\w.\-]*$", before)
    return found[0] if found else ""


def _asked(before: str) -> str:
    """Return the attribute whose value stands at the end of a text; empty when none is asked there."""
    found = next(reversed(list(_ASKED.finditer(before))), None)
    if found is None or re.search(r"&&|\|\||\)|;", before[found.end() :]):
        return ""
    return found[1]


def _has(word: Word, low: str) -> bool:
    return any(low in text.lower() for text in (word.text, *word.label))


def _label(label: types_pb2.LocalizedText, name: str) -> Say:
    said = Say(label.zh, label.en)
    return said if any(said) else plain(name)
