"""Measures decisions inside the process: one decision, growing policy sets, compilation, and other engines.

`make bench` runs it in full, which takes about ten minutes; `--quick` is a smoke test whose figures mean little.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import own
import peers
import stages
from measure import Effort, Timing, alternate
from policy_sets import POSTS, ROLES, RuleSet, bank, one_scope, portable
from report import Aim, Row, machine, show, write_json
from workers import Worker, once

_RESULT = Path(__file__).resolve().parent / "results" / "decide.json"
SECTIONS = {
    "decision": "One decision: 12 fields, 15 attributes",
    "scale": "The same with more rules",
    "peers": "The same rules in other engines, one decision of 12 fields",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to do."""

    sizes: tuple[int, int, int]
    peer_sizes: tuple[int, ...]
    requests: int
    wide_requests: int
    compared: int
    effort: Effort


FULL = Plan((100, 1_000, 10_000), (20, 100), 256, 8_192, 300, Effort(15, 0.2))
QUICK = Plan((100, 200, 400), (20,), 32, 512, 40, Effort(3, 0.005))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller sets and few repeats: a smoke test")
    parser.add_argument("--out", type=Path, default=_RESULT, help="the JSON file to write (default: %(default)s)")
    options = parser.parse_args()
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        result = run(QUICK if options.quick else FULL, Path(folder))
    result = {"machine": machine(load), "quick": options.quick, **result}
    write_json(options.out, result)
    show(result)
    print(f"written to {options.out}")
    if not all(comparison["equal"] for comparison in result["comparisons"]):
        print("the engines disagree; see `comparisons` in the file", file=sys.stderr)
        return 1
    return 0


def run(plan: Plan, folder: Path) -> dict[str, Any]:
    """Measure everything; return it as plain data."""
    largest = folder / f"bank-{plan.sizes[-1]}"
    publish = once(stages.compile_set, bank(plan.sizes[-1]), str(largest))
    worker = once(stages.load_bundle, str(largest))
    decision, facts = measure_decision(plan, folder)
    scale = measure_scale(plan, folder)
    peer_rows, comparisons = measure_peers(plan)
    rows = [*decision, *scale, *peer_rows]
    times = {(row.section, row.key): row for row in rows}
    seconds = sum(stage["wall_seconds"] for stage in publish["stages"].values())
    smallest, growth = (times["scale", f"bank-{size}"] for size in (plan.sizes[0], plan.sizes[-1]))
    aims = [
        Aim("one decision, CPU, median", _micros(times["decision", "decide"].timing), 10.0, "µs"),
        Aim(f"{plan.sizes[-1]:,} rules against {plan.sizes[0]:,}", growth.timing.ratio(smallest.timing), 1.3, "×"),
        Aim(f"check and compile {plan.sizes[-1]:,} rules", seconds, 10.0, "s"),
    ]
    return {
        "sizes": plan.sizes,
        "sections": SECTIONS,
        "decision": facts,
        "rows": [row.to_json() for row in rows],
        "compile": {"publish": publish, "worker": worker},
        "comparisons": comparisons,
        "aims": [aim.to_json() for aim in aims],
    }


def measure_decision(plan: Plan, folder: Path) -> tuple[list[Row], dict[str, Any]]:
    """Time one decision, its parts and its less usual kinds, on the smallest set."""
    rule_set = bank(plan.sizes[0])
    path = str(folder / rule_set.name)
    once(stages.write_missing, [(rule_set, path)])
    with Worker(own.breakdown, path, rule_set, plan.requests) as worker:
        timings = alternate(worker.candidates(), plan.effort)
        facts = worker.facts
    labels = {
        "decide": f"bytes in, bytes out ({facts['request_bytes']} B, {facts['reply_bytes']} B)",
        "parse": "of it: decoding the request",
        "batch": f"in a batch of {facts['batch_items']} customers, each",
        "grant": "with a supervisor's grant",
        "undecided": "with an attribute missing",
        "first": "outcome met for the first time",
    }
    base = timings["decide"]
    rows = [
        Row("decision", key, label, timings[key], None if key == "decide" else base, "" if key == "decide" else "usual")
        for key, label in labels.items()
    ]
    return rows, facts


def measure_scale(plan: Plan, folder: Path) -> list[Row]:
    """Time decisions while the set grows in three ways."""
    families: dict[str, tuple[str, Callable[[int], RuleSet], Sequence[str]]] = {
        "bank": ("rules of menus", bank, ROLES),
        "general": ("rules, one in a hundred for the whole bank", lambda n: bank(n, bank_wide=n // 100), ROLES),
        "one-scope": ("rules in one scope: the worst case", one_scope, POSTS),
    }
    rows: list[Row] = []
    for family, (what, make, roles) in families.items():
        sets = {f"{family}-{size}": make(size) for size in plan.sizes}
        labels = {f"{family}-{size}": f"{size:,} {what}" for size in plan.sizes}
        counts = dict.fromkeys(sets, plan.requests)
        if family == "bank":
            largest = plan.sizes[-1]
            sets[f"wide-{largest}"] = sets[f"bank-{largest}"]
            counts[f"wide-{largest}"] = plan.wide_requests
            labels[f"wide-{largest}"] = f"{largest:,} {what}, {plan.wide_requests:,} different requests"
        once(stages.write_missing, [(found, str(folder / key)) for key, found in sets.items()])
        with ExitStack() as stack:
            candidates = {
                key: stack.enter_context(
                    Worker(own.decisions, str(folder / key), found, counts[key], roles)
                ).candidates()["decide"]
                for key, found in sets.items()
            }
            timings = alternate(candidates, plan.effort)
        base = timings[f"{family}-{plan.sizes[0]}"]
        rows += [Row("scale", key, label, timings[key], base, f"{plan.sizes[0]:,}") for key, label in labels.items()]
    return rows


def measure_peers(plan: Plan) -> tuple[list[Row], list[dict[str, Any]]]:
    """Compare the verdicts of all engines, then time them."""
    rows: list[Row] = []
    comparisons: list[dict[str, Any]] = []
    for size in plan.peer_sizes:
        rule_set = portable(size)
        with ExitStack() as stack:
            workers = {
                name: stack.enter_context(Worker(peers.load, name, rule_set, plan.requests // 8, plan.compared))
                for name in peers.ENGINES
            }
            wanted = workers["jingxi"].facts["verdicts"]
            comparisons += [
                {
                    "rules": size,
                    "engine": name,
                    "requests": len(wanted),
                    "unmasked": sum(map(sum, worker.facts["verdicts"])),
                    "equal": worker.facts["verdicts"] == wanted,
                }
                for name, worker in workers.items()
            ]
            timings = alternate({name: w.candidates()["decide"] for name, w in workers.items()}, plan.effort)
        base = timings["jingxi"]
        rows += [
            Row("peers", f"{name}-{size}", f"{size} rules: {peers.LABELS[name]}", timings[name], base, "jingxi")
            for name in peers.ENGINES
        ]
    return rows, comparisons


def _micros(timing: Timing) -> float:
    return sorted(timing.cpu)[len(timing.cpu) // 2] * 1e6


if __name__ == "__main__":
    raise SystemExit(main())
