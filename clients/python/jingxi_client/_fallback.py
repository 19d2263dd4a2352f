"""The failure rule: what is shown when no verdict can be had, and the record of it (requirement A38)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jingxi_client import masking, message_map
from jingxi_client._asking import Asking
from jingxi_client._gen.pdp.v1 import fallback_service_pb2, types_pb2
from jingxi_client._spool import Spool
from jingxi_client.alarms import AlarmKind, Alarms, FallbackRate
from jingxi_client.decisions import Fallback, Masked, PartDecision
from jingxi_client.errors import DecisionUnavailableError, JingxiError, ProtocolError
from jingxi_client.message_map import FULL, MessageMap, Plan, Question
from jingxi_client.paths import show

MAX_ITEMS = 1_000
MAX_DETAIL = 500
HALF = 0.5

log = logging.getLogger(__name__)

_Cause = fallback_service_pb2.FallbackCause
_CAUSES: Mapping[str, str] = {
    "UNAVAILABLE": "unavailable",
    "DEADLINE_EXCEEDED": "deadline",
    "RESOURCE_EXHAUSTED": "overload",
    "BREAKER_OPEN": "breaker_open",
}
_NUMBERS: Mapping[str, Any] = {
    "unavailable": _Cause.FALLBACK_CAUSE_UNAVAILABLE,
    "deadline": _Cause.FALLBACK_CAUSE_DEADLINE,
    "bad_answer": _Cause.FALLBACK_CAUSE_BAD_ANSWER,
    "breaker_open": _Cause.FALLBACK_CAUSE_BREAKER_OPEN,
    "overload": _Cause.FALLBACK_CAUSE_OVERLOAD,
}


def is_failure(error: JingxiError) -> bool:
    """Whether an error says that no verdict can be had, and not that the question was wrong or refused."""
    return isinstance(error, DecisionUnavailableError | ProtocolError)


def cause_of(error: JingxiError) -> str:
    """Return the cause of a failure, as in `Fallback`."""
    return _CAUSES.get(getattr(error, "status", ""), "bad_answer")


@dataclass(frozen=True, slots=True)
class Failures:
    """Shows messages without a verdict, and records that on the disk before they are shown."""

    spool: Spool
    alarms: Alarms
    rate: FallbackRate
    clock: Callable[[], int]
    maskers: masking.Maskers

    def mask(self, message: Any, known: MessageMap, asking: Asking, error: JingxiError) -> Masked:
        """Return the message as the failure rule shows it. Raises MessageMismatchError, AttributeValueError."""
        plan = message_map.plan(known, message, asking.caller)
        rule, now = known.failure_rule, self.clock()
        passing = rule.passing if now < rule.pass_until else frozenset[str]()
        cause, detail = cause_of(error), str(error)[:MAX_DETAIL]
        recorded = self._record(self._events(plan, asking, passing, now, cause, detail))
        if not recorded:
            passing = frozenset()
        masks = {name: rule.masks.get(name, FULL) for part in known.parts for name, _ in part.fields}
        copy, dropped = masking.masked_by(message, plan, masks, passing, self.maskers)
        passed = tuple(
            show(place) for q in plan.questions for name, places in q.fields if name in passing for place in places
        )
        parts = tuple(PartDecision(q.part.name, show(q.place), None, detail) for q in plan.questions)
        log.warning("request %s, message %s: no verdict (%s): %s", asking.request_id, asking.name, cause, detail)
        self._count(known)
        problems = (*plan.problems, *dropped)
        fallback = Fallback(cause, detail, passed, recorded)
        return Masked(copy, parts, asking.request_id, known.policy_hash, problems, fallback)

    def _count(self, known: MessageMap) -> None:
        rule = known.failure_rule
        count = self.rate.count(rule.alarm_events, rule.alarm_seconds)
        if count:
            self.alarms.tell(
                AlarmKind.MANY_FALLBACKS,
                f"more than {rule.alarm_events} messages in {rule.alarm_seconds} s were shown without a verdict",
            )

    def _record(self, events: list[fallback_service_pb2.FallbackEvent]) -> bool:
        """Write events to the disk; whether they are there."""
        before = self.spool.filling
        try:
            self.spool.append([_numbered(event) for event in events])
        except OSError as error:
            self.alarms.tell(
                AlarmKind.NOT_RECORDED,
                f"what is shown without a verdict cannot be recorded, so nothing passes: {error.strerror or error}",
            )
            return False
        if before <= HALF < self.spool.filling:
            self.alarms.tell(AlarmKind.SPOOL_FILLING, "the log of messages without a verdict is more than half full")
        return True

    def _events(
        self, plan: Plan, asking: Asking, passing: frozenset[str], now: int, cause: str, detail: str
    ) -> list[fallback_service_pb2.FallbackEvent]:
        items = list(_items(plan.questions, passing))
        return [
            fallback_service_pb2.FallbackEvent(
                time_nanos=now,
                cause=_NUMBERS[cause],
                detail=detail.encode()[:MAX_DETAIL].decode(errors="ignore"),
                request_id=asking.request_id,
                message=types_pb2.MessageRef(application=asking.application, name=asking.name),
                subject=plan.subject,
                action=plan.action,
                context=plan.context,
                grant_ids=asking.grant_ids,
                revision=plan.message_map.revision,
                policy_hash=plan.message_map.policy_hash,
                items=items[start : start + MAX_ITEMS],
            )
            for start in range(0, max(len(items), 1), MAX_ITEMS)
        ]


def _items(questions: tuple[Question, ...], passing: frozenset[str]) -> Iterator[fallback_service_pb2.FallbackItem]:
    for question in questions:
        there = [name for name, places in question.fields if places]
        yield fallback_service_pb2.FallbackItem(
            resource=question.resource,
            part=question.part.name,
            passed=[name for name in there if name in passing],
            masked=[name for name in there if name not in passing],
        )


def _numbered(event: fallback_service_pb2.FallbackEvent) -> Callable[[int], bytes]:
    def make(number: int) -> bytes:
        event.sequence = number
        return event.SerializeToString()

    return make
