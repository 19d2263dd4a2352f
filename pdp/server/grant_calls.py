"""What workers ask of the supervisor about grants: uses of them, and what known business systems call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from pdp.control.grants.desk import GrantDesk
from pdp.control.grants.rules import Authority
from pdp.control.grants.uses import Uses
from pdp.errors import AccessDeniedError, ControlStoreError, RequestError, Violation, WorkerError
from pdp.server.control import Data
from pdp.server.core import decode_grant_call
from pdp.server.grant_records import Recording, about
from pdp.server.status import failure_of
from pdp.v1 import account_pb2, grant_service_pb2, snapshot_pb2

WITHIN: Final = 30.0
_KINDS: Final = {"AskForGrant": "grant.ask", "RecordConsent": "grant.consent", "RevokeGrant": "grant.revoke"}


class GrantCalls:
    """`record` makes an operation durable, or raises SpoolError; it is called in a thread."""

    def __init__(self, desk: GrantDesk, uses: Uses, record: Callable[[snapshot_pb2.Operation], None]) -> None:
        self._desk = desk
        self._uses = uses
        self._recording = Recording(record)

    async def __call__(self, words: Data, data: bytes) -> tuple[Data, bytes]:
        """Answer; a `control.Serve`. Raises ControlStoreError and WorkerError."""
        match words:
            case {"what": "use", "grant": str(grant_id)}:
                async with asyncio.timeout(WITHIN):
                    return {"taken": await self._uses.take(grant_id, 1)}, b""
            case {"what": "call", "method": str(method), "caller": str(caller), "key": str(key)}:
                return await self._call(method, caller, key, data)
        raise WorkerError("this is nothing that a worker may ask")

    async def _call(self, method: str, caller: str, key: str, data: bytes) -> tuple[Data, bytes]:
        try:
            request: Any = decode_grant_call(method, data)
            async with asyncio.timeout(WITHIN):
                return {}, await self._answer(request, caller, key, method)
        except TimeoutError:
            failure = failure_of(ControlStoreError(f"it takes longer than {WITHIN:g} s"), method)
        except Exception as error:  # the caller is told, as of any call
            failure = failure_of(error, method)
        return {"status": failure.code, "message": failure.message}, failure.details

    async def _answer(self, request: Any, caller: str, key: str, method: str) -> bytes:
        who = Authority(f"caller:{caller}")
        if isinstance(request, grant_service_pb2.GetGrantRequest):
            record = await self._own(request.id, who)
            return grant_service_pb2.GetGrantResponse(grant=record).SerializeToString()
        told = {"grant": getattr(request, "id", ""), "reason": getattr(request, "reason", "")}
        if consent_id := getattr(request, "consent_id", ""):
            told["consent_id"] = consent_id
        done: dict[str, str] = {}
        error: Exception | None = None
        answer = b""
        try:
            answer, record = await self._change(request, who, caller, key)
            done = about(record)
        except Exception as found:  # recorded, and raised again
            error = found
        await asyncio.to_thread(self._keep, _KINDS[method], who.name, told, done, error)
        return answer

    def _keep(
        self, kind: str, actor: str, told: dict[str, str], done: dict[str, str], error: Exception | None
    ) -> None:  # fmt: skip
        with self._recording.of(kind, actor, told) as details:
            if error is not None:
                raise error
            details.update(done)

    async def _change(
        self, request: Any, who: Authority, caller: str, key: str
    ) -> tuple[bytes, account_pb2.GrantRecord]:  # fmt: skip
        match request:
            case grant_service_pb2.AskForGrantRequest():
                if not request.subject_id:
                    raise RequestError(Violation("subject_id", "is required"))
                record = await self._desk.ask(request, who)
                return grant_service_pb2.AskForGrantResponse(grant=record).SerializeToString(), record
            case grant_service_pb2.RecordConsentRequest():
                made = await self._desk.consent(request, who, caller, key)
                given = grant_service_pb2.RecordConsentResponse(grant=made.record, grant_revision=made.revision)
                return given.SerializeToString(), made.record
            case grant_service_pb2.RevokeGrantRequest():
                await self._own(request.id, who)
                gone = await self._desk.revoke(request.id, who, request.reason)
                taken = grant_service_pb2.RevokeGrantResponse(
                    grant=gone.record, grant_revision=gone.revision, silent_nodes=gone.silent
                )
                return taken.SerializeToString(), gone.record
        raise TypeError(f"no rule for a {type(request).__name__}")  # a new method must not slip through

    async def _own(self, grant_id: str, who: Authority) -> account_pb2.GrantRecord:
        record = await self._desk.get(grant_id)
        if record.steps[0].actor != who.name:
            raise AccessDeniedError("a system may only see and take back what it asked for or recorded itself")
        return record
