"""What the decision service does, from request bytes to reply bytes, whatever carries them.

Every transport calls these methods; every failure leaves as an exception that `status` turns into a status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from google.protobuf.message import DecodeError, Message

from pdp.engine import recording
from pdp.engine.program import Check
from pdp.engine.recording import Notes
from pdp.engine.wire import length_delimited
from pdp.errors import RequestError, Violation
from pdp.server.clock import Clock, machine_clock
from pdp.server.holder import Holder
from pdp.server.status import Failure, first_field
from pdp.v1 import decision_service_pb2, grant_service_pb2

Method = Callable[[bytes, Check | None, Notes | None], bytes]
"""Answers a request's bytes. The check sees the decoded request before it is answered and may raise; the notes take
the records of what was decided."""

SERVICE: str = decision_service_pb2.DESCRIPTOR.services_by_name["DecisionService"].full_name
STREAM = "DecideStream"
GRANTS: str = grant_service_pb2.DESCRIPTOR.services_by_name["GrantService"].full_name
GRANT_METHODS: Mapping[str, type[Message]] = MappingProxyType(
    {
        "AskForGrant": grant_service_pb2.AskForGrantRequest,
        "RecordConsent": grant_service_pb2.RecordConsentRequest,
        "GetGrant": grant_service_pb2.GetGrantRequest,
        "RevokeGrant": grant_service_pb2.RevokeGrantRequest,
    }
)
"""What known systems may call of GrantService, with the requests."""

# Some eighty items: a millisecond.
_SHORT_BATCH = 16_384
_MAY_BE_LONG = frozenset({"DecideBatch", "ReportFallbacks", "ReportDecisions"})


class DecisionCore:
    """The methods of `pdp.v1.DecisionService`. `clock` tells the time that they decide by."""

    def __init__(self, holder: Holder, clock: Clock = machine_clock) -> None:
        self._holder = holder
        self._clock = clock
        self.methods: Mapping[str, Method] = MappingProxyType(
            {
                "Decide": self.decide,
                "DecideBatch": self.decide_batch,
                "Explain": self.explain,
                "GetMessageMap": self.get_message_map,
            }
        )

    @property
    def revision(self) -> int:
        """The revision that decides now; 0 before the first."""
        version = self._holder.version
        return 0 if version is None else version.program.revision

    @staticmethod
    def is_long(name: str, payload: bytes) -> bool:
        """Whether a call may take so long that others should not wait for it: a trace, or a batch of some size."""
        return name == "Explain" or (len(payload) > _SHORT_BATCH and name in _MAY_BE_LONG)

    def decide(self, payload: bytes, check: Check | None = None, notes: Notes | None = None) -> bytes:
        """Decide one resource: DecideRequest to DecideResponse."""
        if notes is not None:
            notes.source = recording.DECIDE
        return self._holder.require().decider.decide(payload, self._clock(), check, notes)

    def decide_batch(self, payload: bytes, check: Check | None = None, notes: Notes | None = None) -> bytes:
        """Decide many resources: DecideBatchRequest to DecideBatchResponse."""
        if notes is not None:
            notes.source = recording.BATCH
        return self._holder.require().decider.decide_batch(payload, self._clock(), check, notes)

    def explain(self, payload: bytes, check: Check | None = None, notes: Notes | None = None) -> bytes:
        """Decide and tell why: ExplainRequest to ExplainResponse."""
        if notes is not None:
            notes.source = recording.EXPLAIN
        return self._holder.require().program.explain(payload, self._clock(), check, notes)

    def get_message_map(self, payload: bytes, check: Check | None = None, notes: Notes | None = None) -> bytes:
        """Tell where fields and attributes sit in a message: GetMessageMapRequest to GetMessageMapResponse."""
        return self._holder.require().messages.get(payload, check)

    def decide_streamed(self, payload: bytes, check: Check | None = None, notes: Notes | None = None) -> bytes:
        """Decide one request of a stream: DecideStreamRequest to DecideStreamResponse with a decision."""
        try:
            wrapped = decision_service_pb2.DecideStreamRequest.FromString(payload)
        except DecodeError as error:
            raise RequestError(Violation("request", f"is not a valid protobuf message: {error}")) from None
        if not wrapped.HasField("request"):
            raise RequestError(Violation("request", "is required"))
        if notes is not None:
            notes.source = recording.STREAM
        decider = self._holder.require().decider
        decision = decider.decide(wrapped.request.SerializeToString(), self._clock(), check, notes)
        # Field 1 of DecideStreamResponse holds the decision as it is.
        return length_delimited(b"\x0a", decision)


def decode_grant_call(name: str, payload: bytes) -> Message:
    """Return the request of a method in GRANT_METHODS. Raises RequestError."""
    try:
        return GRANT_METHODS[name].FromString(payload)
    except DecodeError as error:
        raise RequestError(Violation("request", f"is not a valid protobuf message: {error}")) from None


def stream_error(failure: Failure) -> bytes:
    """Return the DecideStreamResponse that tells of a request which failed."""
    error = decision_service_pb2.ItemError(code=failure.code, message=failure.message, field=first_field(failure))
    return decision_service_pb2.DecideStreamResponse(error=error).SerializeToString()
