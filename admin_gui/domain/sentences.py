"""Rules as sentences, in the order of the text or by the fields that they speak about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from admin_gui.domain.say import Say, plain
from jingxi_client._gen.pdp.v1 import bundle_pb2


@dataclass(frozen=True, slots=True)
class Sentence:
    """A rule in words; `path`, `line` and `column` are where it stands."""

    rule: str
    title: Say
    words: Say
    path: str
    line: int
    column: int
    fields: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where it stands, as `file:line:column`."""
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Heading:
    """A field, above the rules that speak about it."""

    label: Say
    count: int


Line = Sentence | Heading


def sentences(bundle: bundle_pb2.Bundle) -> list[Sentence]:
    """Return all rules in words, by file and line."""
    found = []
    for policy in bundle.policies:
        for rule in policy.rules:
            path, line, column = rule.location.rsplit(":", 2)
            title, words = Say(rule.title.zh, rule.title.en), Say(rule.sentence.zh, rule.sentence.en)
            fields = tuple(rule.fields)
            found.append(Sentence(f"{policy.id}/{rule.id}", title, words, path, int(line), int(column), fields))
    return sorted(found, key=lambda one: (one.path, one.line, one.column))


def field_labels(bundle: bundle_pb2.Bundle) -> dict[str, Say]:
    """Return the labels of fields."""
    return {
        found.id: Say(found.label.zh, found.label.en) if found.label.zh or found.label.en else plain(found.id)
        for found in bundle.fields
    }


def chosen(found: Iterable[Sentence], path: str, text: str) -> list[Sentence]:
    """Return the rules of a file in which all words of a text are found, in either language or in their ids."""
    words = text.lower().split()
    result = []
    for one in found:
        said = " ".join((one.rule, *one.title, *one.words, *one.fields)).lower()
        if one.path == path and all(word in said for word in words):
            result.append(one)
    return result


def by_field(found: Sequence[Sentence], labels: dict[str, Say]) -> list[Line]:
    """Return rules below the fields that they speak about; a rule stands below each of its fields."""
    groups: dict[str, list[Sentence]] = {}
    for one in found:
        for name in one.fields:
            groups.setdefault(name, []).append(one)
    result: list[Line] = []
    for name in sorted(groups):
        result.append(Heading(labels.get(name, plain(name)), len(groups[name])))
        result += groups[name]
    return result
