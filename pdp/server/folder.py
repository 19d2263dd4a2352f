"""Folder mode: the server decides by what stands in a folder of policies and follows its changes.

A version that has errors is refused and the last good one goes on deciding.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from pdp.control import sources
from pdp.errors import PdpError, PolicyError
from pdp.lang.diagnostics import Severity, to_json
from pdp.server import logs
from pdp.server.callers import Registry
from pdp.server.grants import read_grants
from pdp.server.judge import PolicyJudge
from pdp.server.status import frames
from pdp.v1 import bundle_pb2, control_pb2

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


class InForce(NamedTuple):
    """What is decided by: the revision's number and the hash of its bundle."""

    revision: int
    hash: str


Publish = Callable[[control_pb2.Sources], Awaitable[InForce]]
"""Puts the text of a policy set in force, and returns once it is decided by. Raises PolicyError and what else is wrong
with it, and then everything is as before."""


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

    Reading runs in `executor`. `publish` judges the policies and puts them in force; `observe` hears of every look;
    `let` lets the callers of the file call, the sink by itself when None.
    """

    def __init__(
        self,
        policies: Path | None,
        grants: Path | None,
        sink: Sink,
        publish: Publish,
        *,
        callers: Path | None = None,
        executor: Executor,
        observe: Callable[[Load], None] = lambda load: None,
        let: Callable[[Registry], Awaitable[None]] | None = None,
    ) -> None:
        self._policies = policies
        self._grants = grants
        self._callers = callers
        self._sink = sink
        self._let = let or sink.set_callers
        self._publish = publish
        self._executor = executor
        self._observe = observe
        self._in_force: InForce | None = None
        self._has_grants = False
        self._registry: Registry | None = None

    async def load_policies(self) -> Load:
        """Read the folder and decide by it, if it is sound and differs."""
        path = self._policies
        if path is None:
            return Load("policies", Outcome.UNCHANGED)
        start = time.perf_counter()
        try:
            text = await self._run(lambda: read_policies(path))
            found = await self._put_in_force(path, text)
        except Exception as error:  # whatever is wrong with a version, the last good one goes on
            return self._refuse("policies", error, keeps_old=self._in_force is not None)
        if found == self._in_force:
            return self._report(Load("policies", Outcome.UNCHANGED))
        self._in_force = found
        logs.event(
            log, logging.INFO, "policies.accepted", "deciding by a new revision",
            revision=found.revision, hash=found.hash, seconds=round(time.perf_counter() - start, 3),
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
            await self._let(registry)
        except Exception as error:  # as above
            return self._refuse("callers", error, keeps_old=self._registry is not None)
        self._registry = registry
        logs.event(log, logging.INFO, "callers.accepted", "callers replaced", count=len(registry.specs))
        return self._report(Load("callers", Outcome.ACCEPTED))

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def _put_in_force(self, path: Path, text: control_pb2.Sources) -> InForce:
        try:
            return await self._publish(text)
        except PolicyError as error:
            raise PolicyError(f"`{path}` has errors; `pdp check {path}` shows them", error.diagnostics) from error

    def _refuse(self, what: str, error: Exception, *, keeps_old: bool) -> Load:
        message = "refused; the last good version goes on" if keeps_old else "refused"
        logs.event(log, logging.ERROR, f"{what}.refused", message, **refusal_details(error))
        return self._report(Load(what, Outcome.REFUSED, error))

    def _report(self, load: Load) -> Load:
        self._observe(load)
        return load


class Direct:
    """A `Publish` that keeps nothing: the text goes straight to those who decide, and its number begins at 1."""

    def __init__(self, judge: PolicyJudge, sink: Sink) -> None:
        self._judge = judge
        self._sink = sink
        self._signed: bundle_pb2.SignedBundle | None = None

    async def __call__(self, text: control_pb2.Sources) -> InForce:
        """See `Publish`."""
        # Against itself: nobody will ask what has changed.
        signed = (await self._judge(text, text)).bundle
        current = self._signed
        if current is None or signed.hash != current.hash:
            made = bundle_pb2.SignedBundle(
                bundle=signed.bundle, hash=signed.hash, revision=1 if current is None else current.revision + 1
            )
            await self._sink.set_version(made)
            self._signed = current = made
        return InForce(current.revision, current.hash)


def read_policies(path: Path) -> control_pb2.Sources:
    """Return the text of a folder. Raises PolicyError with every diagnostic when a part cannot be read, and OSError."""
    return sources.read_folder(path)


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
