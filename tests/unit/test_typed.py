"""A program for typed requests answers byte for byte what the one for messages answers."""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple, cast

from hypothesis import given, settings

from pdp.engine import bundle
from pdp.engine.counts import Encoded
from pdp.engine.decision_ids import DecisionIds
from pdp.engine.program import Program
from pdp.engine.recording import Noteworthy
from pdp.engine.typed import TypedProgram
from pdp.v1 import decision_service_pb2, types_pb2
from tests.reference.compare import Refused, resolve, some_requests
from tests.reference.random_requests import random_grants
from tests.reference.random_sets import random_set
from tests.reference.request import Grants
from tests.strategies import PROPERTY, examples, sources

REQUESTS = 25


class _NoIds:
    @staticmethod
    def head() -> bytes:
        return b""


NO_IDS = cast("DecisionIds", _NoIds)


class _Party:
    """A subject, action or resource whose attributes are values."""

    def __init__(self, message: Any, attributes: dict[str, Any]) -> None:
        self.message = message
        self.attributes = attributes

    def __getattr__(self, name: str) -> Any:
        return tuple(self.message.roles) if name == "roles" else getattr(self.message, name)


@settings(PROPERTY, max_examples=examples(12))
@given(source=sources())
def test_answers_are_the_same(source: Random) -> None:
    made = random_set(source, 1)
    found = resolve(made)
    if isinstance(found, Refused):
        return
    grants = Grants(random_grants(source, made))
    signed = bundle.build(found)
    program = Program.from_bundle(signed, grants=grants, ids=NO_IDS)
    typed = TypedProgram.from_bundle(signed, grants=grants, ids=NO_IDS)
    for request in some_requests(source, made, REQUESTS):
        payload = request.payload()
        wanted = program.decide(payload, request.now)
        assert typed.decide(payload, request.now) == wanted
        if not request.grant_ids:
            assert _decided(typed, payload, request.now) == wanted


@settings(PROPERTY, max_examples=examples(12))
@given(source=sources())
def test_what_is_left_for_a_caller_decides_alike(source: Random) -> None:
    made = random_set(source, 1)
    found = resolve(made)
    if isinstance(found, Refused):
        return
    program = TypedProgram.from_bundle(bundle.build(found), ids=NO_IDS)
    requests = list(some_requests(source, made, 10))
    for caller in requests:
        subject, action, _, context, fields = _typed(program, caller.payload())
        known = program.known(subject, action, context, fields)
        assert known is not None
        for other in requests:
            resource = _typed(program, other.payload()).resource
            wanted = _body(*program.decide_typed(subject, action, resource, context, other.now, fields))
            assert _body(*program.decide_known(known, resource, other.now)) == wanted


class _Typed(NamedTuple):
    subject: _Party
    action: _Party
    resource: _Party
    context: dict[str, Any]
    fields: tuple[str, ...]


def _typed(program: TypedProgram, payload: bytes) -> _Typed:
    request = decision_service_pb2.DecideRequest.FromString(payload)
    subject, action, resource = (
        _Party(party, program.typed_attributes(root, party.attributes))
        for root, party in (("subject", request.subject), ("action", request.action), ("resource", request.resource))
    )
    context = program.typed_attributes("context", request.context)
    return _Typed(subject, action, resource, context, program.requested_fields(request))


def _decided(program: TypedProgram, payload: bytes, now: int) -> bytes:
    """Decide as a caller does that has typed values."""
    subject, action, resource, context, fields = _typed(program, payload)
    body = _body(*program.decide_typed(subject, action, resource, context, now, fields))
    request_id = decision_service_pb2.DecideRequest.FromString(payload).request_id
    head = decision_service_pb2.DecideResponse(request_id=request_id).SerializeToString() + program.trailer
    return head + body


def _body(outcome: Encoded, noteworthy: Noteworthy | None) -> bytes:
    return outcome.body + (noteworthy.serialized() if noteworthy else b"")


def test_an_undeclared_attribute_without_a_value_is_told() -> None:
    found = None
    number = 0
    while found is None or isinstance(found, Refused):
        found = resolve(random_set(Random(f"typed/{number}"), 0))
        number += 1
    typed = TypedProgram.from_bundle(bundle.build(found))
    request = decision_service_pb2.DecideRequest(subject=types_pb2.Subject(id="T1"), fields=["f"])
    for name in ("nobody", "id"):
        request.subject.attributes[name].SetInParent()
    answer = decision_service_pb2.DecideResponse.FromString(typed.decide(request.SerializeToString()))
    undeclared = types_pb2.DIAGNOSTIC_CODE_UNDECLARED_ATTRIBUTE
    assert [d.subject for d in answer.diagnostics if d.code == undeclared] == ["subject.id", "subject.nobody"]
