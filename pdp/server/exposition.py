"""Prometheus' text of what all workers counted, of whom some are gone.

| metric | type | labels |
|---|---|---|
| pdp_requests_total | counter | method, code |
| pdp_request_seconds | histogram | method |
| pdp_decisions_total | counter | |
| pdp_verdicts_total | counter | effect, level |
| pdp_undecided_conditions_total | counter | attribute |
| pdp_policy_revision | gauge | |
| pdp_policy_info | gauge (1) | hash |
| pdp_policy_refused | gauge (0, 1) | what |
| pdp_policy_loads_total | counter | what, outcome |
| pdp_worker_up | gauge (0, 1) | worker |
| pdp_worker_revision | gauge | worker |
| pdp_worker_restarts_total | counter | worker |
| pdp_worker_cpu_seconds_total | counter | worker |
| pdp_worker_resident_bytes | gauge | worker |
| pdp_reported_total | counter | kind, shown |
| pdp_ready | gauge (0, 1) | |
| pdp_start_time_seconds | gauge | |
| pdp_build_info | gauge (1) | version, python |

What `exposition_accounts` adds tells of people and what waits for them, `exposition_audit` of records,
`exposition_control` of the control store, `exposition_grants` of grants, `exposition_shadow` of revisions that are
compared.
docs/guides/operation.md explains all; a test keeps the tables alike.
"""

from __future__ import annotations

import itertools
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from pdp import __version__
from pdp.server import exposition_accounts, exposition_audit, exposition_control, exposition_grants, exposition_shadow
from pdp.server.facts import FOLLOWED, Facts, ShadowCounts, Snapshot
from pdp.server.metrics import BOUNDS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
READY = "ready"
_GAUGES = frozenset({"bytes", "level", "quarantined", "waiting"})
_ANSWERING = frozenset({READY, "draining"})


@dataclass(slots=True)
class Totals:
    """Sums over snapshots."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    buckets: dict[str, list[int]] = field(default_factory=dict)
    seconds: Counter[str] = field(default_factory=Counter)
    decisions: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    undecided: Counter[str] = field(default_factory=Counter)
    audit: Counter[str] = field(default_factory=Counter)
    """Of `facts.SpoolCounts`, what only grows."""
    shadow: Counter[exposition_shadow.Key] = field(default_factory=Counter)

    def add(self, snapshot: Snapshot) -> None:
        """Add what one worker counted."""
        for method, codes in snapshot["requests"].items():
            for code, count in codes.items():
                self.requests[method, code] += count
        for method, buckets in snapshot["buckets"].items():
            before = self.buckets.get(method, [0] * len(buckets))
            self.buckets[method] = [a + b for a, b in zip(before, buckets, strict=True)]
        self.seconds.update(snapshot["seconds"])
        self.decisions += snapshot["decisions"]
        for effect, levels in snapshot["verdicts"].items():
            for level, count in levels.items():
                self.verdicts[effect, level] += count
        self.undecided.update(snapshot["undecided"])
        for name, value in snapshot.get("audit", {}).items():
            if name not in _GAUGES:
                self.audit[name] += value  # type: ignore[operator]
        exposition_shadow.add(self.shadow, snapshot.get("shadow"))

    def copy(self) -> Totals:
        """Return an independent copy."""
        return Totals(
            self.requests.copy(), dict(self.buckets), self.seconds.copy(), self.decisions,
            self.verdicts.copy(), self.undecided.copy(), self.audit.copy(), self.shadow.copy(),
        )  # fmt: skip


class History:
    """Remembers what workers counted, so that no sum goes back when one is replaced or answers late."""

    def __init__(self) -> None:
        self._gone = Totals()
        self._last: dict[str, Snapshot] = {}

    def update(self, snapshots: Iterable[Snapshot], alive: Iterable[int]) -> None:
        """Take new snapshots; workers whose process is not `alive` (by process id) will send none any more."""
        for snapshot in snapshots:
            last = self._last.get(snapshot["boot"])
            if last is None or last["sequence"] < snapshot["sequence"]:
                self._last[snapshot["boot"]] = snapshot
        running = set(alive)
        # A process id may be given again: the newest worker of an id is the one that runs.
        newest = {snapshot["pid"]: boot for boot, snapshot in self._last.items()}
        for boot, snapshot in list(self._last.items()):
            if snapshot["pid"] not in running or newest[snapshot["pid"]] != boot:
                self._gone.add(self._last.pop(boot))

    def totals(self) -> Totals:
        """Return the sums over all workers that ever were."""
        total = self._gone.copy()
        for snapshot in self._last.values():
            total.add(snapshot)
        return total

    def shadows(self) -> list[ShadowCounts]:
        """Return what running workers compare."""
        return [snapshot["shadow"] for snapshot in self._last.values() if "shadow" in snapshot]

    def of(self, pid: int) -> Snapshot | None:
        """Return the last snapshot of a running worker."""
        return next((snapshot for snapshot in self._last.values() if snapshot["pid"] == pid), None)


def is_ready(facts: Facts) -> bool:
    """Whether calls are welcome: some worker is ready and no drain has begun."""
    return not facts.get("draining", False) and any(worker["state"] == READY for worker in facts["workers"])


def render(history: History, facts: Facts) -> bytes:
    """Return the metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    control = facts.get("control")
    node = () if control is None else exposition_control.of_node(control)
    held = facts.get("grants")
    grants = () if held is None else exposition_grants.of_grants(held)
    totals = history.totals()
    audit = _audit(history, totals, facts)
    people = exposition_accounts.of_people(facts.get("people"))
    callers = exposition_accounts.of_callers(facts.get("access_ends", ()), facts.get("token_uses", ()))
    shadow = exposition_shadow.of_shadows(totals.shadow, history.shadows())
    service = (*_calls(totals), *_policies(facts), *_reports(facts), *_workers(history, facts))
    registry.register(_Snapshot([*service, *node, *grants, *shadow, *audit, *people, *callers]))
    return generate_latest(registry)


class _Snapshot(Collector):
    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _calls(totals: Totals) -> Iterator[Metric]:
    requests = CounterMetricFamily("pdp_requests", "Calls answered.", labels=("method", "code"))
    for (method, code), count in sorted(totals.requests.items()):
        requests.add_metric((method, code), count)
    yield requests
    seconds = HistogramMetricFamily("pdp_request_seconds", "Time to answer a call.", labels=("method",))
    for method, buckets in sorted(totals.buckets.items()):
        bounds = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
        counts = itertools.accumulate(buckets)
        pairs = [(bound, float(count)) for bound, count in zip(bounds, counts, strict=True)]
        seconds.add_metric((method,), pairs, totals.seconds[method])
    yield seconds
    yield CounterMetricFamily("pdp_decisions", "Resources decided, each item of a batch.", totals.decisions)
    verdicts = CounterMetricFamily("pdp_verdicts", "Verdicts on fields.", labels=("effect", "level"))
    for (effect, level), count in sorted(totals.verdicts.items()):
        verdicts.add_metric((effect, level), count)
    yield verdicts
    undecided = CounterMetricFamily(
        "pdp_undecided_conditions", "Rules that could not be decided, by missing attribute.", labels=("attribute",)
    )
    for attribute, count in sorted(totals.undecided.items()):
        undecided.add_metric((attribute,), count)
    yield undecided


def _policies(facts: Facts) -> Iterator[Metric]:
    yield GaugeMetricFamily("pdp_policy_revision", "Revision in force.", facts["revision"])
    info = GaugeMetricFamily("pdp_policy_info", "Content of the revision in force.", labels=("hash",))
    info.add_metric((facts["hash"],), 1)
    yield info
    refused = GaugeMetricFamily("pdp_policy_refused", "1 while the last version is refused.", labels=("what",))
    for what in FOLLOWED:
        refused.add_metric((what,), facts.get(f"{what}_error") is not None)
    yield refused
    loads = CounterMetricFamily("pdp_policy_loads", "Looks at changed files.", labels=("what", "outcome"))
    for what, outcomes in sorted(facts.get("loads", {}).items()):
        for outcome, count in sorted(outcomes.items()):
            loads.add_metric((what, outcome), count)
    yield loads


def _reports(facts: Facts) -> Iterator[Metric]:
    reported = CounterMetricFamily(
        "pdp_reported", "What clients reported afterwards and was recorded.", labels=("kind", "shown")
    )
    for kind, counts in sorted((facts.get("reports") or {}).items()):
        for shown, count in sorted(counts.items()):
            reported.add_metric((kind, shown), count)
    yield reported


def _workers(history: History, facts: Facts) -> Iterator[Metric]:
    label = ("worker",)
    up = GaugeMetricFamily("pdp_worker_up", "1 while the worker answers calls.", labels=label)
    revision = GaugeMetricFamily("pdp_worker_revision", "Revision that the worker decides by.", labels=label)
    restarts = CounterMetricFamily("pdp_worker_restarts", "Times the worker was replaced.", labels=label)
    cpu = CounterMetricFamily("pdp_worker_cpu_seconds", "Processor time of the worker's process.", labels=label)
    memory = GaugeMetricFamily("pdp_worker_resident_bytes", "Memory of the worker's process.", labels=label)
    for number, worker in enumerate(facts["workers"]):
        name = (str(number),)
        up.add_metric(name, worker["state"] in _ANSWERING)
        revision.add_metric(name, worker["revision"])
        restarts.add_metric(name, worker["restarts"])
        snapshot = history.of(worker["pid"])
        if snapshot is not None:
            cpu.add_metric(name, snapshot["cpu_seconds"])
            memory.add_metric(name, snapshot["rss_bytes"])
    yield from (up, revision, restarts, cpu, memory)
    yield GaugeMetricFamily("pdp_ready", "1 while calls are welcome.", is_ready(facts))
    yield GaugeMetricFamily("pdp_start_time_seconds", "When the service started.", facts["started_at"])
    build = GaugeMetricFamily("pdp_build_info", "Version of the service.", labels=("version", "python"))
    build.add_metric((__version__, platform.python_version()), 1)
    yield build


def _audit(history: History, totals: Totals, facts: Facts) -> Iterator[Metric]:
    shipper = facts.get("shipper")
    if shipper is None:
        return
    found = [history.of(worker["pid"]) for worker in facts["workers"]]
    spools = {number: told["audit"] for number, told in enumerate(found) if told is not None and "audit" in told}
    yield from exposition_audit.of_spools(totals.audit, spools)
    yield from exposition_audit.of_shipper(shipper)
