"""What clients report afterwards, as records: what they showed without a verdict, and what they decided offline.

Each item of an event and each decision becomes one record, whose id is made of the client's own number, so that the
same report gives the same records wherever and however often it comes. Levels and severity are those of the dictionary
in force now, and attributes are kept as it says, whatever was in force when it happened.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pdp.engine.program import Program
from pdp.engine.recording import Notes, Noteworthy, Recorder
from pdp.engine.request import MAX_FIELDS, MAX_ITEMS, check_parties, check_resource, decode
from pdp.errors import RequestError, Violation, WrongStateError
from pdp.server.control import Data, pack
from pdp.server.holder import Holder
from pdp.v1 import (
    bundle_service_pb2,
    decision_service_pb2,
    fallback_service_pb2,
    snapshot_pb2,
    types_pb2,
)
from pdp.values import TIMESTAMP_MAX

FALLBACKS: Final[str] = fallback_service_pb2.DESCRIPTOR.services_by_name["FallbackService"].full_name
BUNDLES: Final[str] = bundle_service_pb2.DESCRIPTOR.services_by_name["BundleService"].full_name
REPORT_METHODS: Final[Mapping[str, str]] = MappingProxyType({"ReportFallbacks": FALLBACKS, "ReportDecisions": BUNDLES})
"""The methods by which clients report, and their services."""
MAX_EVENTS: Final = 1_000
MAX_DETAIL: Final = 500
_MAX_NAME: Final = 256
_MAX_MESSAGE: Final = 200
_MAX_HASH: Final = 64
# What an event shares stands in each of its records; beyond this only in the first.
_MOST_SHARED: Final = 8 * 1024 * 1024
_CLIENT = re.compile(r"[0-9a-f]{32}")
_UNMASK, _MASK = types_pb2.EFFECT_UNMASK, types_pb2.EFFECT_MASK
_CAUSES: Final = {
    number: name.removeprefix("FALLBACK_CAUSE_").lower()
    for name, number in fallback_service_pb2.FallbackCause.items()
    if number
}
_FACTLESS: Final = snapshot_pb2.Snapshot(withheld=["action.*", "context.*", "subject.*"]).SerializeToString()


class _Made(NamedTuple):
    """The records of one number: id, highest level shown, body; and what an alarm tells of them."""

    number: int
    records: Sequence[tuple[str, int, bytes]]
    time: int
    cause: str
    levels: Sequence[str]


class Reports:
    """Makes the records of one worker's callers by whatever is in force."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder

    def prepare(self, name: str, payload: bytes, caller: str) -> tuple[Data, bytes]:
        """Return what the supervisor is to record. Raises RequestError, NoPolicyError and WrongStateError."""
        program = self._holder.require().program
        recorder = program.recorder
        if recorder is None:
            raise WrongStateError("this node keeps no snapshots (`audit.durability: off`), so it takes no reports")
        made: Sequence[_Made]
        if name == "ReportFallbacks":
            request = decode(fallback_service_pb2.ReportFallbacksRequest.FromString, payload)
            _check(request.client_id, request.events, "events", _check_event)
            writer = _Writer(program, recorder, request.client_id, caller)
            made, kind = [writer.event(event) for event in request.events], "fallbacks"
        else:
            request = decode(bundle_service_pb2.ReportDecisionsRequest.FromString, payload)
            # Obligations are recorded as the client tells them, and so would be what nobody here has a name for.
            request.DiscardUnknownFields()
            _check(request.client_id, request.decisions, "decisions", _check_decision)
            writer = _Writer(program, recorder, request.client_id, caller)
            made, kind = [writer.decision(decision) for decision in request.decisions], "decisions"
        words: Data = {
            "what": "report", "method": name, "kind": kind, "client": request.client_id, "caller": caller,
            "events": [
                {
                    "number": item.number, "records": [(record_id, shown) for record_id, shown, _ in item.records],
                    "time": item.time, "cause": item.cause, "levels": list(item.levels),
                }
                for item in made
            ],
        }  # fmt: skip
        return words, pack(body for item in made for _, _, body in item.records)


class _Writer:
    def __init__(self, program: Program, recorder: Recorder, client: str, caller: str) -> None:
        self._program = program
        self._recorder = recorder
        self._client = client
        self._notes = Notes()
        self._notes.caller = caller

    def event(self, event: fallback_service_pb2.FallbackEvent) -> _Made:
        """Return the records of an event, one for each item."""
        recorder, notes = self._recorder, self._notes
        notes.source = snapshot_pb2.SNAPSHOT_SOURCE_FALLBACK
        cause = _CAUSES.get(event.cause, "")
        diagnostic = types_pb2.Diagnostic(
            code=types_pb2.DIAGNOSTIC_CODE_NO_VERDICT, message=event.detail, subject=cause
        )
        shared = recorder.shared(event, declared=False)
        lean = shared
        if len(shared) * len(event.items) > _MOST_SHARED:
            lean = recorder.shared(_without_attributes(event), declared=False) + _FACTLESS
        records = []
        levels: list[str] = []
        for place, item in enumerate(event.items):
            record_id = f"{self._client}-f{event.sequence}-{place}"
            response = _followed(item)
            levels += [self._level(field) for field in item.passed]
            head = decision_service_pb2.DecideResponse(
                decision_id=record_id, request_id=event.request_id, revision=event.revision,
                policy_hash=event.policy_hash,
            )  # fmt: skip
            asked = decision_service_pb2.BatchItem(resource=item.resource)
            if event.message.application or event.message.name:
                asked.message.CopyFrom(event.message)
                asked.message.part = item.part
            facts = recorder.item(lean if place else shared, asked)
            records.append((record_id, *self._note(head, facts, event.time_nanos, response, [diagnostic])))
        return _Made(event.sequence, records, event.time_nanos, cause, levels)

    def decision(self, decision: bundle_service_pb2.OfflineDecision) -> _Made:
        """Return the record of a decision, under the id that it was answered with."""
        notes, request, response = self._notes, decision.request, decision.response
        notes.source = snapshot_pb2.SNAPSHOT_SOURCE_OFFLINE
        if not decision.HasField("request"):
            return _Made(decision.sequence, (), decision.time_nanos, "", ())
        record_id = f"{self._client}-{decision.sequence}"
        head = decision_service_pb2.DecideResponse(
            decision_id=record_id, request_id=request.request_id, revision=response.revision,
            policy_hash=response.policy_hash,
        )  # fmt: skip
        diagnostics = [_short(found) for found in response.diagnostics]
        facts = self._recorder.facts(request, declared=False)
        record = self._note(head, facts, decision.time_nanos, response, diagnostics)
        return _Made(decision.sequence, [(record_id, *record)], decision.time_nanos, "", ())

    def _note(
        self,
        head: decision_service_pb2.DecideResponse,
        facts: bytes,
        now: int,
        response: decision_service_pb2.DecideResponse,
        diagnostics: Sequence[types_pb2.Diagnostic],
    ) -> tuple[int, bytes]:
        notes = self._notes
        notes.begun = time.perf_counter()
        outcome = self._recorder.outcome(response)
        noteworthy = Noteworthy(diagnostics) if diagnostics else None
        self._recorder.note(notes, head.SerializeToString(), facts, now, outcome, noteworthy)
        (record,) = notes.take()
        return record

    def _level(self, field: str) -> str:
        outcomes = self._program.outcomes
        return outcomes.level(field) if outcomes.known(field) else "unknown"


def _followed(item: fallback_service_pb2.FallbackItem) -> decision_service_pb2.DecideResponse:
    """Return what an item shows as if it were a decision."""
    return decision_service_pb2.DecideResponse(
        verdicts=[
            *(types_pb2.Verdict(field=field, effect=_UNMASK) for field in item.passed),
            *(types_pb2.Verdict(field=field, effect=_MASK) for field in item.masked),
        ],
        masks=[types_pb2.Mask()],
        reasons=[types_pb2.Reason(kind=types_pb2.REASON_KIND_FAILURE_RULE)],
    )


def _without_attributes(event: fallback_service_pb2.FallbackEvent) -> fallback_service_pb2.FallbackEvent:
    return fallback_service_pb2.FallbackEvent(
        subject=types_pb2.Subject(id=event.subject.id, roles=event.subject.roles),
        action=types_pb2.Action(name=event.action.name),
        grant_ids=event.grant_ids,
    )


def _short(found: types_pb2.Diagnostic) -> types_pb2.Diagnostic:
    return types_pb2.Diagnostic(
        code=found.code, message=found.message[:_MAX_MESSAGE], subject=found.subject, attributes=found.attributes
    )


# What is wrong with a report


def _check(client: str, items: Sequence[Any], place: str, check: Callable[[Any, str], None]) -> None:
    if _CLIENT.fullmatch(client) is None:
        raise RequestError(Violation("client_id", "must be 32 lower-case hexadecimal digits, made once and kept"))
    if not 1 <= len(items) <= MAX_EVENTS:
        raise RequestError(Violation(place, f"has {len(items)} entries, must have 1 to {MAX_EVENTS}"))
    for number, item in enumerate(items):
        expected = items[0].sequence + number
        if item.sequence < 1:
            raise RequestError(Violation(f"{place}[{number}].sequence", "counts from 1"))
        if item.sequence != expected:
            problem = f"is {item.sequence}, must be {expected}: numbers ascend without a gap"
            raise RequestError(Violation(f"{place}[{number}].sequence", problem))
        if not 0 <= item.time_nanos <= TIMESTAMP_MAX:
            raise RequestError(Violation(f"{place}[{number}].time_nanos", "lies outside the years 1970 to 9999"))
        try:
            check(item, f"{place}[{number}].")
        except RequestError as error:
            raise RequestError(*(_below(f"{place}[{number}].", found) for found in error.violations)) from None


def _below(prefix: str, found: Violation) -> Violation:
    return found if found.field.startswith(prefix) else Violation(prefix + found.field, found.description)


def _check_event(event: fallback_service_pb2.FallbackEvent, place: str) -> None:
    if not event.items:
        return  # only its number is left
    if event.cause not in _CAUSES:
        raise RequestError(Violation(f"{place}cause", "is none of those that there are"))
    if len(event.items) > MAX_ITEMS:
        raise RequestError(Violation(f"{place}items", f"has {len(event.items)} entries, the limit is {MAX_ITEMS}"))
    _check_length(f"{place}detail", event.detail, MAX_DETAIL)
    _check_origin(event.revision, event.policy_hash, place)
    check_parties(event, event.ByteSize())
    for number, item in enumerate(event.items):
        check_resource(item.resource, f"items[{number}].resource")
        fields = [*item.passed, *item.masked]
        if len(fields) > MAX_FIELDS:
            problem = f"has {len(fields)} fields with `masked`, the limit is {MAX_FIELDS}"
            raise RequestError(Violation(f"{place}items[{number}].passed", problem))
        for field in fields:
            _check_length(f"{place}items[{number}].passed", field, _MAX_NAME)


def _check_decision(decision: bundle_service_pb2.OfflineDecision, place: str) -> None:
    if not decision.HasField("request"):
        return  # only its number is left
    request, response = decision.request, decision.response
    check_parties(request, request.ByteSize())
    check_resource(request.resource, "request.resource")
    _check_origin(response.revision, response.policy_hash, f"{place}response.")
    if not 1 <= len(response.verdicts) <= MAX_FIELDS:
        problem = f"has {len(response.verdicts)} entries, must have 1 to {MAX_FIELDS}"
        raise RequestError(Violation(f"{place}response.verdicts", problem))
    for number, verdict in enumerate(response.verdicts):
        where = f"{place}response.verdicts[{number}]"
        _check_length(f"{where}.field", verdict.field, _MAX_NAME)
        if verdict.effect not in (_UNMASK, _MASK):
            raise RequestError(Violation(f"{where}.effect", "must be EFFECT_UNMASK or EFFECT_MASK"))
        if verdict.effect == _MASK and verdict.mask >= len(response.masks):
            raise RequestError(Violation(f"{where}.mask", f"is {verdict.mask}, there are {len(response.masks)} masks"))
        if verdict.reason >= len(response.reasons):
            problem = f"is {verdict.reason}, there are {len(response.reasons)} reasons"
            raise RequestError(Violation(f"{where}.reason", problem))


def _check_origin(revision: int, policy_hash: str, place: str) -> None:
    if revision < 0:
        raise RequestError(Violation(f"{place}revision", "is negative"))
    _check_length(f"{place}policy_hash", policy_hash, _MAX_HASH)


def _check_length(place: str, text: str, limit: int) -> None:
    if len(text) > limit or len(text.encode()) > limit:
        raise RequestError(Violation(place, f"is longer than {limit} bytes"))
