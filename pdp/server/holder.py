"""The one reference to what the process decides by."""

from __future__ import annotations

from dataclasses import dataclass

from pdp.engine.program import Program
from pdp.errors import NoPolicyError
from pdp.server.messages import MessageMaps


@dataclass(frozen=True, slots=True)
class Version:
    """One loaded revision: everything a call may need of it, so that a call never mixes two."""

    program: Program
    messages: MessageMaps


class Holder:
    """Holds the current version. Reading and replacing are single reference operations and need no lock."""

    __slots__ = ("version",)

    def __init__(self) -> None:
        self.version: Version | None = None

    def require(self) -> Version:
        """Return the current version. Raises NoPolicyError before the first one."""
        # INVARIANT: a call reads the reference once and works on what it read; a swap in between changes nothing.
        version = self.version
        if version is None:
            raise NoPolicyError("no policy set is loaded yet; try again or ask another node")
        return version
