"""The message maps of one version, for clients that ask about whole messages."""

from __future__ import annotations

from typing import Final

from pdp.engine.program import Check, Program
from pdp.engine.request import decode
from pdp.errors import NoMessageMapError, RequestError, Violation
from pdp.v1 import bundle_pb2, decision_service_pb2

# Always there, whether the policy set declares them or not.
_BUILTIN = {
    "subject.id": bundle_pb2.ATTRIBUTE_TYPE_STRING,
    "subject.roles": bundle_pb2.ATTRIBUTE_TYPE_STRING_LIST,
    "action.name": bundle_pb2.ATTRIBUTE_TYPE_STRING,
    "resource.type": bundle_pb2.ATTRIBUTE_TYPE_STRING,
    "resource.id": bundle_pb2.ATTRIBUTE_TYPE_STRING,
}
# `now` and `grant.*` are the server's own.
_SENT = ("subject.", "action.", "resource.", "context.")
NOTHING_PASSES: Final = bundle_pb2.FailureRule(alarm_events=100, alarm_seconds=60)
"""The failure rule of a policy set without one."""


class MessageMaps:
    """Answers to GetMessageMap, made once when a version is loaded."""

    __slots__ = ("_common", "_maps")

    def __init__(self, program: Program) -> None:
        bundle = program.bundle
        types = _BUILTIN | {a.name: a.type for a in bundle.attributes if a.name.startswith(_SENT)}
        rule = bundle.failure_rule if bundle.HasField("failure_rule") else NOTHING_PASSES
        self._common = decision_service_pb2.GetMessageMapResponse(
            attribute_types=types, revision=program.revision, policy_hash=program.hash,
            pass_until_nanos=rule.until_nanos if rule.pass_levels else 0,
            alarm_events=rule.alarm_events, alarm_seconds=rule.alarm_seconds,
        ).SerializeToString(deterministic=True)  # fmt: skip
        fallbacks = {field.id: _fallback(field, rule) for field in bundle.fields}
        self._maps = {
            (found.application, found.name): decision_service_pb2.GetMessageMapResponse(
                message_map=found, fallbacks=[fallbacks[name] for name in sorted(_fields(found)) if name in fallbacks]
            ).SerializeToString(deterministic=True)
            for found in bundle.message_maps
        }

    def get(self, payload: bytes, check: Check | None = None) -> bytes:
        """Return the GetMessageMapResponse to a GetMessageMapRequest. Raises RequestError and NoMessageMapError.

        `check` sees the decoded request before it is answered, and what it raises ends the call.
        """
        request = decode(decision_service_pb2.GetMessageMapRequest.FromString, payload)
        if check is not None:
            check(request)
        missing = [
            Violation(field, "is required; name it as the message map does")
            for field in ("application", "name")
            if not getattr(request, field)
        ]
        if missing:
            raise RequestError(*missing)
        found = self._maps.get((request.application, request.name))
        if found is None:
            raise NoMessageMapError(Violation("name", f"`{request.application}` has no message map `{request.name}`"))
        return found + self._common  # serialized messages that follow one another are one merged message


def _fields(message: bundle_pb2.MessageMap) -> set[str]:
    return {field.field for part in message.parts for field in part.fields}


def _fallback(field: bundle_pb2.FieldDefinition, rule: bundle_pb2.FailureRule) -> decision_service_pb2.FieldFallback:
    """Return what holds for a field while no verdict can be had; `pass` is a word of Python."""
    found = decision_service_pb2.FieldFallback(field=field.id, level=field.level, mask=field.default_mask)
    # INVARIANT: here and nowhere else it is said what passes; a client only looks at the time.
    setattr(found, "pass", field.level in rule.pass_levels and not field.never_unmask)
    return found
