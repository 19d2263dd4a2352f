"""The client: ask for decisions, and mask messages as they say."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import grpc

from jingxi_client import _replies, message_map, values
from jingxi_client._channel import open_channel
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from jingxi_client._gen.pdp.v1 import decision_service_pb2_grpc, types_pb2
from jingxi_client.decisions import Action, Decision, Masked, PartDecision, Resource, Subject
from jingxi_client.errors import (
    AttributeValueError,
    ClientClosedError,
    ConfigurationError,
    DecisionUnavailableError,
    ProtocolError,
    UnknownMessageError,
)
from jingxi_client.keys import KeyProvider, no_keys
from jingxi_client.message_map import Caller, MessageMap, Plan
from jingxi_client.paths import show

MAX_BATCH_ITEMS = 1_000
MAX_BATCH_BYTES = 192 * 1024
"""Below the 256 KB that the service accepts, for all that a batch holds besides its items."""
MAX_ROUNDS = 8
"""How often a message is asked about when policy sets change or differ between nodes meanwhile."""
MAX_FETCHES = 4
"""How often in a row the map of one policy set is asked for; calls go round the nodes, and one of them has it."""
MAPS_KEPT = 8
"""Versions kept of one message's map: nodes may answer by different policy sets during a rollout."""

log = logging.getLogger(__name__)

_Reply = TypeVar("_Reply")


class Client:
    """A connection to the decision service. Safe to share between threads; close it, or use it in `with`.

    `target` is a gRPC target: a name such as `pdp.bank.example:7443`, or several addresses such as
    `ipv4:10.0.0.1:7443,10.0.0.2:7443`; calls go round all healthy nodes behind it. `deadline` bounds each call of a
    method, in seconds. `keys` gives the keys of `hash` masks. `options` are gRPC channel options and win over the
    client's own. Without `credentials` only targets on this machine are accepted, unless `insecure`.
    """

    def __init__(
        self,
        target: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        insecure: bool = False,
        deadline: float = 0.5,
        keys: KeyProvider = no_keys,
        options: Sequence[tuple[str, Any]] = (),
    ) -> None:
        if not deadline > 0:
            raise ConfigurationError(f"deadline is `{deadline}`; give seconds above 0")
        self._channel = open_channel(target, credentials, options, insecure=insecure)
        self._stub = decision_service_pb2_grpc.DecisionServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._deadline = deadline
        self._keys = keys
        self._closed = False
        self._maps = _Maps()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all calls and the connection. May be called again."""
        self._closed = True
        self._channel.close()

    def wait_ready(self, timeout: float) -> None:
        """Wait until a node can be reached, at most `timeout` seconds. Raises DecisionUnavailableError."""
        self._check_open()
        ready = grpc.channel_ready_future(self._channel)
        try:
            ready.result(timeout=timeout)
        except grpc.FutureTimeoutError as error:
            raise DecisionUnavailableError(f"no node could be reached within {timeout} s") from error
        finally:
            ready.cancel()  # else it watches the channel for ever

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
    ) -> Decision:
        """Return the verdicts of fields of one resource, in their order.

        Attributes are sent as the types that Python has for them: write `2.0` for a double. Raises
        DecisionUnavailableError, RequestRejectedError, AccessDeniedError, AttributeValueError, ProtocolError.
        """
        action, resource = action or Action(), resource or Resource()
        request = api.DecideRequest(
            request_id=request_id or uuid.uuid4().hex,
            subject=message_map.subject_of(subject, _typed("subject", subject.attributes)),
            action=message_map.action_of(action, _typed("action", action.attributes)),
            resource=message_map.resource_of(resource, _typed("resource", resource.attributes)),
            context=_typed("context", context or {}),
            fields=[values.text_of("fields", name) for name in fields],
            grant_ids=[values.text_of("grant_ids", grant_id) for grant_id in grant_ids],
            min_revision=min_revision,
        )
        reply = self._call("Decide", self._stub.Decide, request, self._end())
        _check_verdicts(reply, list(fields))
        return _replies.decision_of(reply, request.request_id)

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
    ) -> Masked:
        """Return a copy of a JSON message, masked as the service decides, and the decisions.

        The message's map says where fields and attributes are; of the message only those attributes and the ids of
        resources leave the process. What the caller gives wins over what the message holds; `context.application` is
        `application` unless given. A part that the service cannot decide alone is masked in full. Raises
        DecisionUnavailableError when no verdict can be had, UnknownMessageError when there is no map,
        MessageMismatchError when message and map do not fit, and what `decide` raises.
        """
        caller = Caller(subject, action, resource, context or {})
        asking = _Asking(
            application,
            name,
            request_id or uuid.uuid4().hex,
            [values.text_of("grant_ids", grant_id) for grant_id in grant_ids],
            self._end(),
        )
        current = self._maps.latest(application, name) or self._fetch_map(asking)
        followed = [current]
        for _ in range(MAX_ROUNDS):
            plan = message_map.plan(current, message, caller)
            try:
                answers = self._ask(plan, asking)
            except UnknownMessageError:
                current = self._fetch_map(asking)  # raises the same when there is no map at all
                continue
            # Answers by another policy set say nothing about where that set has the fields.
            other = self._disagreeing_map(current, {a.policy_hash for a in answers}, asking)
            if other is None:
                return self._masked(message, plan, answers, asking)
            # Two nodes that differ take turns: following each would never end, so each map is followed once.
            if not any(other.agrees_with(known) for known in followed):
                current = other
                followed.append(other)
        raise DecisionUnavailableError(
            f"policy sets changed {MAX_ROUNDS} times while message `{name}` was asked about; ask again"
        )

    def _masked(self, message: Any, plan: Plan, answers: list[_Answer], asking: _Asking) -> Masked:
        copy, dropped = message_map.masked_copy(message, plan, [a.decision for a in answers], self._keys)
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

    def _ask(self, plan: Plan, asking: _Asking) -> list[_Answer]:
        """Return an answer for each question of a plan."""
        items = [question.item(plan.message_map) for question in plan.questions]
        if len(items) == 1 and not plan.questions[0].place:
            request = api.DecideRequest(
                request_id=asking.next_id(),
                subject=plan.subject,
                action=plan.action,
                resource=items[0].resource,
                context=plan.context,
                message=items[0].message,
                grant_ids=asking.grant_ids,
            )
            reply = self._call("Decide", self._stub.Decide, request, asking.end)
            return [_Answer(reply.policy_hash, _replies.decision_of(reply, request.request_id))]
        answers: list[_Answer] = []
        for batch in _batches(items):
            answers += self._ask_batch(plan, batch, asking)
        return answers

    def _ask_batch(self, plan: Plan, items: list[api.BatchItem], asking: _Asking) -> Iterator[_Answer]:
        request = api.DecideBatchRequest(
            request_id=asking.next_id(),
            subject=plan.subject,
            action=plan.action,
            context=plan.context,
            items=items,
            grant_ids=asking.grant_ids,
        )
        reply = self._call("DecideBatch", self._stub.DecideBatch, request, asking.end)
        if len(reply.results) != len(items):
            raise ProtocolError(f"DecideBatch answered {len(reply.results)} of {len(items)} items")
        for result in reply.results:
            if result.HasField("decision"):
                # What decided stands once, beside the items.
                result.decision.revision, result.decision.policy_hash = reply.revision, reply.policy_hash
                yield _Answer(reply.policy_hash, _replies.decision_of(result.decision, request.request_id))
            else:
                yield _Answer(reply.policy_hash, None, result.error.message or "the item has no answer")

    def _disagreeing_map(self, current: MessageMap, hashes: set[str], asking: _Asking) -> MessageMap | None:
        """Return a map by which one of these policy sets masks otherwise than by `current`; None when all agree.

        Where nothing was asked, there is no hash to go by, and the service is asked for the map itself.
        """
        wanted: list[str | None] = [*sorted(hashes)] or [None]
        for policy_hash in wanted:
            known = self._map_of(policy_hash, asking)
            if not known.agrees_with(current) or policy_hash not in (known.policy_hash, None):
                return known
        return None

    def _map_of(self, policy_hash: str | None, asking: _Asking) -> MessageMap:
        """Return the map of a policy set; of another one when no node that answers has it."""
        known = self._maps.get(asking.application, asking.name, policy_hash)
        for _ in range(MAX_FETCHES):
            if known is not None and policy_hash in (known.policy_hash, None):
                break
            known = self._fetch_map(asking)
        return known or self._fetch_map(asking)

    def _fetch_map(self, asking: _Asking) -> MessageMap:
        request = api.GetMessageMapRequest(application=asking.application, name=asking.name)
        reply = self._call("GetMessageMap", self._stub.GetMessageMap, request, asking.end)
        found = message_map.from_response(reply)
        self._maps.keep(asking.application, asking.name, found)
        return found

    def _end(self) -> float:
        return time.monotonic() + self._deadline

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosedError("the client is closed; make a new one")

    def _call(self, name: str, method: Callable[..., _Reply], request: Any, end: float) -> _Reply:
        self._check_open()
        timeout = end - time.monotonic()
        if timeout <= 0:
            raise DecisionUnavailableError(f"the deadline passed before {name}", "DEADLINE_EXCEEDED")
        try:
            return method(request, timeout=timeout)
        except grpc.RpcError as error:
            self._check_open()
            raise _replies.error_of(error, name) from error
        except ValueError:
            self._check_open()  # grpc's word for a channel that was closed meanwhile
            raise


@dataclass(slots=True)
class _Asking:
    """What all calls for one message share. Each call has a request id of its own, made from the message's."""

    application: str
    name: str
    request_id: str
    grant_ids: list[str]
    end: float
    calls: int = 0

    def next_id(self) -> str:
        self.calls += 1
        return self.request_id if self.calls == 1 else f"{self.request_id[:100]}-{self.calls}"


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer to one question; `decision` None with an error when the service could not decide it alone."""

    policy_hash: str
    decision: Decision | None
    error: str = ""


class _Maps:
    """The message maps seen so far: of each message a few versions by policy hash, the latest last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], dict[str, MessageMap]] = {}

    def latest(self, application: str, name: str) -> MessageMap | None:
        with self._lock:
            versions = self._kept.get((application, name), {})
            return next(reversed(versions.values()), None)

    def get(self, application: str, name: str, policy_hash: str | None) -> MessageMap | None:
        with self._lock:
            return self._kept.get((application, name), {}).get(policy_hash or "")

    def keep(self, application: str, name: str, found: MessageMap) -> None:
        with self._lock:
            versions = self._kept.setdefault((application, name), {})
            versions.pop(found.policy_hash, None)
            versions[found.policy_hash] = found
            while len(versions) > MAPS_KEPT:
                versions.pop(next(iter(versions)))


def _batches(items: list[api.BatchItem]) -> Iterator[list[api.BatchItem]]:
    """Split items so that each batch keeps within the service's bounds."""
    batch: list[api.BatchItem] = []
    size = 0
    for item in items:
        weight = item.ByteSize() + 8
        if batch and (len(batch) == MAX_BATCH_ITEMS or size + weight > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += weight
    if batch:
        yield batch


def _typed(namespace: str, attributes: Mapping[str, Any]) -> dict[str, types_pb2.Value]:
    found = {}
    for name, value in attributes.items():
        try:
            found[values.text_of("the name of an attribute", name)] = values.to_value(value)
        except AttributeValueError as error:
            raise AttributeValueError(f"attribute `{namespace}.{name}`: {error}") from None
    return found


def _check_verdicts(reply: api.DecideResponse, fields: list[str]) -> None:
    if [verdict.field for verdict in reply.verdicts] != fields:
        raise ProtocolError(
            f"Decide answered about {len(reply.verdicts)} fields, not the {len(fields)} asked for in order"
        )
