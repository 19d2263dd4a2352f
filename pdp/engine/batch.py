"""Many resources for one subject, action and context (DecideBatchRequest → DecideBatchResponse).

What the items share is looked up in the request once: an attribute of a protobuf map costs as much to read as a whole
rule to evaluate. Items that ask for the same fields share that list too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pdp.engine.grants import named_applications
from pdp.engine.recording import Noteworthy
from pdp.engine.request import MAX_ITEMS, SMALL, check_parties, check_resource, decode
from pdp.engine.wire import length_delimited
from pdp.errors import GrantUseError, RequestError, StaleGrantsError, Violation
from pdp.v1 import decision_service_pb2, types_pb2

if TYPE_CHECKING:
    from pdp.engine.program import Check, Program
    from pdp.engine.recording import Notes

_INVALID_ARGUMENT = 3
_ABSENT = types_pb2.Value()


class _Attributes(dict[str, types_pb2.Value]):
    """A request's map as Python has it. INVARIANT: whoever reads does not change the values."""

    __slots__ = ()

    def __missing__(self, key: str) -> types_pb2.Value:
        return _ABSENT


class _Party:
    """A subject or an action, with the members that conditions read."""

    __slots__ = ("attributes", "id", "name", "roles")

    def __init__(self, *, id: str = "", name: str = "", roles: tuple[str, ...] = (), attributes: Any) -> None:  # noqa: A002 - protobuf's names
        self.id = id
        self.name = name
        self.roles = roles
        self.attributes = _Attributes(attributes)


def decide(
    program: Program, payload: bytes, now: int, check: Check | None, notes: Notes | None, tail: bytes = b""
) -> bytes:
    """Answer a serialized request; `check` sees it decoded first, and each decision ends with `tail`.

    Raises RequestError.
    """
    request = decode(decision_service_pb2.DecideBatchRequest.FromString, payload)
    if check is not None:
        check(request)
    size = len(payload)
    check_parties(request, size)
    if request.min_revision > program.revision:
        raise program.stale(request.min_revision)
    if (wanted := request.min_grant_revision) and wanted > (known := program.ledger.revision):
        raise StaleGrantsError(wanted, known)
    if not 1 <= len(request.items) <= MAX_ITEMS:
        raise RequestError(Violation("items", f"has {len(request.items)} entries, must have 1 to {MAX_ITEMS}"))
    response = decision_service_pb2.DecideBatchResponse(
        request_id=request.request_id, revision=program.revision, policy_hash=program.hash
    )
    chunks = [response.SerializeToString()]
    items = _Items(program, request, size, now, notes, tail)
    before = 0 if notes is None else len(notes.records)
    for position, item in enumerate(request.items):
        try:
            chunks += items.answer(position, item)
        except RequestError as error:
            failure = decision_service_pb2.ItemError(
                code=_INVALID_ARGUMENT, message=str(error), field=error.violations[0].field
            )
            failed = decision_service_pb2.BatchResult(error=failure).SerializeToString()
            chunks.append(length_delimited(b"\x22", failed))
    if items.shown_by:
        try:
            # Once for the whole batch: it is one view.
            program.ledger.spend(sorted(items.shown_by))
        except GrantUseError:
            if notes is not None:
                del notes.records[before:]
            raise
    return b"".join(chunks)


class _Items:
    """Answers the items of one batch."""

    def __init__(
        self, program: Program, request: Any, size: int, now: int, notes: Notes | None, tail: bytes = b""
    ) -> None:
        subject, action = request.subject, request.action
        self._program = program
        self._subject = _Party(id=subject.id, roles=tuple(subject.roles), attributes=subject.attributes)
        self._action = _Party(name=action.name, attributes=action.attributes)
        self._context = _Attributes(request.context)
        self._now = now
        self._grant_ids = request.grant_ids
        in_context, of_subject, self._of_resource, of_action = program.declared
        self._declared = (
            in_context(self._context) and of_subject(self._subject.attributes) and of_action(self._action.attributes)
        )
        self._is_small = size <= SMALL
        self._notes = notes
        self._tail = tail
        self._recorder = None if notes is None else program.recorder
        # A record tells by which request it was asked for; an answer says so once for all items.
        asked = length_delimited(b"\x12", request.request_id.encode()) if request.request_id else b""
        self._asked = asked + program.trailer
        self._shared = b"" if self._recorder is None else self._recorder.shared(request, declared=self._declared)
        self.shown_by: set[str] = set()
        self._listed: list[str] = []
        self._fields: tuple[str, ...] = ()

    def answer(self, position: int, item: Any) -> tuple[bytes, ...]:
        """Return the pieces of an item's field of the reply. Raises RequestError."""
        program = self._program
        resource = item.resource
        if not self._is_small and item.ByteSize() > SMALL:
            check_resource(resource, f"items[{position}].resource")
        listed = item.fields[:]
        if not listed or listed != self._listed or item.HasField("message"):
            self._fields, self._listed = program.requested_fields(item, f"items[{position}]."), listed
        outcome, noteworthy = program.outcome(
            self._subject,
            self._action,
            resource,
            self._context,
            self._now,
            self._grant_ids,
            self._fields,
            declared=self._declared and self._of_resource(resource.attributes),
            applications=named_applications(self._context, item) if self._grant_ids else (),
        )
        if noteworthy is not None and noteworthy.shown_by:
            self.shown_by.update(noteworthy.shown_by)
        head = program.ids.head()
        if self._recorder is not None and self._notes is not None and outcome.record is not None:
            facts = self._recorder.item(self._shared, item)
            self._recorder.note(self._notes, head + self._asked, facts, self._now, outcome.record, noteworthy)
        return _result(head, outcome.body, noteworthy, self._tail)


def _result(head: bytes, body: bytes, noteworthy: Noteworthy | None, tail: bytes) -> tuple[bytes, ...]:
    if noteworthy is not None:
        tail = noteworthy.serialized() + tail
    decision = length_delimited(b"\x0a", head + body + tail)
    return (length_delimited(b"\x22", decision),)
