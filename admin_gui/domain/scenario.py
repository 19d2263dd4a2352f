"""A request to try, wherever it comes from: the library, a counterexample of the analysis, or a snapshot."""

from __future__ import annotations

from dataclasses import dataclass

from admin_gui.domain.say import Say


@dataclass(frozen=True, slots=True)
class Scenario:
    """`request` is a serialized DecideRequest, each of `grants` a serialized Grant; `now_nanos` None means now."""

    title: Say
    request: bytes
    now_nanos: int | None = None
    grants: tuple[bytes, ...] = ()
