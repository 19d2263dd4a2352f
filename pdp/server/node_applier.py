"""What decides on this machine, as the agent of its node sees it: the workers, and what they count."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pdp.control.grants.rules import FieldFacts
from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.server import golden, logs
from pdp.server.active_grants import ActiveGrants
from pdp.server.facts import ShipperFacts, Snapshot
from pdp.server.folder import Sink
from pdp.server.grants import GrantTable
from pdp.server.judge import PolicyJudge
from pdp.server.messages import MessageMaps
from pdp.server.supervisor import Supervisor
from pdp.v1 import bundle_pb2, control_pb2

Note = Callable[[str, Mapping[str, str], bool], None]
"""Records an operation: kind, details, success."""

MAX_DETAIL: Final = 500
_COUNTS: Final = ("compared", "differing", "failed")
# In folder mode the operation `policy.applied` tells the same.
_TOLD: Final = frozenset({"node.applied"})

log = logging.getLogger(__name__)


class NodeApplier:
    """A `pdp.control.applying.Applier`. `record` keeps operations; with `follows_folder` what takes force is recorded
    as the folder's already.
    """

    def __init__(
        self, sink: Sink, supervisor: Supervisor, judge: PolicyJudge, record: Note, *, follows_folder: bool
    ) -> None:
        self._sink = sink
        self._supervisor = supervisor
        self._judge = judge
        self._record = record
        self._follows_folder = follows_folder
        self.meter = LoadMeter()
        self._signed: bundle_pb2.SignedBundle | None = None
        self._dictionary: tuple[str, Mapping[str, FieldFacts]] | None = None

    @property
    def active_grants(self) -> ActiveGrants:
        """Those who decide by grants."""
        return self._supervisor.active_grants

    def dictionary(self) -> Mapping[str, FieldFacts] | None:
        """Return the fields of the dictionary in force here; a `rules.Dictionary`."""
        signed = self._signed
        if signed is None:
            return None
        if self._dictionary is None or self._dictionary[0] != signed.hash:
            fields = bundle.parse(signed).fields
            self._dictionary = signed.hash, {item.id: FieldFacts(item.level, item.never_unmask) for item in fields}
        return self._dictionary[1]

    async def check(self, signed: bundle_pb2.SignedBundle) -> None:
        """Compile a bundle and decide its golden cases. Raises GoldenCaseError and BundleError."""
        # What was published here was tried before.
        if not self._judge.has_tried(signed.hash):
            await asyncio.to_thread(_try, signed)

    async def apply(self, signed: bundle_pb2.SignedBundle) -> None:
        """Let every worker decide by a bundle. Raises WorkerRefusedError when all of them refuse."""
        await self._sink.set_version(signed)
        self._signed = signed

    async def set_shadow(self, signed: bundle_pb2.SignedBundle | None, sample: float) -> None:
        """Let workers decide a share of the requests by another bundle too."""
        await self._supervisor.set_shadow(signed, sample)

    async def set_stale(self, seconds: float | None) -> None:
        """Let workers say how old what they decide by may be."""
        await self._supervisor.set_stale(seconds)

    def load(self) -> control_pb2.NodeLoad:
        """Return how much there is to do."""
        return self.meter.load()

    def shadows(self) -> Sequence[control_pb2.ShadowCount]:
        """Return what workers compared so far."""
        return self.meter.shadows()

    def note(self, event: str, words: str, details: Mapping[str, str], *, success: bool = True) -> None:
        """Log an event and record it."""
        level = logging.INFO if success else logging.ERROR
        # The log has a column of its own for words.
        told = {key: value for key, value in details.items() if key != "reason" or value != words}
        logs.event(log, level, event, words, **told)
        if not (self._follows_folder and event in _TOLD):
            kept = details if success or "reason" in details else {**details, "reason": words}
            self._record(event, {key: value[:MAX_DETAIL] for key, value in kept.items()}, success)


class LoadMeter:
    """Sums up what workers counted."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._last: dict[str, Snapshot] = {}
        self._at = 0.0
        self._load = control_pb2.NodeLoad()
        self._shadows: list[control_pb2.ShadowCount] = []

    def update(self, snapshots: Sequence[Snapshot], shipper: ShipperFacts | None) -> None:
        """Take what all workers told at one time."""
        now, last = self._monotonic(), self._last
        seconds = now - self._at if last else 0.0
        decisions = cpu = 0.0
        for found in snapshots:
            before = last.get(found["boot"])
            if before is not None:
                decisions += found["decisions"] - before["decisions"]
                cpu += found["cpu_seconds"] - before["cpu_seconds"]
        shipping = None if shipper is None else shipper.get("shipping")
        waiting = sum(int(found.get("audit", {}).get("waiting", 0)) for found in snapshots)
        self._load = control_pb2.NodeLoad(
            decisions_per_second=decisions / seconds if seconds > 0 else 0.0,
            cpu_cores=cpu / seconds if seconds > 0 else 0.0,
            rss_bytes=sum(found["rss_bytes"] for found in snapshots),
            spooled=waiting + (shipping["lag_records"] if shipping is not None else 0),
        )
        self._shadows = list(_shadows(snapshots))
        self._last, self._at = {found["boot"]: found for found in snapshots}, now

    def load(self) -> control_pb2.NodeLoad:
        """Return how much there was to do between the last two times."""
        return self._load

    def shadows(self) -> Sequence[control_pb2.ShadowCount]:
        """Return what was compared, by revision."""
        return self._shadows


def _shadows(snapshots: Sequence[Mapping[str, Any]]) -> list[control_pb2.ShadowCount]:
    sums: dict[int, Counter[str]] = {}
    for found in snapshots:
        if told := found.get("shadow"):
            sums.setdefault(told["revision"], Counter()).update({key: told[key] for key in _COUNTS})
    return [control_pb2.ShadowCount(revision=number, **counts) for number, counts in sorted(sums.items()) if number]


def _try(signed: bundle_pb2.SignedBundle) -> None:
    trial = GrantTable()
    program = Program.from_bundle(signed, grants=trial)
    golden.verify(program, trial)
    MessageMaps(program)
