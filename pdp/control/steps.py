"""Who did what, when and why: what every change of drafts and revisions leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pdp.errors import RequestError, Violation
from pdp.v1 import control_pb2

MAX_REASON: Final = 2_000
"""Characters."""
MAX_STEPS: Final = 200
_MAX_STEPS_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Who:
    """Who does something, an account or `system`, and why."""

    actor: str
    reason: str = ""


May = Callable[[str, str, control_pb2.Draft | None], None]
"""Raises AccessDeniedError when an actor may not do an action (`save`, `delete`, `submit`, `return`, `approve`,
`publish`, `rollback`, `promote`, `stop`), to a draft where there is one."""


def anybody(action: str, actor: str, draft: control_pb2.Draft | None) -> None:
    """Let everybody do everything."""
    del action, actor, draft


def check_reason(who: Who, *, required: bool = False) -> None:
    """Raise RequestError for a reason that is missing or too long."""
    if required and not who.reason.strip():
        raise RequestError(Violation("reason", "is required"))
    if len(who.reason) > MAX_REASON:
        raise RequestError(Violation("reason", f"has {len(who.reason)} characters, at most {MAX_REASON} are kept"))


def last_steps(steps: Iterable[control_pb2.Step]) -> list[control_pb2.Step]:
    """Return the last steps, so many as the store carries."""
    found: list[control_pb2.Step] = []
    size = 0
    for step in reversed(list(steps)):
        size += step.ByteSize()
        if len(found) == MAX_STEPS or size > _MAX_STEPS_BYTES:
            break
        found.append(step)
    return found[::-1]


def moment(nanos: int) -> str:
    """Return a time as people read it, in UTC."""
    return datetime.fromtimestamp(nanos // 10**9, UTC).isoformat(sep=" ").replace("+00:00", " UTC")
