"""Reads `Test` documents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pdp.lang.loader import names
from pdp.lang.loader.attributes import AttributeTable
from pdp.lang.loader.dictionary import read_mask_use
from pdp.lang.loader.grants import read_grants
from pdp.lang.loader.nodes import Mapping as MappingNode
from pdp.lang.loader.nodes import Node, Scalar, entry_span
from pdp.lang.loader.reader import Reader, Record, Shape, is_null
from pdp.lang.loader.report import quote
from pdp.lang.model import Effect, Expectation, GrantSpec, MaskRef, MaskSpec, Scenario, TestSuite
from pdp.source import Span

# The bounds of a DecideRequest.
MAX_FIELDS = 512
MAX_GRANTS = 8
_DOCUMENT = Shape("Test document", "kind id scenarios", "title now request grants")
_SCENARIO = Shape("scenario", "id expect", "title requirements now request grants grant_ids obligations")
_REQUEST = Shape("request", "", " ".join(names.SECTIONS))
_EXPECTATION = Shape("expected verdict", "", "mask unmask rule")
_ANY_MASK = "mask"
_UNMASK = "unmask"
_REMOVED = object()
_WRONG = object()


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the scenarios of a suite have in common; `scenario_spans` fills as they are read."""

    now: int | None
    request: dict[str, Any]
    grants: list[GrantSpec]
    grant_spans: dict[str, Span]
    scenario_spans: dict[str, Span] = field(default_factory=dict)


class TestReader:
    """Reads test suites; `attributes` must hold all declarations."""

    __test__ = False  # keeps pytest from collecting it

    def __init__(self, reader: Reader, attributes: AttributeTable) -> None:
        self.suites: list[TestSuite] = []
        self._reader = reader
        self._attributes = attributes
        self._seen: dict[str, Span] = {}

    def read(self, document: MappingNode) -> None:
        """Take in a `Test` document."""
        record = self._reader.record(document, _DOCUMENT)
        if record is None:
            return
        suite_id = record.name("id", names.TEST)
        title = record.label("title")
        now = record.timestamp("now")
        request = self._request(record, shared=True)
        grant_spans: dict[str, Span] = {}
        grants = read_grants(self._reader, record.items("grants"), grant_spans)
        shared = _Shared(now, request, grants, grant_spans)
        found = (self._scenario(item, shared) for item in record.items("scenarios"))
        scenarios = tuple(scenario for scenario in found if scenario is not None)
        if suite_id is None:
            return
        message = f"the test id {quote(suite_id)} is used twice"
        if self._reader.is_new(self._seen, suite_id, record.span("id"), message, "duplicate-document"):
            self.suites.append(TestSuite(suite_id, title, scenarios, document.span))

    def _scenario(self, node: Node, shared: _Shared) -> Scenario | None:
        record = self._reader.record(node, _SCENARIO, "a scenario")
        if record is None:
            return None
        scenario_id = record.name("id", names.SCENARIO)
        attributes = self._overlaid(record, shared.request)
        expected = self._expected(record)
        obligations = record.names("obligations", names.OBLIGATION) if record.get("obligations") else None
        own_grants = read_grants(self._reader, record.items("grants"), dict(shared.grant_spans))
        scenario = Scenario(
            id=scenario_id or "",
            title=record.label("title"),
            requirements=record.texts("requirements"),
            now=record.timestamp("now") if record.get("now") else shared.now,
            attributes=attributes,
            fields=tuple(expectation.field for expectation in expected),
            grants=(*shared.grants, *own_grants),
            grant_ids=self._grant_ids(record),
            expected=expected,
            obligations=obligations,
            span=node.span,
        )
        if scenario_id is None:
            return None
        message = f"the scenario id {quote(scenario_id)} is used twice in this test"
        return scenario if self._reader.is_new(shared.scenario_spans, scenario_id, record.span("id"), message) else None

    def _overlaid(self, record: Record, shared: dict[str, Any]) -> dict[str, Any]:
        merged = shared | self._request(record, shared=False)
        if merged.get("subject.id", _REMOVED) in (_REMOVED, ""):
            hint = "add `request: {subject: {id: …}}` here or to the whole test"
            self._reader.error("missing-key", "the scenario's request has no `subject.id`", record.node, hint)
        return {name: v for name, v in merged.items() if v is not _REMOVED and v is not _WRONG}

    def _request(self, record: Record, *, shared: bool) -> dict[str, Any]:
        """Return the attributes of a request by dotted name; _REMOVED and _WRONG stand for values."""
        node = record.get("request")
        request = None if node is None else self._reader.record(node, _REQUEST, "`request`")
        if request is None:
            return {}
        attributes: dict[str, Any] = {}
        for section in names.SECTIONS:
            for word, (key, value) in request.entries(section).items():
                attribute = self._attributes.lookup(f"{section}.{word}", key)
                if attribute is None:
                    continue
                if is_null(value) and not shared:
                    attributes[attribute.name] = _REMOVED
                    continue
                typed = self._attributes.value(attribute, value)
                attributes[attribute.name] = _WRONG if typed is None else typed
        return attributes

    def _grant_ids(self, record: Record) -> tuple[str, ...]:
        grant_ids = record.texts("grant_ids")
        if len(grant_ids) > MAX_GRANTS:
            message = f"`grant_ids` has {len(grant_ids)} items; a request names at most {MAX_GRANTS} grants"
            self._reader.error("bad-value", message, record.span("grant_ids"))
        return grant_ids

    def _expected(self, record: Record) -> tuple[Expectation, ...]:
        node = record.get("expect")
        if node is None:
            return ()
        entries = record.entries("expect")
        if isinstance(node, MappingNode) and not 0 < len(entries) <= MAX_FIELDS:
            message = f"`expect` names {len(entries)} fields; a request asks for 1 to {MAX_FIELDS}"
            self._reader.error("bad-value", message, node)
        found = (self._expectation(field, key, value) for field, (key, value) in entries.items())
        return tuple(expectation for expectation in found if expectation is not None)

    def _expectation(self, field: str, key: Scalar, node: Node) -> Expectation | None:
        named = self._reader.is_name(field, key, names.FIELD)
        rule, verdict = "", None
        if isinstance(node, MappingNode):
            record = self._reader.record(node, _EXPECTATION)
            if record is not None:
                rule = record.name("rule", names.RULE_REFERENCE) or ""
                verdict = self._written_verdict(record)
        else:
            verdict = self._verdict(node, "the expected verdict")
        if verdict is None or not named:
            return None
        return Expectation(field, *verdict, rule, entry_span((key, node)))

    def _written_verdict(self, record: Record) -> tuple[Effect, MaskRef | MaskSpec | None] | None:
        mask, unmask = record.get("mask"), record.get("unmask")
        if (mask is None) == (unmask is None):
            code = "missing-key" if mask is None else "bad-value"
            hint = "write `unmask: true` or `mask: …`"
            self._reader.error(code, "the expected verdict is not clear", record.node, hint)
            return None
        if mask is not None:
            return self._verdict(mask, "`mask`")
        value = self._reader.flag(unmask, "`unmask`") if unmask is not None else None
        if value is False:
            hint = "write `mask: mask` for any mask"
            self._reader.error("bad-value", "`unmask` can only be `true`", record.span("unmask"), hint)
        return (Effect.UNMASK, None) if value else None

    def _verdict(self, node: Node, what: str) -> tuple[Effect, MaskRef | MaskSpec | None] | None:
        if isinstance(node, Scalar) and node.value == _UNMASK:
            return Effect.UNMASK, None
        if isinstance(node, Scalar) and node.value == _ANY_MASK:
            return Effect.MASK, None
        mask = read_mask_use(self._reader, node, what)
        return None if mask is None else (Effect.MASK, mask)
