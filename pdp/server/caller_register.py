"""Puts the callers of a file and those that staff manage together: the file is the machine's own word, and wins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from pdp.control.callers.rules import spec_of
from pdp.lang.loader.callers import CallerSpec
from pdp.server import logs
from pdp.server.callers import Registry
from pdp.v1 import caller_pb2

_MOST_TOLD: Final = 50

log = logging.getLogger(__name__)


class CallerRegister:
    """`let` has all who judge calls judge them by a registry."""

    def __init__(self, let: Callable[[Registry], Awaitable[None]]) -> None:
        self._let = let
        self._lock = asyncio.Lock()
        self._file: Sequence[CallerSpec] = ()
        self._managed: Sequence[CallerSpec] = ()
        self._registry: Registry | None = None
        self._hidden: Sequence[str] = ()

    @property
    def of_file(self) -> Sequence[CallerSpec]:
        """The callers of the file."""
        return self._file

    @property
    def known(self) -> Sequence[CallerSpec]:
        """All callers that count, those of the file and those that are managed."""
        return () if self._registry is None else self._registry.specs

    def is_managed(self, name: str) -> bool:
        """Whether a caller is one of those that staff manage, as far as this node knows."""
        return any(spec.name == name for spec in self._managed)

    async def set_file(self, registry: Registry) -> None:
        """Let the callers of a file call, beside those that are managed."""
        async with self._lock:
            await self._put(registry.specs, self._managed)

    async def set_managed(self, callers: Sequence[caller_pb2.Caller]) -> None:
        """Let these managed callers call, beside those of the file."""
        async with self._lock:
            await self._put(self._file, [spec_of(caller) for caller in callers])
        logs.event(log, logging.INFO, "callers.managed", "managed callers replaced", count=len(callers))

    async def _put(self, of_file: Sequence[CallerSpec], managed: Sequence[CallerSpec]) -> None:
        kept, hidden = merged(of_file, managed)
        slots = None if self._registry is None else self._registry.slots
        registry = Registry(kept, slots=slots)
        await self._let(registry)
        self._file, self._managed, self._registry = of_file, managed, registry
        if hidden and hidden != self._hidden:
            logs.event(
                log, logging.WARNING, "callers.hidden", "the callers file has names of managed callers, and counts",
                names=hidden[:_MOST_TOLD], count=len(hidden),
            )  # fmt: skip
        self._hidden = hidden


def merged(of_file: Sequence[CallerSpec], managed: Iterable[CallerSpec]) -> tuple[list[CallerSpec], list[str]]:
    """Return the callers that count, and the names of managed ones that the file hides, wholly or in part.

    INVARIANT: nobody is two callers. A managed caller with a name of the file counts for nothing; one with a
    certificate or a token of the file is not known by that.
    """
    names = {spec.name for spec in of_file}
    certificates = {name for spec in of_file for name in spec.certificates}
    hashes = {token.sha256 for spec in of_file for token in spec.tokens}
    kept, hidden = list(of_file), []
    for spec in managed:
        if spec.name in names:
            hidden.append(spec.name)
            continue
        known = tuple(name for name in spec.certificates if name not in certificates)
        tokens = tuple(token for token in spec.tokens if token.sha256 not in hashes)
        if known != spec.certificates or tokens != spec.tokens:
            hidden.append(spec.name)
        kept.append(replace(spec, certificates=known, tokens=tokens))
    return kept, hidden
