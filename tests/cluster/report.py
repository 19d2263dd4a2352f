"""The table and the figures of a run."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.cluster.checker import Judged
from tests.cluster.driving import AIM_CALM, AIM_HEALED, Driver, Row
from tests.cluster.history import Call, History
from tests.cluster.load import ROAMING
from tests.faults.checker import Checked


@dataclass(frozen=True, slots=True)
class Phase:
    """A span of a run."""

    name: str
    begun: float
    ended: float


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile of sorted values by the nearest rank; 0 of none."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def latency(calls: Iterable[Call]) -> dict[str, float]:
    """Return how many calls were answered, and p50 and p99 of these in milliseconds."""
    calls = [call for call in calls if not call.waits]
    times = sorted(call.seconds * 1000 for call in calls if call.code == "OK")
    return {
        "calls": len(calls), "answered": len(times), "p50_ms": round(quantile(times, 0.5), 2),
        "p99_ms": round(quantile(times, 0.99), 2),
    }  # fmt: skip


def failed(calls: Sequence[Call]) -> float:
    """Return the share of calls that failed."""
    return sum(call.code != "OK" for call in calls) / len(calls) if calls else 0.0


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return count, p50, p99 and the largest of sorted seconds."""
    return {
        "count": len(values), "p50_s": round(quantile(values, 0.5), 3), "p99_s": round(quantile(values, 0.99), 3),
        "max_s": round(max(values, default=0.0), 3),
    }  # fmt: skip


def facts(
    driver: Driver, judged: Judged, checked: Checked, phases: Sequence[Phase], *, seed: int, rounds: int, away: float,
    seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """Return all figures of a run."""
    history = driver.history
    names = (*driver.nodes, ROAMING)
    lasted = phases[-1].ended - phases[0].begun
    calm, healed = driver.convergence("calm"), driver.convergence("after")
    return {
        "seed": seed, "rounds": rounds, "store_away_s": away, "seconds": round(seconds, 1),
        "machine": {"cores": os.cpu_count(), "system": f"{platform.system()} {platform.release()}",
                    "python": platform.python_version(), "load_average": [round(x, 1) for x in os.getloadavg()]},
        "load": {"answers": len(history.told), "calls": len(history.calls), "seconds": round(lasted, 1),
                 "calls_per_second": round(len(history.calls) / lasted, 1),
                 "answers_per_second": round(len(history.told) / lasted, 1),
                 "codes": _codes(history.calls), "codes_of_clients_with_retries":
                 _codes([call for call in history.calls if call.node == ROAMING])},
        "faults": {"survived": sum(row.survived for row in driver.rows), "of": len(driver.rows)},
        "convergence": {"publications": len(history.publications),
                        "calm": {**spread(calm), "aim_p99_s": AIM_CALM, "met": quantile(calm, 0.99) <= AIM_CALM},
                        "healthy_nodes_meanwhile": spread(driver.convergence("meanwhile")),
                        "after_heal": {**spread(healed), "aim_p99_s": AIM_HEALED,
                                       "met": quantile(healed, 0.99) <= AIM_HEALED}},
        "checks": {"answers_judged": judged.answers, "judged_apart": judged.distinct, "revisions": judged.revisions,
                   "wrong_decisions": judged.count("wrong_decision"), "unmasked": judged.count("unmasked"),
                   "went_back": judged.count("went_back") + judged.count("state_back"),
                   "others": {kind: count for kind, count in judged.kinds.items()
                              if kind not in {"wrong_decision", "unmasked", "went_back", "state_back"}},
                   "workers_settle_s": round(judged.widest, 3),
                   "answers_by_a_clock_beside": judged.by_clock,
                   "said_policies_may_be_old": sum(told.stale for told in history.told),
                   "snapshots": {"acknowledged": checked.acknowledged, "lost": len(checked.lost),
                                 "duplicated": len(checked.duplicated), "altered": len(checked.altered),
                                 "unanswered": checked.unanswered, "records": checked.records,
                                 "verified": checked.verified, "checkpoints": checked.checkpoints,
                                 "proofs": checked.proofs, "problems": checked.problems}},
        "phases": {phase.name: latency(history.calls_between(phase.begun, phase.ended, names)) for phase in phases},
        "runs": [_row(row, history, names) for row in driver.rows],
    }  # fmt: skip


def table(found: dict[str, Any]) -> str:
    """Return what people look at."""
    width = max(len(run["run"]) for run in found["runs"])
    columns = f"{'ok':>4} {'caught':>7} {'nodes away':>22} {'clients':>8} {'failed':>7} {'p50 ms':>7} {'p99 ms':>8}"
    head = f"{'fault'.ljust(width)} {columns}"
    lines = [head]
    for run in found["runs"]:
        nodes = " ".join(f"{seconds:6.2f}" for name, seconds in run["away_s"].items() if name != ROAMING)
        lines.append(
            f"{run['run'].ljust(width)} {'yes' if run['survived'] else 'NO':>4} {run['caught_up_s']:>7.2f} "
            f"{nodes:>22} {run['away_s'][ROAMING]:>8.2f} {run['failed_with_retries']:>7.1%} "
            f"{run['latency']['p50_ms']:>7.1f} "
            f"{run['latency']['p99_ms']:>8.1f}"
        )
        lines += [f"    {problem}" for problem in run["problems"]]
    checks, load = found["checks"], found["load"]
    asked = (
        f"load: {load['calls_per_second']} calls/s, {load['answers']} answers, codes {load['codes']}; "
        f"clients with retries {load['codes_of_clients_with_retries']}"
    )
    judged = (
        f"answers judged: {checks['answers_judged']} ({checks['judged_apart']} apart, by {checks['revisions']} "
        f"revisions): wrong {checks['wrong_decisions']}, unmasked that no rule allows {checks['unmasked']}, "
        f"gone back {checks['went_back']}, others {checks['others']}"
    )
    lines += ["", f"faults survived: {found['faults']['survived']}/{found['faults']['of']}", asked]
    for name, phase in found["phases"].items():
        lines.append(f"{name}: p50 {phase['p50_ms']} ms, p99 {phase['p99_ms']} ms")
    for name, part in found["convergence"].items():
        if isinstance(part, dict):
            aim = f", aim {part['aim_p99_s']} s {'met' if part['met'] else 'missed'}" if "met" in part else ""
            lines.append(
                f"convergence, {name}: p50 {part['p50_s']} s, p99 {part['p99_s']} s, max {part['max_s']} s "
                f"of {part['count']}{aim}"
            )
    lines += [judged, f"snapshots: {checks['snapshots']}"]
    return "\n".join(lines)


def _row(row: Row, history: History, names: Sequence[str]) -> dict[str, Any]:
    calls = history.calls_between(row.begun, row.ended, names)
    published = None if row.published_after is None else round(row.published_after, 2)
    return {
        "run": row.name, "survived": row.survived, "problems": row.problems, "seconds": round(row.ended - row.begun, 1),
        "caught_up_s": round(row.caught_up, 2), "published_after_s": published, "away_s": row.away,
        "latency": latency(calls), "codes": _codes(calls),
        "failed_with_retries": round(failed([call for call in calls if call.node == ROAMING]), 4),
    }  # fmt: skip


def _codes(calls: Iterable[Call]) -> dict[str, int]:
    """Return how calls ended; those that were to wait for a revision that did not come stand as `behind`."""
    return dict(
        Counter("behind" if call.waits and call.code != "OK" else call.code for call in calls).most_common()
    )  # fmt: skip
