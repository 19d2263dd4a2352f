"""How a message is asked about: which calls in which order, without making them.

The functions here are generators that yield calls and are sent the replies, or thrown the errors, so that the client of
threads and that of asyncio have them in common.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from jingxi_client import _replies, message_map, values
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from jingxi_client._gen.pdp.v1 import types_pb2
from jingxi_client._maps import Maps
from jingxi_client.decisions import Action, Decision, Resource, Subject
from jingxi_client.errors import (
    AttributeValueError,
    DecisionUnavailableError,
    ProtocolError,
    UnknownMessageError,
)
from jingxi_client.message_map import Caller, MessageMap, Plan

MAX_REQUEST_ID = 128
"""Bytes; a longer one is refused."""
MAX_BATCH_ITEMS = 1_000
MAX_BATCH_BYTES = 192 * 1024
"""Below the 256 KB that the service accepts, for all that a batch holds besides its items."""
MAX_ROUNDS = 8
"""How often a message is asked about when policy sets change or differ between nodes meanwhile."""
MAX_FETCHES = 4
"""How often in a row the map of one policy set is asked for; calls go round the nodes, and one of them has it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call to make: the method's name and its request."""

    method: str
    request: Any


_T = TypeVar("_T")
Flow = Generator[Call, Any, _T]


@dataclass(slots=True)
class Asking:
    """What all calls for one message share. Each call has a request id of its own, made from the message's."""

    application: str
    name: str
    caller: Caller
    request_id: str
    grant_ids: list[str]
    min_revision: int = 0
    min_grant_revision: int = 0
    calls: int = 0

    @classmethod
    def about(
        cls,
        application: str,
        name: str,
        caller: Caller,
        grant_ids: Sequence[str],
        request_id: str,
        min_revision: int,
        min_grant_revision: int,
    ) -> Asking:
        """Return it with its texts checked. Raises AttributeValueError."""
        checked = [values.text_of("grant_ids", grant_id) for grant_id in grant_ids]
        return cls(
            values.text_of("application", application),
            values.text_of("name", name),
            caller,
            values.text_of("request_id", request_id) or uuid.uuid4().hex,
            checked,
            min_revision,
            min_grant_revision,
        )

    def next_id(self) -> str:
        """Return the request id of the next call."""
        self.calls += 1
        return self.request_id if self.calls == 1 else f"{self.request_id[:100]}-{self.calls}"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question; `decision` None with an error when the service could not decide it alone."""

    policy_hash: str
    decision: Decision | None
    error: str = ""


def request_ids(request_id: str, count: int) -> list[str]:
    """Return the request ids of so many calls for one message, made from the message's."""
    return [request_id if number == 1 else f"{request_id[:100]}-{number}" for number in range(1, count + 1)]


def further(request_id: str, grant_ids: Sequence[str], min_revision: int, min_grant_revision: int) -> bytes:
    """Return what a serialized DecideRequest may hold besides, nothing in most. Raises AttributeValueError.

    The request id is in it only when it is so long that it must be refused.
    """
    if not (grant_ids or min_revision or min_grant_revision or len(request_id) > MAX_REQUEST_ID // 4):
        return b""
    checked = [values.text_of("grant_ids", grant_id) for grant_id in grant_ids]
    request = api.DecideRequest(
        request_id=request_id if len(request_id.encode()) > MAX_REQUEST_ID else "",
        grant_ids=checked,
        min_revision=min_revision,
        min_grant_revision=min_grant_revision,
    )
    return request.SerializeToString()


def decide_request(
    fields: Sequence[str],
    subject: Subject,
    action: Action | None,
    resource: Resource | None,
    context: Mapping[str, Any] | None,
    grant_ids: Sequence[str],
    request_id: str,
    min_revision: int,
    min_grant_revision: int,
) -> api.DecideRequest:
    """Return the question about fields. Raises AttributeValueError."""
    action, resource = action or Action(), resource or Resource()
    return api.DecideRequest(
        request_id=values.text_of("request_id", request_id) or uuid.uuid4().hex,
        subject=message_map.subject_of(subject, _typed("subject", subject.attributes)),
        action=message_map.action_of(action, _typed("action", action.attributes)),
        resource=message_map.resource_of(resource, _typed("resource", resource.attributes)),
        context=_typed("context", context or {}),
        fields=[values.text_of("fields", name) for name in fields],
        grant_ids=[values.text_of("grant_ids", grant_id) for grant_id in grant_ids],
        min_revision=min_revision,
        min_grant_revision=min_grant_revision,
    )


def decision_for(request: api.DecideRequest, reply: api.DecideResponse) -> Decision:
    """Return the decision in a reply to `decide_request`. Raises ProtocolError."""
    if [verdict.field for verdict in reply.verdicts] != list(request.fields):
        raise ProtocolError(
            f"Decide answered about {len(reply.verdicts)} fields, not the {len(request.fields)} asked for in order"
        )
    return _replies.decision_of(reply, request.request_id)


def ask(message: Any, asking: Asking, maps: Maps) -> Flow[tuple[Plan, list[Answer]]]:
    """Ask about a message and return what was asked with the answers, by one map."""
    current = maps.latest(asking.application, asking.name) or (yield from fetch_map(asking, maps))
    followed = [current]
    for _ in range(MAX_ROUNDS):
        plan = message_map.plan(current, message, asking.caller)
        try:
            answers = yield from _ask(plan, asking)
        except UnknownMessageError:
            current = yield from fetch_map(asking, maps)  # raises the same when there is no map at all
            continue
        # Answers by another policy set say nothing about where that set has the fields.
        other = yield from _disagreeing_map(current, {a.policy_hash for a in answers}, asking, maps)
        if other is None:
            return plan, answers
        # Two nodes that differ take turns: following each would never end, so each map is followed once.
        if not any(other.agrees_with(known) for known in followed):
            current = other
            followed.append(other)
    raise DecisionUnavailableError(
        f"policy sets changed {MAX_ROUNDS} times while message `{asking.name}` was asked about; ask again"
    )


def fetch_map(asking: Asking, maps: Maps) -> Flow[MessageMap]:
    """Ask for the message's map, keep and return it."""
    request = api.GetMessageMapRequest(application=asking.application, name=asking.name)
    reply = yield Call("GetMessageMap", request)
    return maps.keep(asking.application, asking.name, reply)


def _ask(plan: Plan, asking: Asking) -> Flow[list[Answer]]:
    """Return an answer for each question of a plan."""
    items = [question.item() for question in plan.questions]
    if len(items) == 1 and not plan.questions[0].place:
        request = api.DecideRequest(
            request_id=asking.next_id(),
            subject=plan.subject,
            action=plan.action,
            resource=items[0].resource,
            context=plan.context,
            message=items[0].message,
            grant_ids=asking.grant_ids,
            min_revision=asking.min_revision,
            min_grant_revision=asking.min_grant_revision,
        )
        reply = yield Call("Decide", request)
        return [Answer(reply.policy_hash, _replies.decision_of(reply, request.request_id))]
    answers: list[Answer] = []
    for batch in _batches(items):
        batch_request = api.DecideBatchRequest(
            request_id=asking.next_id(),
            subject=plan.subject,
            action=plan.action,
            context=plan.context,
            items=batch,
            grant_ids=asking.grant_ids,
            min_revision=asking.min_revision,
            min_grant_revision=asking.min_grant_revision,
        )
        answers += _answers_of(batch_request, (yield Call("DecideBatch", batch_request)))
    return answers


def _answers_of(request: api.DecideBatchRequest, reply: api.DecideBatchResponse) -> Iterator[Answer]:
    if len(reply.results) != len(request.items):
        raise ProtocolError(f"DecideBatch answered {len(reply.results)} of {len(request.items)} items")
    for result in reply.results:
        if result.HasField("decision"):
            # What decided stands once, beside the items.
            result.decision.revision, result.decision.policy_hash = reply.revision, reply.policy_hash
            yield Answer(reply.policy_hash, _replies.decision_of(result.decision, request.request_id))
        else:
            yield Answer(reply.policy_hash, None, result.error.message or "the item has no answer")


def _disagreeing_map(current: MessageMap, hashes: set[str], asking: Asking, maps: Maps) -> Flow[MessageMap | None]:
    """Return a map by which one of these policy sets masks otherwise than by `current`; None when all agree.

    Where nothing was asked, there is no hash to go by, and the service is asked for the map itself.
    """
    wanted: list[str | None] = [*sorted(hashes)] or [None]
    for policy_hash in wanted:
        known = yield from _map_of(policy_hash, asking, maps)
        if not known.agrees_with(current) or policy_hash not in (known.policy_hash, None):
            return known
    return None


def _map_of(policy_hash: str | None, asking: Asking, maps: Maps) -> Flow[MessageMap]:
    """Return the map of a policy set; of another one when no node that answers has it."""
    known = maps.get(asking.application, asking.name, policy_hash)
    for _ in range(MAX_FETCHES):
        if known is not None and policy_hash in (known.policy_hash, None):
            break
        known = yield from fetch_map(asking, maps)
    return known or (yield from fetch_map(asking, maps))


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
