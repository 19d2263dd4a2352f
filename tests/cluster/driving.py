"""Leads a run through its faults: publishes before, meanwhile and after, and measures how long it takes to heal."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final, Literal

from deploy.cluster.node import PdpNode
from tests.cluster.checker import Judged
from tests.cluster.faults import Fault
from tests.cluster.history import History, Publication, away
from tests.cluster.load import ROAMING
from tests.cluster.machines import Machines
from tests.cluster.planting import Planter
from tests.cluster.publishing import Publisher
from tests.cluster.store import Store, refusals

HEAL_SECONDS: Final = 60.0
"""After a fault all nodes must decide by what is published then, within so long; the aim is AIM_HEALED."""
AIM_CALM: Final = 1.0
AIM_HEALED: Final = 5.0
_REFUSE_SECONDS: Final = 15.0
_QUIET_SECONDS: Final = 1.0
_POLL: Final = 0.02

Kind = Literal["calm", "meanwhile", "after"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A publication that these nodes could follow; `since` is when they could at the latest."""

    kind: Kind
    publication: Publication
    nodes: tuple[str, ...]
    since: float


@dataclass
class Row:
    """What became of a fault."""

    name: str
    begun: float
    healed: float = 0.0
    ended: float = 0.0
    problems: list[str] = field(default_factory=list)
    away: dict[str, float] = field(default_factory=dict)
    """Seconds without an answer, by node, and of clients that go round the nodes."""
    caught_up: float = 0.0
    """Seconds from the end of the fault until all nodes decided by what was published meanwhile.

    Where nothing could be published: from the first publication after it.
    """
    published_after: float | None = None
    """Seconds that the publication meanwhile took to be acknowledged."""

    @property
    def survived(self) -> bool:
        return not self.problems


class Driver:
    """One run. Everything it needs stands and is under load."""

    def __init__(
        self, machines: Machines, history: History, store: Store, publisher: Publisher, planter: Planter
    ) -> None:
        self.machines, self.history, self.store = machines, history, store
        self.publisher, self.planter = publisher, planter
        self.rows: list[Row] = []
        self.samples: list[Sample] = []
        self.nodes = tuple(node.name for node in machines.nodes)

    def first(self) -> None:
        """Publish for the first time and wait until every node answers calls."""
        self.publisher.publish(self.signers())
        for node in self.machines.nodes:
            node.wait_until_ready()

    def calm(self, count: int) -> None:
        """Publish while nothing is wrong."""
        for _ in range(count):
            self._sample("calm", self.publisher.publish(self.signers()), self.nodes)

    def survive(self, fault: Fault) -> Row:
        """Let a fault happen and see how everything heals. Whatever goes wrong stands in the row."""
        well = tuple(name for name in self.nodes if name not in fault.nodes)
        return self._row(fault.name, fault.act(self.machines, self.history), well, fault.publishes, fault.hold)

    def refuse(self, name: str) -> Row:
        """Put something bad in force; every node must say so, and go on as it was."""
        row = Row(f"refused: {name}", time.monotonic())
        before = {node: self.history.highest(node) for node in self.nodes}
        try:
            with self.planter.planted(name) as (number, code):
                told = self._until(
                    lambda: _all_refuse(refusals(self.store.statuses(), number), self.nodes, code), _REFUSE_SECONDS
                )
                if not told:
                    found = refusals(self.store.statuses(), number)
                    row.problems.append(f"not every node says `{code}` of revision {number}: {found}")
                time.sleep(_QUIET_SECONDS)
            for node, revision in before.items():
                if self.history.highest(node) != revision:
                    row.problems.append(f"{node} went from {revision} to {self.history.highest(node)}")
        except Exception as error:  # the next fault may tell more
            row.problems.append(f"{type(error).__name__}: {error}"[:500])
        return self._heal(row, None, self.nodes)

    def storm(self, count: int) -> Row:
        """Publish one revision after another, without waiting for the nodes."""
        row = Row(f"{count} publications in a row", time.monotonic())
        last = None
        try:
            for _ in range(count):
                last = self.publisher.publish(self.signers())
        except Exception as error:
            row.problems.append(f"{type(error).__name__}: {error}"[:500])
        row.published_after = (time.monotonic() - row.begun) / count
        return self._heal(row, last, self.nodes)

    def race(self, count: int) -> Row:
        """Publish from two nodes at the same time: of those begun from the same revision one takes force."""
        row = Row(f"{2 * count} publications from two nodes at once", time.monotonic())
        made: list[Publication] = []

        def run(node: PdpNode) -> None:
            try:
                made.extend(self.publisher.publish([node]) for _ in range(count))
            except Exception as error:
                row.problems.append(f"{type(error).__name__}: {error}"[:500])

        threads = [threading.Thread(target=run, args=(node,)) for node in self.signers()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self._heal(row, max(made, default=None), self.nodes)

    def rollout(self, *, promote: bool) -> Row:
        """Let a revision decide on one node first, and then on all or none."""
        row = Row(f"canary, {'promoted' if promote else 'stopped'}", time.monotonic())
        node, chosen = self.signers()[0], self.machines.nodes[-1].name
        others = [name for name in self.nodes if name != chosen]
        try:
            before = {name: self.history.highest(name) for name in others}
            made = self.publisher.publish([node], canary={"zone": chosen[-1]})
            if not self._until(lambda: self.history.highest(chosen) >= made.revision, _REFUSE_SECONDS):
                row.problems.append(f"{chosen} does not decide by the candidate {made.revision}")
            time.sleep(_QUIET_SECONDS)
            strayed = [name for name in others if self.history.highest(name) != before[name]]
            if strayed:
                row.problems.append(f"{', '.join(strayed)} decide by a candidate that is not for them")
            if promote:
                self.publisher.promote(node, made.revision)
            else:
                self.publisher.stop(node, made.revision)
        except Exception as error:
            row.problems.append(f"{type(error).__name__}: {error}"[:500])
        return self._heal(row, None, self.nodes)

    def signers(self) -> list[PdpNode]:
        """Return the nodes that can publish."""
        return [node for node in self.machines.nodes if node.signs]

    def judge(self, judged: Judged) -> None:
        """Blame each fault for what was wrong while it lasted."""
        for row in self.rows:
            found = [wrong for wrong in judged.wrong if row.begun <= wrong.at < row.ended]
            row.problems += [f"{wrong.kind}: {wrong.what}" for wrong in found[:3]]

    def convergence(self, *kinds: Kind) -> list[float]:
        """Return how long each publication took until all its nodes decided by it, in seconds, sorted.

        Counted from when it was acknowledged, or from when the nodes could follow it.
        """
        settled = {node: Settled(self.history, node) for node in self.nodes}
        return sorted(
            max(0.0, *(settled[node].at(sample.publication.revision) - sample.since for node in sample.nodes))
            for sample in self.samples if sample.kind in kinds
        )  # fmt: skip

    def _row(
        self, name: str, act: AbstractContextManager[None], well: Sequence[str], publishes: bool, hold: float
    ) -> Row:
        row = Row(name, time.monotonic())
        made = None
        try:
            with act:
                struck = time.monotonic()
                if publishes:
                    made = self.publisher.publish([node for node in self.signers() if node.name in well])
                    row.published_after = made.acknowledged - struck
                    self._sample("meanwhile", made, well)
                    behind = [name for name in well if self.history.reached(name, made.revision) is None]
                    if behind:
                        row.problems.append(f"{', '.join(behind)} did not follow meanwhile, and nothing kept them")
                time.sleep(max(0.0, struck + hold - time.monotonic()))
                row.healed = time.monotonic()
        except Exception as error:  # the next fault may tell more
            row.problems.append(f"{type(error).__name__}: {error}"[:500])
        return self._heal(row, made, self.nodes)

    def _heal(self, row: Row, made: Publication | None, nodes: Sequence[str]) -> Row:
        """Wait until all decide by what was published meanwhile, then publish once more."""
        row.healed = row.healed or time.monotonic()
        try:
            if made is not None:
                row.caught_up = self._sample("after", made, nodes, row.healed)
            last = self.publisher.publish(self.signers())
            followed = self._sample("after", last, nodes)
            if made is None:
                row.caught_up = followed
            behind = [node for node in nodes if self.history.reached(node, last.revision) is None]
            if behind:
                row.problems.append(f"{', '.join(behind)} still behind {HEAL_SECONDS:g} s after it was over")
        except Exception as error:
            row.problems.append(f"{type(error).__name__}: {error}"[:500])
        time.sleep(_QUIET_SECONDS)
        row.ended = time.monotonic()
        for name in (*nodes, ROAMING):
            row.away[name] = round(away(self.history.calls_between(row.begun, row.ended, [name])), 2)
        self.rows.append(row)
        return row

    def _sample(self, kind: Kind, made: Publication, nodes: Sequence[str], since: float = 0.0) -> float:
        """Keep a publication once these nodes have followed it, or too long after it; return how long that took."""
        self._until(lambda: all(self.history.reached(node, made.revision) for node in nodes), HEAL_SECONDS)
        since = max(since, made.acknowledged)
        reached = [at for node in nodes if (at := self.history.reached(node, made.revision)) is not None]
        if len(reached) < len(nodes):
            return time.monotonic() - since
        self.samples.append(Sample(kind, made, tuple(nodes), since))
        return max(0.0, max(reached) - since)

    def _until(self, holds: Callable[[], bool], within: float) -> bool:
        end = time.monotonic() + within
        while not holds():
            if time.monotonic() > end:
                return False
            time.sleep(_POLL)
        return True


class Settled:
    """Tells when a node had answered by a revision or higher for the first time, and by a lower one for the last."""

    def __init__(self, history: History, node: str) -> None:
        self._history, self._node = history, node
        last: dict[int, float] = {}
        for told in history.told:
            if told.node == node:
                last[told.revision] = max(told.received, last.get(told.revision, 0.0))
        self._revisions = sorted(last)
        self._last = list(accumulate((last[revision] for revision in self._revisions), max))

    def at(self, revision: int) -> float:
        """Return when; the node has come so far."""
        reached = self._history.reached(self._node, revision)
        assert reached is not None
        lower = bisect_left(self._revisions, revision)
        return max(reached, self._last[lower - 1]) if lower else reached


def _all_refuse(found: dict[str, str], nodes: Iterable[str], code: str) -> bool:
    return all(found.get(node) == code for node in nodes)
