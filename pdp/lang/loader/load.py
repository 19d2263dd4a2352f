"""Puts the documents of all files together into a policy set."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pdp.lang.diagnostics import Diagnostics
from pdp.lang.loader.attributes import AttributeTable
from pdp.lang.loader.callers import CallerSpec, CallersReader
from pdp.lang.loader.dictionary import DictionaryTable
from pdp.lang.loader.failure import FailureRuleReader
from pdp.lang.loader.files import read_folder, source_of
from pdp.lang.loader.grants import read_grants
from pdp.lang.loader.message_map import MessageMapReader
from pdp.lang.loader.names import LEVELS
from pdp.lang.loader.nodes import Mapping as MappingNode
from pdp.lang.loader.nodes import Node, compose
from pdp.lang.loader.places import PlaceSpec, PlacesReader
from pdp.lang.loader.policy import PolicyReader
from pdp.lang.loader.reader import Reader, Shape
from pdp.lang.loader.report import Report, quote
from pdp.lang.loader.suite import TestReader
from pdp.lang.model import Effect, GrantSpec, PolicySet
from pdp.source import SourceFile, Span, whole

# In the order of reading: values are typed by the attributes declared in any file.
_KINDS = ("Attributes", "Dictionary", "Masks", "MessageMap", "Policy", "FailureRule", "Test")
_GRANTS_KIND = "Grants"
_GRANTS = Shape("Grants document", "kind grants")
_CALLERS_KIND = "Callers"
_PLACES_KIND = "Places"


def load_folder(path: Path) -> tuple[PolicySet, Diagnostics]:
    """Read all policy files below a folder. What cannot be read is reported and left out of the set."""
    report = Report(Diagnostics())
    return _load(read_folder(path, report), report), report.diagnostics


def load_texts(texts: Mapping[str, str]) -> tuple[PolicySet, Diagnostics]:
    """Read policy files that are texts by file name, as an editor holds them."""
    report = Report(Diagnostics())
    found = (source_of(name, texts[name], report) for name in sorted(texts))
    return _load([source for source in found if source is not None], report), report.diagnostics


def load_grants(
    name: str, text: str, fields: Collection[str] | None = None
) -> tuple[dict[str, GrantSpec], Diagnostics]:
    """Read a grants file: `kind: Grants` and `grants: […]`. With `fields`, other field ids are refused.

    A grant with any error is left out as a whole.
    """
    report = Report(Diagnostics())
    source = source_of(name, text, report)
    sources = [] if source is None else [source]
    reader = Reader(report, {s.name: s for s in sources})
    documents = _documents(sources, reader, (_GRANTS_KIND,))
    seen: dict[str, Span] = {}
    grants: dict[str, GrantSpec] = {}
    for document in documents[_GRANTS_KIND]:
        record = reader.record(document, _GRANTS)
        if record is not None:
            grants |= {g.id: g for g in read_grants(reader, record.items("grants"), seen, fields)}
    if source is not None and not report.diagnostics.items and not documents[_GRANTS_KIND]:
        report.error("missing-key", "the file holds no grants", whole(name), "write `kind: Grants` and `grants: []`")
    return grants, report.diagnostics


def load_callers(name: str, text: str) -> tuple[tuple[CallerSpec, ...], Diagnostics]:
    """Read a callers file: `kind: Callers` and `callers: […]`. A caller with any error is left out as a whole."""
    report = Report(Diagnostics())
    source = source_of(name, text, report)
    sources = [] if source is None else [source]
    reader = Reader(report, {s.name: s for s in sources})
    documents = _documents(sources, reader, (_CALLERS_KIND,))
    callers = CallersReader(reader)
    for document in documents[_CALLERS_KIND]:
        callers.read(document)
    if source is not None and not report.diagnostics.items and not documents[_CALLERS_KIND]:
        report.error("missing-key", "the file holds no callers", whole(name), "write `kind: Callers` and `callers: []`")
    return tuple(callers.callers), report.diagnostics


def load_places(name: str, text: str) -> tuple[tuple[PlaceSpec, ...], Diagnostics]:
    """Read a places file: `kind: Places` and `places: […]`. A place with any error is left out."""
    report = Report(Diagnostics())
    source = source_of(name, text, report)
    sources = [] if source is None else [source]
    reader = Reader(report, {s.name: s for s in sources})
    documents = _documents(sources, reader, (_PLACES_KIND,))
    places = PlacesReader(reader)
    for document in documents[_PLACES_KIND]:
        places.read(document)
    if source is not None and not report.diagnostics.items and not places.places:
        report.error("missing-key", "the file holds no places", whole(name), "write `kind: Places` and `places: […]`")
    return tuple(places.places), report.diagnostics


def _load(sources: list[SourceFile], report: Report) -> PolicySet:
    reader = Reader(report, {source.name: source for source in sources})
    attributes = AttributeTable(reader)
    dictionary = DictionaryTable(reader)
    message_maps = MessageMapReader(reader, attributes)
    policies = PolicyReader(reader, attributes)
    failure = FailureRuleReader(reader)
    tests = TestReader(reader, attributes)
    read: dict[str, Callable[[MappingNode], None]] = {
        "Attributes": attributes.read,
        "Dictionary": dictionary.read_dictionary,
        "Masks": dictionary.read_masks,
        "MessageMap": message_maps.read,
        "Policy": policies.read,
        "FailureRule": failure.read,
        "Test": tests.read,
    }
    with _collector_paused():
        documents = _documents(sources, reader, _KINDS)
        for kind in _KINDS:
            while documents[kind]:  # a document's nodes are freed as soon as it is read
                read[kind](documents[kind].popleft())
    return PolicySet(
        attributes=attributes.attributes,
        level_defaults={level: dictionary.level_defaults.get(level, Effect.MASK) for level in LEVELS},
        fields=dictionary.fields,
        masks=dictionary.masks,
        message_maps=tuple(message_maps.message_maps),
        policies=tuple(policies.policies),
        tests=tuple(tests.suites),
        sources=reader.sources,
        failure_rule=failure.failure_rule,
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cycle collector from walking, again and again, a growing tree that has no cycles.

    It takes three quarters of the time of a large set; the bounds of `nodes` and `files` limit what can grow meanwhile.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _documents(sources: list[SourceFile], reader: Reader, kinds: tuple[str, ...]) -> dict[str, deque[MappingNode]]:
    """Return the documents of each kind in the order of files and places."""
    documents: dict[str, deque[MappingNode]] = {kind: deque() for kind in kinds}
    for source in sources:
        for node in compose(source, reader.report):
            kind = _kind(node, reader, kinds)
            if kind is not None and isinstance(node, MappingNode):
                documents[kind].append(node)
    return documents


def _kind(node: Node, reader: Reader, kinds: tuple[str, ...]) -> str | None:
    if not isinstance(node, MappingNode):
        reader.wrong_type(node, "a document", "a mapping", "begin it with `kind: …`")
        return None
    if "kind" not in node.entries:
        hint = f"add `kind: …`, one of {', '.join(kinds)}"
        reader.error("missing-key", "the document has no `kind`", node, hint)
        return None
    value = node.entries["kind"][1]
    kind = reader.text(value, "`kind`")
    if kind is None or kind in kinds:
        return kind
    if kind in {_GRANTS_KIND, _CALLERS_KIND}:
        hint = f"{kind.lower()} are not part of a policy set; keep them in a file of their own outside it"
    else:
        hint = reader.report.did_you_mean(kind.title(), kinds) or f"the kinds are {', '.join(kinds)}"
    reader.error("unknown-kind", f"{quote(kind)} is not a kind of document", value, hint)
    return None
