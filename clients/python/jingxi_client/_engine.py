"""The engine of the service inside the client: one bundle, verified and ready to decide.

This module alone imports `pdp`, the distribution `jingxi`; import it where a client decides offline.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from jingxi_client import _replies, errors, message_map
from jingxi_client._gen.pdp.v1 import bundle_pb2, types_pb2
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from jingxi_client.decisions import Decision, Mask
from jingxi_client.message_map import FULL, MessageMap, Plan, Question
from pdp.control import signatures
from pdp.engine.grants import GrantSource
from pdp.engine.partial import Known
from pdp.engine.request import MAX_ATTRIBUTES, MAX_FIELDS, MAX_ID, MAX_ROLES
from pdp.engine.typed import TypedProgram
from pdp.errors import (
    BundleError as EngineBundleError,
)
from pdp.errors import EvidenceError, GoldenCaseError, RefusedError, RequestError, StaleRevisionError
from pdp.errors import UnknownMessageError as EngineUnknownMessageError
from pdp.server import golden
from pdp.server.grants import GrantTable
from pdp.server.messages import MessageMaps
from pdp.signing import TrustedKeys
from pdp.v1 import bundle_pb2 as engine_bundle_pb2

MAX_BYTES = 64 * 1024 * 1024
MOST_UNDERSTOOD = 4_096
# At most 4 bytes a code point: a text of at most this length is not too long.
SHORT_ID = MAX_ID // 4
# Compiling what is left of the rules for a caller costs as much as some hundred decisions; callers alike share it.
OFTEN = 32


@dataclass(frozen=True, slots=True)
class Understood:
    """An answer without ids: serialized, as it is recorded, as a decision, and whether it unmasks a field above C1."""

    answer: bytes
    record: bytes
    decision: Decision
    shows: bool


class _NoIds:
    """Leaves the decision's id out: it is made of the sequence, which comes later."""

    @staticmethod
    def head() -> bytes:
        return b""


class Engine:
    """A bundle in use. Immutable; safe to share between threads."""

    def __init__(self, signed: bundle_pb2.SignedBundle, program: TypedProgram) -> None:
        self.signed = signed
        self.revision = program.revision
        self.policy_hash = program.hash
        self._program = program
        self._answers = MessageMaps(program)
        self._maps: dict[tuple[str, str], MessageMap] = {}
        self._understood: dict[bytes, Understood] = {}
        self.default_masks: Mapping[str, Mask] = {
            field.id: message_map.mask_of(field.default_mask) if field.HasField("default_mask") else FULL
            for field in bundle_pb2.Bundle.FromString(signed.bundle).fields
        }
        self.levels: Mapping[str, str] = {field.id: field.level for field in program.bundle.fields}

    def map_of(self, application: str, name: str) -> MessageMap:
        """Return a message's map. Raises UnknownMessageError."""
        known = self._maps.get((application, name))
        if known is None:
            request = api.GetMessageMapRequest(application=application, name=name)
            try:
                answer = self._answers.get(request.SerializeToString())
            except RequestError as error:
                raise _error_of(error) from error
            known = message_map.from_response(api.GetMessageMapResponse.FromString(answer))
            self._maps[application, name] = known
        return known

    def decide(self, payload: bytes, now: int) -> bytes:
        """Return the serialized DecideResponse, without an id, to a serialized DecideRequest.

        `now` is in nanoseconds since 1970. Raises RequestRejectedError and RevisionTooOldError.
        """
        try:
            return self._program.decide(payload, now)
        except RequestError as error:
            raise _error_of(error) from error

    def decide_question(self, plan: Plan, question: Question, payload: bytes, now: int) -> Understood:
        """Return the answer to a question of a plan, whose `payload` is as of `Plan.request`.

        Raises RequestRejectedError.
        """
        said, about, part = plan.said, question.about, question.part
        prepared = said.prepared.get(part.name, 0)
        if type(prepared) is Known and len(about.id) <= SHORT_ID and len(payload) <= MAX_ATTRIBUTES:
            outcome, noteworthy = self._program.decide_known(prepared, about, now)
        else:
            who, fields = said.subject, part.names
            # A smaller request holds no attributes of more bytes, and `values` lets no list through that is too long.
            if (
                len(payload) > MAX_ATTRIBUTES
                or not 0 < len(who.id) <= SHORT_ID
                or len(about.id) > SHORT_ID
                or len(who.roles) > MAX_ROLES
                or not 0 < len(fields) <= MAX_FIELDS
            ):
                return self.understand(self.decide(payload, now))  # which refuses what is out of bounds
            if type(prepared) is int:  # so often was this caller here
                known = self._program.known(who, said.action, said.context, fields) if prepared >= OFTEN else None
                said.prepared[part.name] = prepared + 1 if prepared < OFTEN else known
            try:
                outcome, noteworthy = self._program.decide_typed(who, said.action, about, said.context, now, fields)
            except RequestError as error:
                raise _error_of(error) from error
        body = outcome.body if noteworthy is None else outcome.body + noteworthy.serialized()
        return self._understood.get(body) or self._read(body, self._program.trailer + body)

    def understand(self, answer: bytes) -> Understood:
        """Return what a serialized DecideResponse says; equal answers are read once."""
        return self._understood.get(answer) or self._read(answer, answer)

    def _read(self, key: bytes, answer: bytes) -> Understood:
        reply = api.DecideResponse.FromString(answer)
        shows = any(v.effect == types_pb2.EFFECT_UNMASK and self.levels.get(v.field) != "C1" for v in reply.verdicts)
        decision = _replies.decision_of(reply, "")
        # What the bundle says of masks and rules need not be recorded: the service has the bundle.
        for mask in reply.masks:
            mask.ClearField("parameters")
        for reason in reply.reasons:
            reason.ClearField("title")
        found = Understood(answer, reply.SerializeToString(), decision, shows)
        if len(self._understood) >= MOST_UNDERSTOOD:
            self._understood.clear()
        self._understood[key] = found
        return found


def opened(program: TypedProgram) -> Engine:
    """Return a program as an engine, for tests: nothing of its bundle is verified."""
    return Engine(bundle_pb2.SignedBundle(bundle=program.bundle.SerializeToString()), program)


def load(data: bytes, trust: TrustedKeys, in_use: Engine | None, grants: GrantSource | None = None) -> Engine:
    """Return a bundle out of a serialized SignedBundle, when it may come into use.

    `grants` is for tests; an offline client knows none. Raises BundleError, whose `reason` is one of `wrong_format`,
    `wrong_hash`, `bad_signature`, `unknown_key`, `goes_back` and `golden_case`.
    """
    if len(data) > MAX_BYTES:
        raise errors.BundleError("wrong_format", f"the bundle is {len(data)} bytes large, the limit is {MAX_BYTES}")
    try:
        signed = engine_bundle_pb2.SignedBundle.FromString(data)
    except DecodeError as error:
        raise errors.BundleError("wrong_format", "the file is no signed bundle") from error
    if not signed.bundle:
        raise errors.BundleError("wrong_format", "the file is no signed bundle")
    if hashlib.sha256(signed.bundle).hexdigest() != signed.hash:
        raise errors.BundleError("wrong_hash", "the bundle does not match its hash: it was damaged or altered")
    try:
        signatures.verify(signed, trust)
    except RefusedError as error:
        raise errors.BundleError(error.reason, str(error)) from error
    if in_use is not None and signed.revision < in_use.revision:
        raise errors.BundleError(
            "goes_back", f"the bundle is revision {signed.revision}, and {in_use.revision} is in use already"
        )
    table = GrantTable()
    try:
        program = TypedProgram(signed, table, _NoIds())  # type: ignore[arg-type]
        golden.verify(program, table)
    except EngineBundleError as error:
        raise errors.BundleError("wrong_format", str(error)) from error
    except GoldenCaseError as error:
        raise errors.BundleError("golden_case", str(error)) from error
    if grants is not None:
        program.grants = grants
    return Engine(bundle_pb2.SignedBundle.FromString(data), program)


def trusted(path: str | os.PathLike[str]) -> TrustedKeys:
    """Return the keys of a PEM file or of a folder of them. Raises ConfigurationError."""
    try:
        return TrustedKeys.load(Path(path))
    except EvidenceError as error:
        raise errors.ConfigurationError(str(error)) from error


def _error_of(error: RequestError) -> errors.JingxiError:
    violations = tuple(errors.Violation(v.field, v.description) for v in error.violations)
    if isinstance(error, EngineUnknownMessageError):
        return errors.UnknownMessageError(str(error), violations)
    if isinstance(error, StaleRevisionError):
        return errors.RevisionTooOldError(str(error), "FAILED_PRECONDITION")
    return errors.RequestRejectedError(str(error), violations)
