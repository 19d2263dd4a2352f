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
PARTS: Final = frozenset({control_pb2.STEP_KIND_SAVED, control_pb2.STEP_KIND_SUBMITTED})
"""What makes somebody an author of a draft."""
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
    """Return the last steps, so many as the store carries.

    Of everybody who wrote or handed in, one such step stays, without its reason when it is older than those: whoever
    had a part must not approve, however often others have saved since.
    """
    found: list[control_pb2.Step] = []
    known: set[str] = set()
    size = 0
    is_full = False
    for step in reversed(list(steps)):
        size += step.ByteSize()
        is_full = is_full or len(found) == MAX_STEPS or size > _MAX_STEPS_BYTES
        is_part = step.kind in PARTS
        if is_full and (not is_part or step.actor in known):
            continue
        if is_part:
            known.add(step.actor)
        found.append(_bare(step) if is_full else step)
    return found[::-1]


def _bare(step: control_pb2.Step) -> control_pb2.Step:
    return control_pb2.Step(kind=step.kind, actor=step.actor, time_nanos=step.time_nanos, sources=step.sources)


def moment(nanos: int) -> str:
    """Return a time as people read it, in UTC."""
    return datetime.fromtimestamp(nanos // 10**9, UTC).isoformat(sep=" ").replace("+00:00", " UTC")
