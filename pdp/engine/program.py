"""A compiled bundle that answers requests: bytes in, bytes out.

The usual request takes the short way: compiled conditions, then the encoded verdicts out of a table keyed by the
requested fields and the rules that hold. That key is all that verdicts depend on, so the table caches an encoding,
never a decision: conditions are evaluated afresh each time. Grants, undecided conditions and anything noteworthy take
the long way, which builds the answer from `outcome` each time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from pdp.engine import trace
from pdp.engine.assemble import Schema, assemble
from pdp.engine.bundle import parse
from pdp.engine.decision_ids import DecisionIds
from pdp.engine.exact import Evaluator
from pdp.engine.grants import NO_GRANTS, GrantSource, counting_grants
from pdp.engine.outcome import Hit, Outcomes, coverage
from pdp.engine.request import (
    MAX_FIELDS,
    MAX_GRANTS,
    MAX_ITEMS,
    MAX_REQUEST_ID,
    SMALL,
    TYPES,
    check_parties,
    check_resource,
    decode,
    python_value,
)
from pdp.engine.rules import CompiledRule, read_rules
from pdp.engine.runtime import MISSING
from pdp.engine.view import NO_GRANT, GrantFacts, Parties, RequestView
from pdp.errors import RequestError, StaleRevisionError, UnknownMessageError, Violation
from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2

MAX_DIAGNOSTICS = 32
# At most 4 bytes a code point: shorter than this cannot be too long.
SHORT_REQUEST_ID = MAX_REQUEST_ID // 4
_TABLE_SIZE = 4_096
_TABLE_FIELDS = 64

_Request = decision_service_pb2.DecideRequest
_Response = decision_service_pb2.DecideResponse
# Attributes that are fields of their own in a request, so that a map holding them holds something undeclared.
_OWN = {
    "subject": frozenset({"id", "roles"}),
    "action": frozenset({"name"}),
    "resource": frozenset({"type", "id"}),
    "context": frozenset[str](),
}


class Program:
    """One revision of a policy set, ready to decide. Immutable but for its table of encodings; safe to share."""

    def __init__(self, signed: bundle_pb2.SignedBundle, grants: GrantSource, ids: DecisionIds) -> None:
        self.bundle = bundle = parse(signed)
        self.revision = signed.revision
        self.hash = signed.hash
        self.grants = grants
        self.rules: list[CompiledRule] = read_rules(bundle)
        types = {a.name: TYPES[a.type] for a in bundle.attributes}
        defaults = {
            a.name: python_value(a.default_value, types[a.name])
            for a in bundle.attributes
            if a.HasField("default_value")
        }
        self.schema = Schema(types, defaults)
        self.outcomes = Outcomes(bundle, self.rules)
        compiled = assemble(self.rules, self.schema, f"policy set {signed.hash[:12]}")
        self.source = compiled.source
        self._plain = compiled.plain
        self._granted = compiled.granted
        self._ids = ids
        self._bodies: dict[tuple[tuple[str, ...], tuple[int, ...]], bytes] = {}
        self._trailer = _Response(revision=self.revision, policy_hash=self.hash).SerializeToString()
        self._names = {
            root: frozenset(n.partition(".")[2] for n in types if n.startswith(root + ".")) - _OWN[root]
            for root in _OWN
        }
        self._declared = tuple(self._names[root].issuperset for root in ("context", "subject", "resource", "action"))
        self._messages = {
            (m.application, m.name, part.name): tuple(f.field for f in part.fields)
            for m in bundle.message_maps
            for part in m.parts
        }

    @classmethod
    def from_bundle(
        cls, signed: bundle_pb2.SignedBundle, *, grants: GrantSource = NO_GRANTS, ids: DecisionIds | None = None
    ) -> Program:
        """Compile a bundle. Raises BundleError."""
        return cls(signed, grants, ids or DecisionIds())

    def decide(self, payload: bytes, now: int | None = None) -> bytes:
        """Answer a serialized DecideRequest with a serialized DecideResponse.

        `now` is in nanoseconds since 1970, the clock's time when None. Raises RequestError.
        """
        request = decode(_Request.FromString, payload)
        return self.answer(request, len(payload), time.time_ns() if now is None else now)

    def answer(self, request: decision_service_pb2.DecideRequest, size: int, now: int) -> bytes:
        """Answer a decoded DecideRequest of `size` bytes. Raises RequestError."""
        subject, request_id = request.subject, request.request_id
        grant_ids = request.grant_ids
        if size > SMALL or not subject.id or len(request_id) > SHORT_REQUEST_ID or len(grant_ids) > MAX_GRANTS:
            check_parties(request, size)
            check_resource(request.resource, "resource")
        if request.min_revision > self.revision:
            raise self._stale(request.min_revision)
        head = self._ids.head()
        if request_id:
            text = request_id.encode()
            head += b"\x12" + bytes((len(text),)) + text if len(text) < 128 else _tagged(b"\x12", text)
        fields = self.requested_fields(request)
        body = self._decide(subject, request.action, request.resource, request.context, now, grant_ids, fields)
        return head + self._trailer + body

    def decide_batch(self, payload: bytes, now: int | None = None) -> bytes:
        """Answer a serialized DecideBatchRequest with a serialized DecideBatchResponse. Raises RequestError."""
        request = decode(decision_service_pb2.DecideBatchRequest.FromString, payload)
        size = len(payload)
        check_parties(request, size)
        if request.min_revision > self.revision:
            raise self._stale(request.min_revision)
        if not 1 <= len(request.items) <= MAX_ITEMS:
            raise RequestError(Violation("items", f"has {len(request.items)} entries, must have 1 to {MAX_ITEMS}"))
        moment = time.time_ns() if now is None else now
        response = decision_service_pb2.DecideBatchResponse(
            request_id=request.request_id, revision=self.revision, policy_hash=self.hash
        )
        chunks = [response.SerializeToString()]
        for position, item in enumerate(request.items):
            chunks.append(_tagged(b"\x22", self._item(request, item, position, size, moment)))
        return b"".join(chunks)

    def _item(self, request: Any, item: Any, position: int, size: int, now: int) -> bytes:
        """Return the serialized BatchResult of one item."""
        place = f"items[{position}]"
        try:
            if size > SMALL:
                check_resource(item.resource, f"{place}.resource")
            fields = self.requested_fields(item, f"{place}.")
        except RequestError as error:
            failure = decision_service_pb2.ItemError(code=3, message=str(error), field=error.violations[0].field)
            return decision_service_pb2.BatchResult(error=failure).SerializeToString()
        subject, action, context = request.subject, request.action, request.context
        body = self._decide(subject, action, item.resource, context, now, request.grant_ids, fields)
        return _tagged(b"\x0a", self._ids.head() + body)

    def explain(self, payload: bytes, now: int | None = None) -> bytes:
        """Answer a serialized ExplainRequest with a serialized ExplainResponse. Raises RequestError.

        A time in the request wins over `now`.
        """
        return trace.explain(self, payload, time.time_ns() if now is None else now)

    def requested_fields(self, request: Any, place: str = "") -> tuple[str, ...]:
        """Return the fields that a request or a batch item asks about. Raises RequestError."""
        fields = tuple(request.fields)
        if request.HasField("message"):
            if fields:
                raise RequestError(Violation(f"{place}message", "excludes `fields`; send one of them"))
            message = request.message
            known = self._messages.get((message.application, message.name, message.part))
            if known is None:
                shown = " ".join(filter(None, (message.application, message.name, message.part)))
                raise UnknownMessageError(Violation(f"{place}message", f"no message map for `{shown}`"))
            fields = known
        if not 1 <= len(fields) <= MAX_FIELDS:
            raise RequestError(Violation(f"{place}fields", f"has {len(fields)} entries, must have 1 to {MAX_FIELDS}"))
        return fields

    def _stale(self, wanted: int) -> StaleRevisionError:
        return StaleRevisionError(Violation("min_revision", f"is {wanted}, this node has revision {self.revision}"))

    def _decide(  # noqa: PLR0917 - unpacked, because this is the hot path
        self,
        subject: Any,
        action: Any,
        resource: Any,
        context: Any,
        now: int,
        grant_ids: Sequence[str],
        fields: tuple[str, ...],
    ) -> bytes:
        """Return the serialized verdicts, masks, reasons, obligations and diagnostics."""
        hits: list[int] = []
        slow: list[int] = []
        in_context, of_subject, of_resource, of_action = self._declared
        plain = (
            in_context(context)
            and of_subject(subject.attributes)
            and of_resource(resource.attributes)
            and of_action(action.attributes)
            and not grant_ids
        )
        if plain:
            self._plain(subject, action, resource, context, now, NO_GRANT, hits, slow)
            if self._granted is not None:
                self._granted(subject, action, resource, context, now, NO_GRANT, hits, slow)
            if not slow:
                if len(hits) > 1:
                    hits.sort()
                key = (fields, tuple(hits))
                body = self._bodies.get(key)
                return body if body is not None else self._encode(key)
        parties = Parties(subject, action, resource, context, now)
        return self._decide_slowly(parties, fields, grant_ids).SerializeToString()

    def _encode(self, key: tuple[tuple[str, ...], tuple[int, ...]]) -> bytes:
        """Return the encoded outcome of rules that hold outright, and remember it within bounds."""
        fields, hits = key
        response = _Response()
        self.outcomes.respond(fields, [Hit(self.rules[index]) for index in hits], response)
        self._diagnose(response, fields, [], [])
        body = response.SerializeToString(deterministic=True)
        if len(fields) <= _TABLE_FIELDS and all(map(self.outcomes.known, fields)):
            if len(self._bodies) >= _TABLE_SIZE:
                self._bodies.clear()
            self._bodies[key] = body
        return body

    def _decide_slowly(
        self, parties: Parties, fields: tuple[str, ...], grant_ids: Sequence[str]
    ) -> decision_service_pb2.DecideResponse:
        hits, undecided, diagnostics = self.evaluate(parties, grant_ids)
        response = _Response()
        self.outcomes.respond(fields, hits, response)
        wanted = frozenset(fields)
        speaking = [d for index, d in sorted(undecided.items()) if not wanted.isdisjoint(self.rules[index].fields)]
        self._diagnose(response, fields, [*self._undeclared(parties), *diagnostics], speaking)
        return response

    def evaluate(
        self, parties: Parties, grant_ids: Sequence[str]
    ) -> tuple[list[Hit], dict[int, types_pb2.Diagnostic], list[types_pb2.Diagnostic]]:
        """Return the hits in canonical order, a diagnostic for each undecided rule, and those about grants."""
        grants, diagnostics = counting_grants(self.grants, grant_ids, parties.subject.id, parties.resource, parties.now)
        hits: list[tuple[int, int, Hit]] = []
        undecided: dict[int, types_pb2.Diagnostic] = {}
        self._run(self._plain, parties, None, 0, hits, undecided)
        if self._granted is not None:
            for order, grant in enumerate(grants or [None]):
                facts = GrantFacts.of(grant) if grant is not None else NO_GRANT
                self._run(self._granted, parties._replace(grant=facts), grant, order, hits, undecided)
        hits.sort(key=lambda found: found[:2])
        return [hit for _, _, hit in hits], undecided, diagnostics

    def _run(
        self,
        function: Any,
        parties: Parties,
        grant: bundle_pb2.Grant | None,
        order: int,
        hits: list[tuple[int, int, Hit]],
        undecided: dict[int, types_pb2.Diagnostic],
    ) -> None:
        """Evaluate compiled rules under one grant, then exactly those that it left open."""
        found: list[int] = []
        slow: list[int] = []
        function(*parties, found, slow)
        grant_id = grant.id if grant is not None else ""
        covers = coverage(grant, self.outcomes.level) if grant is not None else None
        view = RequestView(self.schema, parties)
        open_rules: set[int] = set()
        for index in set(slow):
            outcome, attributes = settle(self.rules[index], view)
            if outcome:
                found.append(index)
            elif outcome is None:
                open_rules.add(index)
                known = undecided.setdefault(index, _undecided(self.rules[index]))
                known.attributes[:] = sorted({*known.attributes, *attributes})
        hits += [(index, order, Hit(self.rules[index], grant_id, covers=covers)) for index in found]
        hits += [
            (index, order, Hit(self.rules[index], grant_id, undecided=True))
            for index in open_rules
            if not self.rules[index].unmasks
        ]

    def _undeclared(self, parties: Parties) -> list[types_pb2.Diagnostic]:
        present = {
            "subject": parties.subject.attributes,
            "action": parties.action.attributes,
            "resource": parties.resource.attributes,
            "context": parties.context,
        }
        names = sorted(f"{root}.{key}" for root, keys in present.items() for key in set(keys) - self._names[root])
        code = types_pb2.DIAGNOSTIC_CODE_UNDECLARED_ATTRIBUTE
        message = "the policy set does not declare this attribute"
        return [types_pb2.Diagnostic(code=code, message=message, subject=name) for name in names]

    def _diagnose(
        self,
        response: decision_service_pb2.DecideResponse,
        fields: Sequence[str],
        about_request: Sequence[types_pb2.Diagnostic],
        about_rules: Sequence[types_pb2.Diagnostic],
    ) -> None:
        """Write the diagnostics: unknown fields in request order, undeclared attributes, grants, undecided rules."""
        unknown = [f for f in dict.fromkeys(fields) if not self.outcomes.known(f)]
        code = types_pb2.DIAGNOSTIC_CODE_UNKNOWN_FIELD
        message = "the dictionary does not have this field; it is masked in full"
        found = [types_pb2.Diagnostic(code=code, message=message, subject=field) for field in unknown]
        found += [*about_request, *about_rules]
        if len(found) > MAX_DIAGNOSTICS:
            left = len(found) - MAX_DIAGNOSTICS + 1
            cut = types_pb2.Diagnostic(code=types_pb2.DIAGNOSTIC_CODE_TRUNCATED, message=f"{left} more diagnostics")
            found = [*found[: MAX_DIAGNOSTICS - 1], cut]
        response.diagnostics.extend(found)


def settle(rule: CompiledRule, view: RequestView) -> tuple[bool | None, set[str]]:
    """Return whether a rule holds (None: undecided) and the unusable attributes of its undecided conditions."""
    evaluator = Evaluator(view.get, rule.variables)
    attributes: set[str] = set()
    undecided = False
    for condition in rule.conditions:
        holds = evaluator.clause(condition.expr)
        if holds is False:
            return False, set()
        if holds is None:
            undecided = True
            attributes |= {name for name in condition.attributes if view.get(name) is MISSING}
    return (None, attributes) if undecided else (True, set())


def _undecided(rule: CompiledRule) -> types_pb2.Diagnostic:
    code = types_pb2.DIAGNOSTIC_CODE_UNDECIDED_RULE
    effect = "does not unmask" if rule.unmasks else "masks"
    return types_pb2.Diagnostic(
        code=code, message=f"the condition is undecided, so the rule {effect}", subject=rule.name
    )


def _tagged(tag: bytes, body: bytes) -> bytes:
    """Return a length-delimited protobuf field."""
    size, prefix = len(body), bytearray(tag)
    while size > 127:
        prefix.append(size & 127 | 128)
        size >>= 7
    prefix.append(size)
    return bytes(prefix) + body
