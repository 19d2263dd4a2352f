"""A compiled bundle that answers requests: bytes in, bytes out.

The usual request takes the short way: compiled conditions, then the encoded verdicts out of a table keyed by the
requested fields and the rules that hold. That key is all that verdicts depend on, so the table caches an encoding,
never a decision: conditions are evaluated afresh each time. Grants, undecided conditions and anything noteworthy take
the long way, which builds the answer from `outcome` each time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Self

from pdp.engine import batch, trace
from pdp.engine.assemble import Schema
from pdp.engine.bundle import parse
from pdp.engine.counts import Counts, Encoded, Tally
from pdp.engine.decision_ids import DecisionIds
from pdp.engine.evaluation import Evaluation, Undecided
from pdp.engine.grants import NO_GRANTS, GrantLedger, GrantSource, counting_grants, named_applications
from pdp.engine.outcome import Hit, Outcomes
from pdp.engine.recording import MakeRecorder, Notes, Noteworthy, Recorded
from pdp.engine.request import (
    MAX_FIELDS,
    MAX_GRANTS,
    MAX_REQUEST_ID,
    SMALL,
    TYPES,
    check_parties,
    check_resource,
    decode,
    python_value,
)
from pdp.engine.rules import CompiledRule, read_rules
from pdp.engine.view import Parties
from pdp.engine.wire import length_delimited
from pdp.errors import RequestError, StaleGrantsError, StaleRevisionError, UnknownMessageError, Violation
from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2

MAX_DIAGNOSTICS = 32
# At most 4 bytes a code point: shorter than this cannot be too long.
SHORT_REQUEST_ID = MAX_REQUEST_ID // 4
_TABLE_SIZE = 8_192
_TABLE_FIELDS = 64
_ODD_SIZE = 512
_ODD_CHARACTERS = 2_048

_Key = tuple[tuple[str, ...], tuple[int, ...]]
"""The requested fields, and the hits."""

# Looks at a decoded request before it is decided; raises to refuse it.
Check = Callable[[Any], None]

_Request = decision_service_pb2.DecideRequest
_Response = decision_service_pb2.DecideResponse
_UNMASK = types_pb2.EFFECT_UNMASK
# Attributes that are fields of their own in a request, so that a map holding them holds something undeclared.
_OWN = {
    "subject": frozenset({"id", "roles"}),
    "action": frozenset({"name"}),
    "resource": frozenset({"type", "id"}),
    "context": frozenset[str](),
}


class Program:
    """One revision of a policy set, ready to decide. Immutable but for its table of encodings; safe to share.

    `typed` is as of `Schema`.
    """

    typed = False

    def __init__(
        self,
        signed: bundle_pb2.SignedBundle,
        grants: GrantSource,
        ids: DecisionIds,
        recorder: MakeRecorder | None = None,
    ) -> None:
        self.bundle = bundle = parse(signed)
        self.revision = signed.revision
        self.hash = signed.hash
        self.grants = grants
        self.ledger = grants if isinstance(grants, GrantLedger) else GrantLedger()
        self.rules: list[CompiledRule] = read_rules(bundle)
        types = {a.name: TYPES[a.type] for a in bundle.attributes}
        defaults = {
            a.name: python_value(a.default_value, types[a.name])
            for a in bundle.attributes
            if a.HasField("default_value")
        }
        self.schema = Schema(types, defaults, self.typed)
        self.outcomes = Outcomes(bundle, self.rules)
        self.ids = ids
        levels = {field.id: field.level for field in bundle.fields}
        self.recorder = None if recorder is None else recorder(Recorded(bundle, self.rules, self.schema, levels))
        # Encodings used lately, and those from before these filled up.
        # Two generations, so that a flood of odd field lists does not cost the usual ones their place.
        self._encoded: dict[_Key, Encoded] = {}
        self._older: dict[_Key, Encoded] = {}
        # Those with a field that the dictionary lacks: callers may write there what they like, so they have few places.
        self._odd: dict[_Key, Encoded] = {}
        self._counts = Counts()
        self.trailer = _Response(revision=self.revision, policy_hash=self.hash).SerializeToString()
        self._names = {
            root: frozenset(n.partition(".")[2] for n in types if n.startswith(root + ".")) - _OWN[root]
            for root in _OWN
        }
        self.declared = tuple(self._names[root].issuperset for root in ("context", "subject", "resource", "action"))
        # Interned as the table's keys are, so that comparing them looks at no character.
        self._messages = {
            (m.application, m.name, part.name): tuple(sys.intern(f.field) for f in part.fields)
            for m in bundle.message_maps
            for part in m.parts
        }
        self.evaluation = Evaluation(self.rules, self.schema, f"policy set {signed.hash[:12]}", self._messages.values())

    @property
    def source(self) -> str:
        """The generated Python."""
        return self.evaluation.source

    @classmethod
    def from_bundle(
        cls,
        signed: bundle_pb2.SignedBundle,
        *,
        grants: GrantSource = NO_GRANTS,
        ids: DecisionIds | None = None,
        recorder: MakeRecorder | None = None,
    ) -> Self:
        """Compile a bundle. With a recorder each call must bring the notes to keep records in. Raises BundleError."""
        return cls(signed, grants, ids or DecisionIds(), recorder)

    def decide(
        self, payload: bytes, now: int | None = None, check: Check | None = None, notes: Notes | None = None
    ) -> bytes:
        """Answer a serialized DecideRequest with a serialized DecideResponse.

        `now` is in nanoseconds since 1970, the clock's time when None. `check` sees the decoded request before
        anything is decided and may raise. The record goes to `notes`. Raises RequestError.
        """
        request = decode(_Request.FromString, payload)
        if check is not None:
            check(request)
        return self.answer(request, len(payload), time.time_ns() if now is None else now, notes)

    def answer(
        self, request: decision_service_pb2.DecideRequest, size: int, now: int, notes: Notes | None = None
    ) -> bytes:
        """Answer a decoded DecideRequest of `size` bytes, which is changed if there are notes. Raises RequestError."""
        subject, request_id = request.subject, request.request_id
        grant_ids = request.grant_ids
        if size > SMALL or not subject.id or len(request_id) > SHORT_REQUEST_ID or len(grant_ids) > MAX_GRANTS:
            check_parties(request, size)
            check_resource(request.resource, "resource")
        if request.min_revision > self.revision:
            raise self.stale(request.min_revision)
        if (wanted := request.min_grant_revision) and wanted > (known := self.ledger.revision):
            raise StaleGrantsError(wanted, known)
        head = self.ids.head()
        if request_id:
            head += length_delimited(b"\x12", request_id.encode())
        head += self.trailer
        fields = self.requested_fields(request)
        action, resource, context = request.action, request.resource, request.context
        in_context, of_subject, of_resource, of_action = self.declared
        declared = (
            in_context(context)
            and of_subject(subject.attributes)
            and of_resource(resource.attributes)
            and of_action(action.attributes)
        )
        outcome, noteworthy = self.outcome(
            subject, action, resource, context, now, grant_ids, fields, declared=declared,
            applications=named_applications(context, request) if grant_ids else (),
        )  # fmt: skip
        if noteworthy is not None and noteworthy.shown_by:
            self.ledger.spend(noteworthy.shown_by)
        if notes is not None and self.recorder is not None and outcome.record is not None:
            facts = self.recorder.facts(request, declared=declared)
            self.recorder.note(notes, head, facts, now, outcome.record, noteworthy)
        if noteworthy is None:
            return head + outcome.body
        return head + outcome.body + noteworthy.serialized()

    def decide_batch(
        self,
        payload: bytes,
        now: int | None = None,
        check: Check | None = None,
        notes: Notes | None = None,
        tail: bytes = b"",
    ) -> bytes:
        """Answer a serialized DecideBatchRequest with a serialized DecideBatchResponse, as `decide` does.

        Each decision ends with `tail`, which holds more diagnostics as they stand in a DecideResponse.
        """
        return batch.decide(self, payload, time.time_ns() if now is None else now, check, notes, tail)

    def explain(
        self, payload: bytes, now: int | None = None, check: Check | None = None, notes: Notes | None = None
    ) -> bytes:
        """Answer a serialized ExplainRequest with a serialized ExplainResponse. Raises RequestError.

        A time in the request wins over `now`.
        """
        return trace.explain(self, payload, time.time_ns() if now is None else now, check, notes)

    def requested_fields(self, request: Any, place: str = "") -> tuple[str, ...]:
        """Return the fields that a request or a batch item asks about. Raises RequestError."""
        fields = tuple(request.fields[:])  # a slice is a list at once; the items one by one take twice as long
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

    def stale(self, wanted: int) -> StaleRevisionError:
        """Return the error for a request that demands a newer revision."""
        return StaleRevisionError(wanted, self.revision)

    def outcome(
        self,
        subject: Any,
        action: Any,
        resource: Any,
        context: Any,
        now: int,
        grant_ids: Sequence[str],
        fields: tuple[str, ...],
        *,
        declared: bool,
        applications: Collection[str] = (),
    ) -> tuple[Encoded, Noteworthy | None]:
        """Decide: return the outcome of these fields, and what is noteworthy about it, if anything is.

        `declared` says whether the policy set declares all that the request holds; `applications` are those that it
        names, of which grants want to know.
        """
        if grant_ids:
            parties = Parties(subject, action, resource, context, now)
            return self._outcome_with_grants(parties, fields, grant_ids, applications)
        hits, undecided = self.evaluation.without_grants(subject, action, resource, context, now, fields)
        outcome, known = self.encoded(fields, hits)
        if known and declared and not undecided:
            return outcome, None
        return outcome, self.noteworthy(Parties(subject, action, resource, context, now), fields, undecided, declared)

    def encoded(self, fields: tuple[str, ...], hits: Sequence[int]) -> tuple[Encoded, bool]:
        """Return the outcome of some hits, and whether the dictionary has all fields."""
        key = (fields, tuple(hits))
        outcome = self._encoded.get(key)
        known = True
        if outcome is None:
            # What is in the table has only fields of the dictionary.
            known = all(map(self.outcomes.known, fields))
            outcome = self._encode(key) if known else self._odd.get(key) or self._encode_odd(key)
        outcome.uses += 1
        return outcome, known

    def noteworthy(self, parties: Parties, fields: tuple[str, ...], undecided: Undecided, declared: bool) -> Noteworthy:
        """Return what is noteworthy about a decision without grants."""
        return Noteworthy(self._diagnostics(fields, [] if declared else self._undeclared(parties), undecided))

    def _encode(self, key: _Key) -> Encoded:
        """Return the encoded outcome of some hits on fields of the dictionary; remember it within bounds."""
        fields, hits = key
        outcome = self._older.pop(key, None) or self._outcome_of(key)
        if len(fields) > _TABLE_FIELDS:
            self._count(outcome.tally)
            return outcome
        if len(self._encoded) >= _TABLE_SIZE:
            # What is in use moves to the young table again; the rest goes with the next change.
            self._counts.fold(self._older.values())
            self._older, self._encoded = self._encoded, {}
        # Only names of the dictionary are kept, so keys can share them.
        self._encoded[tuple(map(sys.intern, fields)), hits] = outcome
        return outcome

    def _encode_odd(self, key: _Key) -> Encoded:
        """Do so where the dictionary lacks a field, as for a system that is ahead of it."""
        outcome = self._outcome_of(key)
        if len(key[0]) > _TABLE_FIELDS or sum(map(len, key[0])) > _ODD_CHARACTERS:
            self._count(outcome.tally)
            return outcome
        if len(self._odd) >= _ODD_SIZE:
            self._counts.fold(self._odd.values())
            self._odd = {}
        self._odd[key] = outcome
        return outcome

    def _outcome_of(self, key: _Key) -> Encoded:
        fields, hits = key
        response = _Response()
        found = [Hit(self.rules[h if h >= 0 else ~h], undecided=h < 0) for h in hits]
        self.outcomes.respond(fields, found, response)
        return self._encoding(response)

    def _count(self, tally: Tally) -> None:
        """Count one decision that the table does not count."""
        self._counts.decisions += 1
        self._counts.verdicts.update(tally)

    def counts(self) -> Counts:
        """Return what was decided since this program was made."""
        counts = self._counts.copy()
        counts.fold([*self._encoded.values(), *self._older.values(), *self._odd.values()])
        return counts

    def _encoding(self, response: decision_service_pb2.DecideResponse) -> Encoded:
        record = None if self.recorder is None else self.recorder.outcome(response)
        return Encoded(response.SerializeToString(deterministic=True), self.outcomes.tally(response), record)

    def _outcome_with_grants(
        self, parties: Parties, fields: tuple[str, ...], grant_ids: Sequence[str], applications: Collection[str]
    ) -> tuple[Encoded, Noteworthy]:
        hits, undecided, about_grants, grants = self.evaluate(parties, fields, grant_ids, applications)
        response = _Response()
        self.outcomes.respond(fields, hits, response)
        outcome = self._encoding(response)
        self._count(outcome.tally)
        about_request = [*self._undeclared(parties), *about_grants]
        shown_by = {response.reasons[v.reason].grant_id for v in response.verdicts if v.effect == _UNMASK} - {""}
        return outcome, Noteworthy(self._diagnostics(fields, about_request, undecided), grants, sorted(shown_by))

    def evaluate(
        self, parties: Parties, fields: tuple[str, ...], grant_ids: Sequence[str], applications: Collection[str]
    ) -> tuple[list[Hit], Undecided, list[types_pb2.Diagnostic], list[bundle_pb2.Grant]]:
        """Return the hits in canonical order, the undecided rules, diagnostics about grants, and those that count."""
        grants, diagnostics = counting_grants(
            self.grants, grant_ids, parties.subject.id, parties.resource, parties.now, applications
        )
        hits, undecided = self.evaluation.with_grants(parties, fields, grants, self.outcomes.level)
        return hits, undecided, diagnostics, grants

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

    def _diagnostics(
        self, fields: Sequence[str], about_request: Sequence[types_pb2.Diagnostic], undecided: Undecided
    ) -> list[types_pb2.Diagnostic]:
        """Return the diagnostics.

        Unknown fields come first, in request order, then undeclared attributes, grants and undecided rules.
        """
        for attributes in undecided.values():
            self._counts.undecided.update(attributes)
        unknown = [f for f in dict.fromkeys(fields) if not self.outcomes.known(f)]
        code = types_pb2.DIAGNOSTIC_CODE_UNKNOWN_FIELD
        message = "the dictionary does not have this field; it is masked in full"
        found = [types_pb2.Diagnostic(code=code, message=message, subject=field) for field in unknown]
        found += about_request
        found += [_undecided(self.rules[index], attributes) for index, attributes in sorted(undecided.items())]
        if len(found) > MAX_DIAGNOSTICS:
            left = len(found) - MAX_DIAGNOSTICS + 1
            cut = types_pb2.Diagnostic(code=types_pb2.DIAGNOSTIC_CODE_TRUNCATED, message=f"{left} more diagnostics")
            found = [*found[: MAX_DIAGNOSTICS - 1], cut]
        return found


def _undecided(rule: CompiledRule, attributes: frozenset[str]) -> types_pb2.Diagnostic:
    code = types_pb2.DIAGNOSTIC_CODE_UNDECIDED_RULE
    effect = "does not unmask" if rule.unmasks else "masks"
    message = f"the condition is undecided, so the rule {effect}"
    return types_pb2.Diagnostic(code=code, message=message, subject=rule.name, attributes=sorted(attributes))
