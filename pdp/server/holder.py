"""The one reference to what the process decides by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

from pdp.engine.program import Check, Program
from pdp.engine.recording import Notes
from pdp.errors import NoPolicyError
from pdp.server.messages import MessageMaps
from pdp.v1 import bundle_pb2


class Decider(Protocol):
    """A program, as far as deciding goes; or one with something done besides."""

    def decide(self, payload: bytes, now: int, check: Check | None, notes: Notes | None) -> bytes:
        """Answer a serialized DecideRequest, as `Program.decide` does."""

    def decide_batch(
        self, payload: bytes, now: int, check: Check | None, notes: Notes | None, tail: bytes = b""
    ) -> bytes:
        """Answer a serialized DecideBatchRequest, as `Program.decide_batch` does."""


@dataclass(frozen=True, slots=True)
class Version:
    """One loaded revision: everything a call may need of it, so that a call never mixes two.

    `decider` is the program itself unless something is done besides, which so costs nothing while it is not.
    """

    program: Program
    messages: MessageMaps
    decider: Decider
    signed: bundle_pb2.SignedBundle

    @classmethod
    def of(cls, program: Program, signed: bundle_pb2.SignedBundle) -> Self:
        """Return the version of a program that was made of a bundle."""
        return cls(program, MessageMaps(program), program, signed)


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
