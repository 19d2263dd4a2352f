"""Folder mode: the server decides by what stands in a folder of policies and follows its changes.

A version that has errors is refused and the last good one goes on deciding.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pdp.engine import bundle
from pdp.engine.decision_ids import DecisionIds
from pdp.engine.program import Program
from pdp.errors import PdpError, PolicyError
from pdp.lang.check import check_folder
from pdp.lang.diagnostics import Severity, to_json
from pdp.server import golden, logs
from pdp.server.grants import GrantTable, read_grants
from pdp.server.holder import Holder, Version
from pdp.server.messages import MessageMaps
from pdp.server.status import frames
from pdp.v1 import bundle_pb2

# More would only hide the first ones.
_MAX_LOGGED = 50

log = logging.getLogger(__name__)


class Outcome(enum.Enum):
    """What became of a look at the folder or the grants file."""

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Load:
    """One look at `policies` or `grants` and what came of it; `error` says why it was refused."""

    what: str
    outcome: Outcome
    error: Exception | None = None


class FolderSource:
    """Loads policies and grants, and puts them in force.

    Reading, checking and compiling run in `executor`; only the swap of a reference happens in the event loop, so
    decisions go on meanwhile. `observe` hears of every look.
    """

    def __init__(
        self,
        policies: Path,
        grants: Path | None,
        holder: Holder,
        *,
        executor: Executor,
        observe: Callable[[Load], None] = lambda load: None,
    ) -> None:
        self._policies = policies
        self._grants = grants
        self._holder = holder
        self._executor = executor
        self._observe = observe
        self._table = GrantTable()
        # Kept over all versions, or two of them could give one name to two decisions.
        self._ids = DecisionIds()

    async def load_policies(self) -> Load:
        """Read the folder and decide by it from the next call on, if it is sound and differs."""
        start = time.perf_counter()
        loop = asyncio.get_running_loop()
        current = self._holder.version
        try:
            version = await loop.run_in_executor(self._executor, self._compile, current)
        except Exception as error:  # whatever is wrong with a version, the last good one goes on
            return self._refuse("policies", error, keeps_old=current is not None)
        if version is None:
            return self._report(Load("policies", Outcome.UNCHANGED))
        self._holder.version = version
        logs.event(
            log, logging.INFO, "policies.accepted", "deciding by a new revision",
            revision=version.program.revision, hash=version.program.hash,
            seconds=round(time.perf_counter() - start, 3),
        )  # fmt: skip
        return self._report(Load("policies", Outcome.ACCEPTED))

    async def load_grants(self) -> Load:
        """Read the grants file and decide by it from the next call on, if it is sound."""
        if self._grants is None:
            return Load("grants", Outcome.UNCHANGED)
        loop = asyncio.get_running_loop()
        try:
            grants = await loop.run_in_executor(self._executor, read_grants, self._grants)
        except Exception as error:  # as above
            return self._refuse("grants", error, keeps_old=self._table.loaded)
        self._table.replace(grants)
        logs.event(log, logging.INFO, "grants.accepted", "grants replaced", count=len(grants))
        return self._report(Load("grants", Outcome.ACCEPTED))

    def _compile(self, current: Version | None) -> Version | None:
        signed = read_policies(self._policies)
        if current is not None and signed.hash == current.program.hash:
            return None
        signed.revision = 1 if current is None else current.program.revision + 1
        trial = GrantTable()
        program = Program.from_bundle(signed, grants=trial, ids=self._ids)
        golden.verify(program, trial)
        program.grants = self._table  # nobody decides by it yet
        return Version(program, MessageMaps(program))

    def _refuse(self, what: str, error: Exception, *, keeps_old: bool) -> Load:
        message = "refused; the last good version goes on" if keeps_old else "refused"
        logs.event(log, logging.ERROR, f"{what}.refused", message, **_details(error))
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


def _details(error: Exception) -> dict[str, Any]:
    match error:
        case PolicyError():
            errors = [d for d in error.diagnostics if d.severity is Severity.ERROR]
            return {"errors": len(errors), "diagnostics": [to_json(d) for d in errors[:_MAX_LOGGED]]}
        case PdpError() | OSError():
            return {"reason": str(error)}
        case _:
            return {"reason": str(error), "traceback": list(frames(error))}
