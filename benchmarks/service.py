"""Measures the service under load: `pdp serve` on each transport beside Cerbos and beside echoes of fixed bytes.

`make bench-service` runs it in full, which takes about twenty minutes, and writes the figures, a plot and the tables
of docs/guides/performance.md. `--quick` is a smoke test whose figures mean little.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import service_candidates as candidates
import service_load
import service_paced
from policy_sets import RuleSet, portable
from report import machine, write_json
from rich.console import Console
from samples import samples
from service_candidates import Candidate, MissingError
from service_dialects import BATCH, BATCH_ITEMS, UNARY, Question, Verdicts
from service_load import Load
from service_paced import Pace
from service_plot import plot
from service_report import PAGES, judge, show, summarise, write_pages
from service_servers import BenchmarkError, Server

_RESULT = Path(__file__).resolve().parent / "results" / "service.json"
_FAILED, _MISSING = 1, 3
R = TypeVar("R", service_load.Run, service_paced.PacedRun)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to do. `calls` is how many are under way at a time, spread over the connections.

    A turn during which others used more than `foreign` cores is done again, at most `again` times.
    """

    rules: int
    workers: tuple[int, ...]
    rounds: int
    connections: tuple[int, ...]
    calls: Mapping[str, int]
    seconds: float
    warm_up: float
    compared: int
    pace: Pace
    paced_rounds: int
    idle: float
    foreign: float
    again: int


_CALLS = {UNARY: 64, BATCH: 8}
FULL = Plan(
    rules=100, workers=tuple(sorted({1, os.cpu_count() or 1})), rounds=5, connections=(1, 8, 64), calls=_CALLS,
    seconds=2.0, warm_up=2.0, compared=300, pace=Pace(2_000, 8, 8.0), paced_rounds=5, idle=10.0, foreign=0.15, again=2,
)  # fmt: skip
QUICK = Plan(
    rules=20, workers=(1,), rounds=2, connections=(8,), calls=_CALLS,
    seconds=0.2, warm_up=0.1, compared=20, pace=Pace(200, 2, 0.5), paced_rounds=1, idle=0.2, foreign=2.0, again=0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """A candidate that is running."""

    candidate: Candidate
    server: Server

    def path(self, kind: str) -> str:
        return self.candidate.dialect.path(kind)

    def request(self, kind: str, question: Question) -> bytes:
        return self.candidate.dialect.request(kind, question)

    def verdicts(self, kind: str, reply: bytes) -> list[Verdicts]:
        return self.candidate.dialect.verdicts(kind, reply)

    def ask(self, kind: str, question: Question) -> bytes:
        return self.server.ask(self.path(kind), self.request(kind, question))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one second of everything: a smoke test")
    parser.add_argument("--out", type=Path, default=_RESULT, help="the JSON file to write (default: %(default)s)")
    parser.add_argument("--cerbos", type=Path, metavar="PROGRAM", help="this Cerbos instead of the newest from npm")
    parser.add_argument("--pages", action="store_true", help="measure nothing: write the tables from the JSON file")
    options = parser.parse_args()
    if options.pages:
        write_pages(options.out)
        return 0
    plan = QUICK if options.quick else FULL
    load = os.getloadavg()
    try:
        tools = {"h2load": candidates.find_h2load()}
        binary, tools["cerbos"] = candidates.find_cerbos(options.cerbos)
        with tempfile.TemporaryDirectory() as folder:
            measured = run(plan, binary, Path(folder))
    except MissingError as error:
        print(error, file=sys.stderr)
        return _MISSING
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return _FAILED
    result = {"machine": machine(load), "tools": tools, "quick": options.quick, **measured}
    write_json(options.out, result)
    options.out.with_suffix(".svg").write_text(plot(result), encoding="utf-8")
    show(Console(), result)
    print(f"written to {options.out}")
    if not options.quick and options.out == _RESULT:
        write_pages(options.out)
        print(f"and to {', '.join(page.name for page in PAGES.values())}")
    return 0


def run(plan: Plan, binary: Path, folder: Path) -> dict[str, Any]:
    """Start everything, compare the verdicts, measure; return the figures as plain data."""
    rule_set = portable(plan.rules)
    policies = folder / "policies"
    _write(rule_set, policies)
    unary = [[sample] for sample in samples(rule_set, plan.compared)]
    batches = _batches(rule_set, plan.rounds)
    with ExitStack() as stack:
        serving = [
            Subject(candidate, stack.enter_context(candidate.start()))
            for candidate in (
                candidates.cerbos(binary, rule_set, folder / "cerbos", folder),
                *candidates.ours(plan.workers, policies, folder),
            )
        ]
        expected = {UNARY: _agree(serving, UNARY, unary), BATCH: _agree(serving, BATCH, batches)}
        replies = {UNARY: serving[-1].ask(UNARY, unary[0]), BATCH: serving[-1].ask(BATCH, batches[0])}
        echoes = [
            Subject(candidate, stack.enter_context(candidate.start()))
            for candidate in candidates.echoes(replies, folder, folder)
        ]
        subjects = [*serving, *echoes]
        idle = _idle(subjects, plan.idle)
        closed = list(_closed(plan, subjects, {UNARY: unary, BATCH: batches}, folder))
        paced = _paced(plan, subjects, unary, expected[UNARY])
        rows, paced_rows = summarise(closed, paced, {s.candidate.key: s.candidate.label for s in subjects})
        result = {
            "plan": asdict(plan),
            "servers": [_facts(subject) | {"idle_cores": idle[subject.candidate.key]} for subject in subjects],
            "equal": {
                kind: {"requests": len(found), "verdicts": _count(found), "unmasked": _count(found, unmasked=True)}
                for kind, found in expected.items()
            },
            "bytes": {s.candidate.key: _sizes(s, unary, batches) for s in subjects},
            "rows": rows,
            "paced": paced_rows,
        }
    return result | {"aims": judge(result)}


def _write(rule_set: RuleSet, folder: Path) -> None:
    for name, text in rule_set.texts().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _batches(rule_set: RuleSet, count: int) -> list[Question]:
    found = samples(rule_set, count * BATCH_ITEMS)
    return [found[start : start + BATCH_ITEMS] for start in range(0, len(found), BATCH_ITEMS)]


def _agree(subjects: Sequence[Subject], kind: str, questions: Sequence[Question]) -> list[list[Verdicts]]:
    """Return the verdicts that all servers give. Raises BenchmarkError when they differ."""
    wanted: list[list[Verdicts]] = []
    for subject in subjects:
        found = [subject.verdicts(kind, subject.ask(kind, question)) for question in questions]
        wanted = wanted or found
        for number, (mine, theirs) in enumerate(zip(found, wanted, strict=True)):
            if mine != theirs or len(mine) != len(questions[number]):
                labels = f"{subject.candidate.label} and {subjects[0].candidate.label}"
                raise BenchmarkError(f"{labels} differ on {kind} request {number}: {mine} and {theirs}")
    return wanted


def _idle(subjects: Sequence[Subject], seconds: float) -> dict[str, float]:
    """Return how many cores each server uses while nobody asks it anything."""
    before = [subject.server.cpu_seconds() for subject in subjects]
    time.sleep(seconds)
    after = [subject.server.cpu_seconds() for subject in subjects]
    used = ((late - early) / seconds for early, late in zip(before, after, strict=True))
    return {subject.candidate.key: round(share, 4) for subject, share in zip(subjects, used, strict=True)}


def _closed(
    plan: Plan, subjects: Sequence[Subject], questions: Mapping[str, Sequence[Question]], folder: Path
) -> Iterator[tuple[str, int, str, service_load.Run]]:
    """Yield (kind, connections, key, run): in every round each server has its turn, every other round backwards."""
    for kind in (UNARY, BATCH):
        for subject in subjects:
            _load(plan, subject, kind, questions[kind][0], max(plan.connections), plan.warm_up, folder)
        for connections in plan.connections:
            for number in range(plan.rounds):
                question = questions[kind][number]
                for subject in subjects if number % 2 == 0 else reversed(subjects):
                    turn = partial(_load, plan, subject, kind, question, connections, plan.seconds, folder)
                    yield kind, connections, subject.candidate.key, _undisturbed(plan, turn)


def _undisturbed(plan: Plan, turn: Callable[[], R]) -> R:
    """Return the turn, of several if need be, during which others used the least CPU time."""
    found = turn()
    for _ in range(plan.again):
        if found.foreign <= plan.foreign:
            break
        found = min(found, turn(), key=lambda one: one.foreign)
    return found


def _load(
    plan: Plan, subject: Subject, kind: str, question: Question, connections: int, seconds: float, folder: Path
) -> service_load.Run:
    load = Load(connections, max(1, plan.calls[kind] // connections), seconds)
    size = len(subject.ask(kind, question))
    request = subject.request(kind, question)
    return service_load.run(subject.server, subject.path(kind), request, size, load, folder)


def _paced(
    plan: Plan, subjects: Sequence[Subject], questions: Sequence[Question], expected: Sequence[list[Verdicts]]
) -> dict[str, list[service_paced.PacedRun]]:
    """Return the runs at a steady rate by key."""
    runs: dict[str, list[service_paced.PacedRun]] = {subject.candidate.key: [] for subject in subjects}
    for number in range(plan.paced_rounds):
        for subject in subjects if number % 2 == 0 else reversed(subjects):
            requests = [subject.request(UNARY, question) for question in questions]
            check = _is_there if subject.candidate.is_floor else partial(_is_expected, subject, expected)
            path = subject.path(UNARY)
            turn = partial(service_paced.run_paced, subject.server, path, requests, plan.pace, check)
            runs[subject.candidate.key].append(_undisturbed(plan, turn))
    return runs


def _is_expected(subject: Subject, expected: Sequence[list[Verdicts]], number: int, reply: bytes) -> bool:
    return subject.verdicts(UNARY, reply) == expected[number]


def _is_there(_number: int, reply: bytes) -> bool:
    return bool(reply)


def _facts(subject: Subject) -> dict[str, Any]:
    processes = subject.server.processes()
    return {
        "key": subject.candidate.key,
        "label": subject.candidate.label,
        "processes": len(processes),
        "resident_bytes": subject.server.resident_bytes(),
    }


def _sizes(subject: Subject, unary: Sequence[Question], batches: Sequence[Question]) -> dict[str, dict[str, int]]:
    found = {}
    for kind, question in ((UNARY, unary[0]), (BATCH, batches[0])):
        sizes = {"request": len(subject.request(kind, question)), "reply": len(subject.ask(kind, question))}
        found[kind] = sizes
    return found


def _count(found: Sequence[list[Verdicts]], *, unmasked: bool = False) -> int:
    return sum(sum(one) if unmasked else len(one) for answer in found for one in answer)


if __name__ == "__main__":
    raise SystemExit(main())
