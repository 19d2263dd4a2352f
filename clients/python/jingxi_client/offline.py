"""The client that decides on its own, by a signed bundle and the engine of the service: `jingxi-client[offline]`.

with OfflineClient(target="pdp.bank.example:7443", credentials=…, trust="trust/", state="state/") as client:
    masked = client.mask(message, application="core-counter", name="customer-detail", subject=Subject("T1001"))
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import grpc

from jingxi_client import _asking, errors, masking, message_map, values
from jingxi_client._channel import is_local, open_channel
from jingxi_client._decisions import DecisionLog
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from jingxi_client._gen.pdp.v1 import types_pb2
from jingxi_client._holder import Holder
from jingxi_client._sources import FileSource, WatchSource
from jingxi_client._state import StateFolder
from jingxi_client._token import TokenFile
from jingxi_client._wire import text
from jingxi_client.alarms import AlarmCallback, Alarms, no_alarm
from jingxi_client.decisions import Action, Decision, Fallback, Masked, PartDecision, Resource, Subject
from jingxi_client.keys import KeyProvider, no_keys
from jingxi_client.message_map import FULL, Caller, Plan
from jingxi_client.metrics import Metrics, NoMetrics
from jingxi_client.paths import show

if TYPE_CHECKING:
    from jingxi_client._engine import Engine, Understood

log = logging.getLogger(__name__)

Record = Literal["sync", "async", "async-all"]


@dataclass(frozen=True, slots=True)
class Status:
    """What an offline client decides by, and how it is.

    `revision` is 0 without a bundle. `age` is for how many seconds the bundle was not heard to be in force, None before
    it ever was by this process. `problem` says why nothing newer comes or is taken, empty when all is well. `waiting`
    are the decisions that the service does not have yet.
    """

    revision: int
    policy_hash: str
    age: float | None
    problem: str
    waiting: int


class OfflineClient:
    """Decides by a bundle. Safe to share between threads; close it, or use it in `with`.

    The bundle comes from nodes (`target`, with `credentials`, `insecure`, `token_file`, `options` as of
    `jingxi_client.Client`), or from a `file` that is looked at every 5 s; with both, the nodes take the records alone.
    It must be signed by a key in `trust`, a PEM file or a folder of them. `state` is the folder, of this process alone,
    for the last good bundle and for the decisions until they are reported. `record` says when a decision is on the
    disk: `sync` before the message is returned, `async` within 100 ms where nothing of C2 or C3 is unmasked,
    `async-all` within 100 ms. A bundle that was not heard to be in force for `max_age` seconds makes decisions say so.
    `keys`, `alarm` and `metrics` are as of `jingxi_client.Client`.

    Raises ConfigurationError, also when the distribution `jingxi` is not installed.
    """

    def __init__(
        self,
        target: str = "",
        *,
        trust: str | os.PathLike[str],
        state: str | os.PathLike[str],
        file: str | os.PathLike[str] | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        insecure: bool = False,
        token_file: str | os.PathLike[str] | None = None,
        keys: KeyProvider = no_keys,
        alarm: AlarmCallback = no_alarm,
        metrics: Metrics | None = None,
        record: Record = "sync",
        max_age: float | None = None,
        options: Sequence[tuple[str, Any]] = (),
    ) -> None:
        if not target and file is None:
            raise errors.ConfigurationError("there is no source of bundles; give `target` or `file`")
        if record not in ("sync", "async", "async-all"):
            raise errors.ConfigurationError(f"record is `{record}`; use `sync`, `async` or `async-all`")
        if token_file is not None and credentials is None and not is_local(target):
            raise errors.ConfigurationError(
                f"a token would be sent to `{target}` in plain text; give `credentials=grpc.ssl_channel_credentials(…)`"
            )
        try:
            from jingxi_client import _engine  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise errors.ConfigurationError(
                f"deciding offline needs the engine; install `jingxi-client[offline]` ({error})"
            ) from error
        trusted = _engine.trusted(trust)
        self._maskers = masking.Maskers(keys, lasting=True)
        self._metrics = metrics or NoMetrics()
        self._alarms = Alarms(alarm)
        self._record = record
        self._max_age = max_age
        self._closed = False
        self._clock = time.time_ns
        token = None if token_file is None else TokenFile(token_file)
        channel = open_channel(target, credentials, options, insecure=insecure) if target else None
        try:
            self._state = StateFolder(state)
            self._log = DecisionLog(self._state, self._alarms)
        except errors.JingxiError:
            if channel is not None:
                channel.close()
            raise
        self._channel = channel
        self._held = Holder(_engine.load, trusted, self._state, self._alarms)
        metadata = (lambda: ()) if token is None else token.metadata
        if channel is not None:
            self._log.report_to(channel, metadata)
        self._source: FileSource | WatchSource
        if file is not None:
            self._source = FileSource(file, self._held)
        elif channel is not None:
            self._source = WatchSource(channel, metadata, self._held)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Report what waits for at most a second and let the state folder go. May be called again."""
        if self._closed:
            return
        self._closed = True
        self._source.close()
        self._log.close()
        if self._channel is not None:
            self._channel.close()
        self._log.join()
        self._state.close()

    def wait_ready(self, timeout: float) -> None:
        """Wait until there is a bundle to decide by, at most `timeout` seconds. Raises DecisionUnavailableError."""
        self._held.wait(timeout)

    def prepare(self, application: str, name: str) -> None:
        """Do nothing but say whether the message has a map. Raises as `mask` does."""
        self._in_use().map_of(application, name)

    def status(self) -> Status:
        """Return what the client decides by, and how it is."""
        held = self._held
        return Status(*held.known(), held.age, held.problem, self._log.waiting)

    def decide(
        self,
        fields: Sequence[str],
        *,
        subject: Subject,
        resource: Resource | None = None,
        action: Action | None = None,
        context: Mapping[str, Any] | None = None,
        grant_ids: Sequence[str] = (),
        request_id: str = "",
        min_revision: int = 0,
        min_grant_revision: int = 0,
    ) -> Decision:
        """Return the verdicts of fields of one resource, as `Client.decide` does.

        Grants are not known offline. Raises DecisionUnavailableError when there is no bundle or the decision cannot be
        recorded, RequestRejectedError, AttributeValueError.
        """
        request = _asking.decide_request(
            fields, subject, action, resource, context, grant_ids, request_id, min_revision, min_grant_revision
        )
        engine, now, request_id = self._in_use(), self._clock(), request.request_id
        if len(request_id.encode()) <= _asking.MAX_REQUEST_ID:
            # Without its id a question has the answer of all that are alike, which is read but once.
            request.request_id = ""
        payload = request.SerializeToString()
        understood = engine.understand(engine.decide(payload, now))
        (found,), error = self._recorded(engine, now, [request_id], [payload], [understood])
        if error is not None:
            raise errors.DecisionUnavailableError(f"the decision cannot be recorded: {error}") from error
        return found

    def mask(
        self,
        message: Any,
        *,
        application: str,
        name: str,
        subject: Subject,
        context: Mapping[str, Any] | None = None,
        action: Action | None = None,
        resource: Resource | None = None,
        grant_ids: Sequence[str] = (),
        request_id: str = "",
        min_revision: int = 0,
        min_grant_revision: int = 0,
    ) -> Masked:
        """Return a masked copy of a JSON message, as `Client.mask` does.

        When the decisions cannot be recorded, every field is masked by its default mask, and `fallback` says so. Raises
        DecisionUnavailableError when there is no bundle, UnknownMessageError, MessageMismatchError,
        RequestRejectedError, AttributeValueError.
        """
        began, outcome = time.monotonic(), "refused"
        try:
            engine, now = self._in_use(), self._clock()
            request_id = values.text_of("request_id", request_id) or os.urandom(16).hex()
            known = engine.map_of(values.text_of("application", application), values.text_of("name", name))
            plan = message_map.plan(known, message, Caller(subject, action, resource, context or {}))
            payloads = [plan.request(question) for question in plan.questions]
            further = _asking.further(request_id, grant_ids, min_revision, min_grant_revision)
            if not further:
                understood = [
                    engine.decide_question(plan, question, payload, now)
                    for question, payload in zip(plan.questions, payloads, strict=True)
                ]
            else:
                payloads = [payload + further for payload in payloads]
                understood = [engine.understand(engine.decide(payload, now)) for payload in payloads]
            ids = _asking.request_ids(request_id, len(payloads))
            decisions, error = self._recorded(engine, now, ids, payloads, understood)
            outcome = "decided" if error is None else "fallback"
            if error is not None:
                return self._unrecorded(message, plan, request_id, engine, error)
            return self._masked(message, plan, decisions, request_id, name)
        finally:
            self._metrics.message(outcome, time.monotonic() - began)

    def _recorded(
        self,
        engine: Engine,
        now: int,
        ids: Sequence[str],
        payloads: Sequence[bytes],
        understood: Sequence[Understood],
    ) -> tuple[list[Decision], OSError | None]:
        """Write what was asked, with these ids, and answered into the log; the error says that it is not there."""
        tail = self._stale()
        if tail:
            understood = [engine.understand(u.answer + tail) for u in understood]
        durable = self._record == "sync" or (self._record == "async" and any(u.shows for u in understood))
        entries = []
        for request_id, payload, u in zip(ids, payloads, understood, strict=True):
            named = text(b"\x0a", request_id)
            entries.append((named + payload, b"\x12" + named[1:] + u.record if named else u.record))
        first, error = 0, None
        try:
            first = self._log.append(now, entries, durable=durable)
        except OSError as caught:
            error = caught
        client_id = self._state.client_id
        decisions = []
        for place, (request_id, u) in enumerate(zip(ids, understood, strict=True)):
            said = u.decision
            decisions.append(
                Decision(
                    "" if error else f"{client_id}-{first + place}", request_id, said.revision, said.policy_hash,
                    said.verdicts, said.obligations, said.diagnostics,
                )
            )  # fmt: skip
        return decisions, error

    def _masked(self, message: Any, plan: Plan, decisions: Sequence[Decision], request_id: str, name: str) -> Masked:
        copy, dropped = masking.masked_copy(message, plan, decisions, self._maskers)
        parts = tuple(
            [
                PartDecision(question.part.name, show(question.place), decision)
                for question, decision in zip(plan.questions, decisions, strict=True)
            ]
        )
        problems = (*plan.problems, *dropped)
        for problem in problems:
            log.warning("request %s, message %s: %s", request_id, name, problem)
        return Masked(copy, parts, request_id, plan.message_map.policy_hash, problems)

    def _unrecorded(self, message: Any, plan: Plan, request_id: str, engine: Engine, error: OSError) -> Masked:
        """Return the message masked by the default masks."""
        detail = f"the decision cannot be recorded: {error.strerror or error}"
        masks = {name: engine.default_masks.get(name, FULL) for q in plan.questions for name in q.part.names}
        copy, dropped = masking.masked_by(message, plan, masks, frozenset(), self._maskers)
        parts = tuple(PartDecision(q.part.name, show(q.place), None, detail) for q in plan.questions)
        fallback = Fallback("not_recorded", detail, (), recorded=False)
        return Masked(copy, parts, request_id, engine.policy_hash, (*plan.problems, *dropped), fallback)

    def _in_use(self) -> Engine:
        if self._closed:
            raise errors.ClientClosedError("the client is closed; make a new one")
        return self._held.require()

    def _stale(self) -> bytes:
        """Return the diagnostic about a bundle that is too old as it stands in an answer; empty when it is not."""
        if self._max_age is None:
            return b""
        age = self._held.age
        if age is not None and age <= self._max_age:
            return b""
        said = "never since this client started" if age is None else f"{int(age)} s ago"
        reply = api.DecideResponse()
        reply.diagnostics.add(
            code=types_pb2.DIAGNOSTIC_CODE_STALE_POLICIES, message=f"the bundle was last heard to be in force {said}"
        )
        return reply.SerializeToString()
