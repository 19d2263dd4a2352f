"""What every output of security events does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pdp.server.siem.events import Event


class Output(Protocol):
    """Where events go. All methods are called by one thread and raise SiemError when the other end is not there."""

    hold_seconds: float
    """How long what has arrived may still be lost with the other end."""

    def look(self) -> None:
        """Open what is not open, and see that the other end is still there."""

    def write(self, events: Sequence[Event]) -> None:
        """Write events, all or, after an error, nobody knows how many."""

    def has_arrived(self) -> bool:
        """Whether everything that was written has arrived."""

    def close(self) -> None:
        """Let go; it may be opened again."""
