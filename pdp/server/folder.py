"""Folder mode: the server decides by what stands in a folder of policies and follows its changes.

A version that has errors is refused and the last good one goes on deciding.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.errors import PdpError, PolicyError
from pdp.lang.check import check_folder
from pdp.lang.diagnostics import Severity, to_json
from pdp.server import golden, logs
from pdp.server.callers import Registry
from pdp.server.grants import GrantTable, read_grants
from pdp.server.messages import MessageMaps
from pdp.server.status import frames
from pdp.v1 import bundle_pb2

# More would only hide the first ones.
_MAX_LOGGED = 50

log = logging.getLogger(__name__)

_T = TypeVar("_T")


class Outcome(enum.Enum):
    """What became of a look at the policies, the grants or the callers."""

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Load:
    """One look at `policies`, `grants` or `callers` and what came of it; `error` says why it was refused."""

    what: str
    outcome: Outcome
    error: Exception | None = None


class Sink(Protocol):
    """Puts in force what was found sound. Each method returns once every worker decides by it, and raises PdpError
    when none can."""

    async def set_version(self, signed: bundle_pb2.SignedBundle) -> None:
        """Decide by another version."""

    async def set_grants(self, grants: Iterable[bundle_pb2.Grant]) -> None:
        """Put other grants in place of all."""

    async def set_callers(self, registry: Registry) -> None:
        """Let others call."""


class FolderSource:
    """Reads policies, grants and callers, judges them, and hands them on.

    Reading, checking and compiling run in `executor`. `observe` hears of every look.
    """

    def __init__(
        self,
        policies: Path,
        grants: Path | None,
        sink: Sink,
        *,
        callers: Path | None = None,
        executor: Executor,
        observe: Callable[[Load], None] = lambda load: None,
    ) -> None:
        self._policies = policies
        self._grants = grants
        self._callers = callers
        self._sink = sink
        self._executor = executor
        self._observe = observe
        self._signed: bundle_pb2.SignedBundle | None = None
        self._has_grants = False
        self._registry: Registry | None = None

    async def load_policies(self) -> Load:
        """Read the folder and decide by it, if it is sound and differs."""
        start = time.perf_counter()
        try:
            signed = await self._run(self._judge)
            if signed is None:
                return self._report(Load("policies", Outcome.UNCHANGED))
            await self._sink.set_version(signed)
        except Exception as error:  # whatever is wrong with a version, the last good one goes on
            return self._refuse("policies", error, keeps_old=self._signed is not None)
        self._signed = signed
        logs.event(
            log, logging.INFO, "policies.accepted", "deciding by a new revision",
            revision=signed.revision, hash=signed.hash, seconds=round(time.perf_counter() - start, 3),
        )  # fmt: skip
        return self._report(Load("policies", Outcome.ACCEPTED))

    async def load_grants(self) -> Load:
        """Read the grants file and decide by it, if it is sound."""
        path = self._grants
        if path is None:
            return Load("grants", Outcome.UNCHANGED)
        try:
            grants = await self._run(lambda: read_grants(path))
            await self._sink.set_grants(grants.values())
        except Exception as error:  # as above
            return self._refuse("grants", error, keeps_old=self._has_grants)
        self._has_grants = True
        logs.event(log, logging.INFO, "grants.accepted", "grants replaced", count=len(grants))
        return self._report(Load("grants", Outcome.ACCEPTED))

    async def load_callers(self) -> Load:
        """Read the callers file and judge calls by it, if it is sound."""
        path = self._callers
        if path is None:
            return Load("callers", Outcome.UNCHANGED)
        try:
            registry = await self._run(lambda: Registry.load(path, self._registry))
            await self._sink.set_callers(registry)
        except Exception as error:  # as above
            return self._refuse("callers", error, keeps_old=self._registry is not None)
        self._registry = registry
        logs.event(log, logging.INFO, "callers.accepted", "callers replaced", count=len(registry.specs))
        return self._report(Load("callers", Outcome.ACCEPTED))

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _judge(self) -> bundle_pb2.SignedBundle | None:
        """Return the folder's bundle if it differs, built once and tried on its own scenarios."""
        signed = read_policies(self._policies)
        current = self._signed
        if current is not None and signed.hash == current.hash:
            return None
        signed.revision = 1 if current is None else current.revision + 1
        trial = GrantTable()
        program = Program.from_bundle(signed, grants=trial)
        golden.verify(program, trial)
        MessageMaps(program)
        return signed

    def _refuse(self, what: str, error: Exception, *, keeps_old: bool) -> Load:
        message = "refused; the last good version goes on" if keeps_old else "refused"
        logs.event(log, logging.ERROR, f"{what}.refused", message, **refusal_details(error))
        return self._report(Load(what, Outcome.REFUSED, error))

    def _report(self, load: Load) -> Load:
        self._observe(load)
        return load


def read_policies(path: Path) -> bundle_pb2.SignedBundle:
    """Return the bundle of a folder. Raises PolicyError with every diagnostic when it has errors, and OSError."""
    result = check_folder(path, analyse=False)
    if result.resolved is None:
        raise PolicyError(f"`{path}` has errors; `pdp check {path}` shows them", result.diagnostics)
    return bundle.build(result.resolved)


def refusal_details(error: Exception) -> dict[str, Any]:
    """Return what is wrong, as plain data for the log and the status."""
    match error:
        case PolicyError():
            errors = [d for d in error.diagnostics if d.severity is Severity.ERROR]
            return {"errors": len(errors), "diagnostics": [to_json(d) for d in errors[:_MAX_LOGGED]]}
        case PdpError() | OSError():
            return {"reason": str(error)}
        case _:
            return {"reason": str(error), "traceback": list(frames(error))}
