"""What the clients of threads and of asyncio have in common: all but waiting."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc

from jingxi_client import _replies, masking
from jingxi_client._asking import Answer, Asking
from jingxi_client._breaker import Breaker
from jingxi_client._channel import is_local
from jingxi_client._fallback import Failures, is_failure
from jingxi_client._gen.pdp.v1 import fallback_service_pb2
from jingxi_client._maps import Maps
from jingxi_client._reporting import OutOfSequenceError, Reporter
from jingxi_client._spool import Entry, Spool
from jingxi_client._state import StateFolder
from jingxi_client._token import TokenFile
from jingxi_client.alarms import AlarmCallback, AlarmKind, Alarms, FallbackRate
from jingxi_client.decisions import Action, Masked, PartDecision, Resource, Subject
from jingxi_client.errors import (
    AccessDeniedError,
    ClientClosedError,
    ConfigurationError,
    DecisionUnavailableError,
    JingxiError,
    RequestRejectedError,
    RevisionTooOldError,
)
from jingxi_client.keys import KeyProvider
from jingxi_client.message_map import Caller, Plan
from jingxi_client.metrics import Metrics, NoMetrics
from jingxi_client.paths import show

log = logging.getLogger(__name__)


class Core:
    """The state of a client: maps, breaker, log, token; and every step that makes no call."""

    def __init__(
        self,
        target: str,
        *,
        encrypted: bool,
        deadline: float,
        keys: KeyProvider,
        token_file: str | os.PathLike[str] | None,
        state: str | os.PathLike[str] | None,
        alarm: AlarmCallback,
        metrics: Metrics | None,
    ) -> None:
        if not deadline > 0:
            raise ConfigurationError(f"deadline is `{deadline}`; give seconds above 0")
        if token_file is not None and not encrypted and not is_local(target):
            raise ConfigurationError(
                f"a token would be sent to `{target}` in plain text; give `credentials=grpc.ssl_channel_credentials(…)`"
            )
        self.deadline = deadline
        self.closed = False
        self.metrics = metrics or NoMetrics()
        self.alarms = Alarms(alarm)
        self.breaker = Breaker(self._breaker_told)
        self.reporter: Reporter | None = None
        self._maskers = masking.Maskers(keys)
        self._token = None if token_file is None else TokenFile(token_file)
        self.state = None if state is None else StateFolder(state)
        self.maps = Maps(self.state, lambda text: self.alarms.tell(AlarmKind.STATE_DAMAGED, text))
        self.failures = None if self.state is None else self._failures(self.state)

    def _failures(self, state: StateFolder) -> Failures:
        try:
            spool = Spool(state.path / "fallbacks")
        except OSError as error:
            state.close()
            raise ConfigurationError(f"state folder `{state.path}` cannot be used: {error.strerror}") from error
        for damage in spool.damage:
            self.alarms.tell(AlarmKind.STATE_DAMAGED, f"the log of messages without a verdict: {damage}")
        return Failures(spool, self.alarms, FallbackRate(), time.time_ns, self._maskers)

    def start_reporting(self, send: Callable[[fallback_service_pb2.ReportFallbacksRequest, float], Any]) -> None:
        """Report events by this function, which raises JingxiError, from now on."""
        if self.failures is None or self.state is None:
            return
        client_id = self.state.client_id

        def report(entries: Sequence[Entry], seconds: float) -> int:
            events = [_event(entry) for entry in entries]
            request = fallback_service_pb2.ReportFallbacksRequest(client_id=client_id, events=events)
            return int(send(request, seconds).recorded_through)

        self.reporter = Reporter(self.failures.spool, report, self.alarms)

    def close(self) -> None:
        """Let the state folder go, after the connection."""
        if self.reporter is not None:
            self.reporter.join()
        if self.failures is not None:
            self.failures.spool.close()
        if self.state is not None:
            self.state.close()

    def check_open(self) -> None:
        """Raise ClientClosedError after `close`."""
        if self.closed:
            raise ClientClosedError("the client is closed; make a new one")

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the metadata of every call."""
        return () if self._token is None else self._token.metadata()

    def seconds_left(self, name: str, end: float) -> float:
        """Return how long a call may take. Raises DecisionUnavailableError when that is over."""
        self.check_open()
        seconds = end - time.monotonic()
        if seconds <= 0:
            raise DecisionUnavailableError(f"the deadline passed before {name}", "DEADLINE_EXCEEDED")
        return seconds

    def asking(
        self,
        application: str,
        name: str,
        subject: Subject,
        context: Mapping[str, Any] | None,
        action: Action | None,
        resource: Resource | None,
        grant_ids: Sequence[str],
        request_id: str,
        min_revision: int,
        min_grant_revision: int,
    ) -> Asking:
        """Return what is asked about a message. Raises AttributeValueError."""
        caller = Caller(subject, action, resource, context or {})
        return Asking.about(application, name, caller, grant_ids, request_id, min_revision, min_grant_revision)

    def admit(self) -> None:
        """Raise DecisionUnavailableError when the service is to be left alone."""
        if not self.breaker.admit():
            raise DecisionUnavailableError("the service is not asked: it failed many times in a row", "BREAKER_OPEN")

    def ended(self, error: BaseException | None) -> None:
        """Note how asking ended, after `admit`."""
        if error is None or isinstance(error, RequestRejectedError | AccessDeniedError):
            self.breaker.succeeded()
            if self.reporter is not None:
                self.reporter.nudge()
        elif isinstance(error, JingxiError) and is_failure(error) and not isinstance(error, RevisionTooOldError):
            self.breaker.failed()
        else:
            # An old revision, a message that does not fit or a task that was cancelled say nothing about the service.
            self.breaker.undecided()

    def fall_back(self, message: Any, asking: Asking, error: JingxiError) -> Masked:
        """Return the message as the failure rule shows it; raise the error when there is none to go by."""
        if self.failures is None or not is_failure(error):
            raise error
        known = self.maps.kept(asking.application, asking.name)
        if known is None:
            raise error
        return self.failures.mask(message, known, asking, error)

    def masked(self, message: Any, plan: Plan, answers: list[Answer], asking: Asking) -> Masked:
        """Return the message as the answers say."""
        copy, dropped = masking.masked_copy(message, plan, [a.decision for a in answers], self._maskers)
        parts = tuple(
            PartDecision(question.part.name, show(question.place), answer.decision, answer.error)
            for question, answer in zip(plan.questions, answers, strict=True)
        )
        failed = [f"{p.place} was masked in full: {p.error}" for p in parts if p.decision is None]
        problems = (*plan.problems, *failed, *dropped)
        for problem in problems:
            log.warning("request %s, message %s: %s", asking.request_id, asking.name, problem)
        policy_hash = answers[0].policy_hash if answers else plan.message_map.policy_hash
        return Masked(copy, parts, asking.request_id, policy_hash, problems)

    def failed_call(self, name: str, error: grpc.RpcError) -> JingxiError:
        """Return the error that a failed call stands for. Raises ClientClosedError."""
        self.check_open()
        return _replies.error_of(error, name)

    def _breaker_told(self, opened: bool) -> None:
        if opened:
            self.alarms.tell(AlarmKind.BREAKER_OPENED, "the service failed many times in a row and is left alone")
        else:
            self.alarms.tell(AlarmKind.BREAKER_CLOSED, "the service answers again")


def report_error(error: grpc.RpcError) -> JingxiError:
    """Return the error that a failed report stands for."""
    expected = _replies.expected_of(error)
    return _replies.error_of(error, "the report") if expected is None else OutOfSequenceError(expected)


def _event(entry: Entry) -> fallback_service_pb2.FallbackEvent:
    if entry.payload is None:
        return fallback_service_pb2.FallbackEvent(
            sequence=entry.number,
            cause=fallback_service_pb2.FALLBACK_CAUSE_UNAVAILABLE,
            time_nanos=time.time_ns(),
            detail="the client's record of this event is damaged",
        )
    event = fallback_service_pb2.FallbackEvent.FromString(entry.payload)
    event.sequence = entry.number
    return event
