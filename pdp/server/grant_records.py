"""The record of what was done to grants."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from pdp.errors import PdpError, RequestError, SpoolError
from pdp.v1 import account_pb2, snapshot_pb2

_MOST: int = 500


class Recording:
    """`record` makes an operation durable, or raises SpoolError."""

    def __init__(self, record: Callable[[snapshot_pb2.Operation], None]) -> None:
        self._record = record

    @contextlib.contextmanager
    def of(self, kind: str, actor: str, told: Mapping[str, str], address: str = "") -> Iterator[dict[str, str]]:
        """Record what is done within, and how it went; the details that are given may be added to."""
        details = {key: value for key, value in told.items() if value}
        try:
            yield details
        except RequestError:
            raise
        except Exception as error:
            code = error.code if isinstance(error, PdpError) else PdpError.code
            self._keep(kind, actor, details | {"error": code}, address, success=False)
            raise
        self._keep(kind, actor, details, address, success=True)

    def _keep(self, kind: str, actor: str, details: Mapping[str, str], address: str, *, success: bool) -> None:
        operation = snapshot_pb2.Operation(
            actor=actor, kind=kind, success=success, address=address,
            details={key: value[:_MOST] for key, value in details.items()},
        )  # fmt: skip
        # It has happened, and the caller is told how it went; the recorder has told in the log that it could not.
        with contextlib.suppress(SpoolError):
            self._record(operation)


def about(record: account_pb2.GrantRecord) -> dict[str, str]:
    """Return what the record of an operation tells of a grant. The resource stays out: records name it as a hash."""
    grant = record.grant
    found = {
        "grant": grant.id, "kind": grant.kind, "subject": grant.subject_id, "resource_type": grant.resource_type,
        "fields": ",".join(grant.fields), "levels": ",".join(grant.levels), "scenario": grant.scenario,
        "application": record.application, "branch": record.branch, "approver": grant.approver,
        "evidence": grant.evidence, "max_uses": str(record.max_uses) if record.max_uses else "",
        "expires_at_nanos": str(grant.expires_at_nanos) if grant.expires_at_nanos else "",
    }  # fmt: skip
    return {key: value for key, value in found.items() if value}
