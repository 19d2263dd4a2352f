"""The turns of one book's servers: started together, asked the same, under load one at a time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import service_load
import service_paced
from service_candidates import Candidate
from service_dialects import BATCH, UNARY, Question, Verdicts
from service_figures import Json, Turn, summarise
from service_load import Load
from service_plan import Book, Plan
from service_servers import BenchmarkError, Server

R = TypeVar("R", service_load.Run, service_paced.PacedRun)
# The verdicts on every question, by kind.
Expected = dict[str, list[list[Verdicts]]]
# Given the replies of a server to the first question of each kind, the echoes that answer with them.
Floors = Callable[[dict[str, bytes]], list[Candidate]]


@dataclass(slots=True)
class Subject:
    """A candidate that is running. `due` is how many records its answers must have left behind."""

    candidate: Candidate
    server: Server
    due: int = 0

    def path(self, kind: str) -> str:
        return self.candidate.dialect.path(kind)

    def request(self, kind: str, question: Question) -> bytes:
        return self.candidate.dialect.request(kind, question)

    def verdicts(self, kind: str, reply: bytes) -> list[Verdicts]:
        return self.candidate.dialect.verdicts(kind, reply)

    def ask(self, kind: str, question: Question) -> bytes:
        reply = self.server.ask(self.path(kind), self.request(kind, question))
        self.answered(kind, 1)
        return reply

    def answered(self, kind: str, requests: int) -> None:
        """Count requests that were answered."""
        records = self.candidate.records
        if records is not None:
            self.due += requests * (records.of_batch if kind == BATCH else 1)


@dataclass(slots=True)
class Turns:
    """What is done with the servers of a book. `questions` are by kind, `expected` what all servers say to them."""

    book: Book
    plan: Plan
    questions: Mapping[str, Sequence[Question]]
    folder: Path
    expected: Expected
    again_seconds: float = 0.0

    def measure(self, candidates: Sequence[Candidate], floors: Floors) -> Json:
        """Start the servers, compare their verdicts, measure, stop them, and count what they recorded.

        Raises BenchmarkError when verdicts differ, a call fails, or fewer decisions were recorded than answered.
        """
        with ExitStack() as stack:
            serving = [Subject(candidate, stack.enter_context(candidate.start())) for candidate in candidates]
            for kind in self.questions:
                self._agree(serving, kind)
            echoes = []
            if self.book.floors:
                replies = {kind: serving[-1].ask(kind, asked[0]) for kind, asked in self.questions.items()}
                echoes = [Subject(each, stack.enter_context(each.start())) for each in floors(replies)]
            subjects = [*serving, *echoes]
            idle = _idle(subjects, self.plan.idle)
            closed, paced = list(self._closed(subjects)), self._paced(subjects)
            labels = {subject.candidate.key: subject.candidate.label for subject in subjects}
            rows, paced_rows = summarise(closed, paced, labels, self.book.base)
            found = {
                "servers": [_facts(subject) | {"idle_cores": idle[subject.candidate.key]} for subject in subjects],
                "bytes": {subject.candidate.key: self._sizes(subject) for subject in subjects},
                "rows": rows,
                "paced": paced_rows,
            }
        return found | {"records": [each for subject in subjects for each in recorded(subject)]}

    def _agree(self, subjects: Sequence[Subject], kind: str) -> None:
        """Compare the verdicts of all servers, and keep them when they are the first."""
        questions = self.questions[kind]
        for subject in subjects:
            found = [subject.verdicts(kind, subject.ask(kind, question)) for question in questions]
            wanted = self.expected.setdefault(kind, found)
            for number, (mine, theirs) in enumerate(zip(found, wanted, strict=True)):
                if mine != theirs or len(mine) != len(questions[number]):
                    raise BenchmarkError(
                        f"{subject.candidate.label} differs from the first server on {kind} request {number}: "
                        f"{mine} and {theirs}"
                    )

    def _closed(self, subjects: Sequence[Subject]) -> Iterator[Turn]:
        """Yield the turns: in every round each server has its own, every other round backwards."""
        plan = self.plan
        for kind, widths in self.book.connections.items():
            for subject in subjects:
                self._load(subject, kind, self.questions[kind][0], max(widths), plan.warm_up)
            for connections in widths:
                for number in range(plan.rounds):
                    question = self.questions[kind][number]
                    for subject in subjects if number % 2 == 0 else reversed(subjects):
                        turn = partial(self._load, subject, kind, question, connections, plan.seconds)
                        yield Turn(kind, connections, subject.candidate.key, self._undisturbed(turn))

    def _undisturbed(self, turn: Callable[[], R]) -> R:
        """Return the turn, of several if need be, during which others used the least CPU time."""
        found = turn()
        for _ in range(self.plan.again):
            if found.foreign <= self.plan.foreign or self.again_seconds > self.plan.again_seconds:
                break
            begun = time.monotonic()
            found = min(found, turn(), key=lambda one: one.foreign)
            self.again_seconds += time.monotonic() - begun
        return found

    def _load(
        self, subject: Subject, kind: str, question: Question, connections: int, seconds: float
    ) -> service_load.Run:
        load = Load(connections, max(1, self.plan.calls[kind] // connections), seconds)
        size = len(subject.ask(kind, question))
        request = subject.request(kind, question)
        run = service_load.run(subject.server, subject.path(kind), request, size, load, self.folder)
        subject.answered(kind, run.requests)
        return run

    def _paced(self, subjects: Sequence[Subject]) -> dict[str, list[service_paced.PacedRun]]:
        """Return the runs at a steady rate by key."""
        runs: dict[str, list[service_paced.PacedRun]] = {subject.candidate.key: [] for subject in subjects}
        for number in range(self.plan.paced_rounds):
            for subject in subjects if number % 2 == 0 else reversed(subjects):
                runs[subject.candidate.key].append(self._undisturbed(partial(self._paced_turn, subject)))
        return runs

    def _paced_turn(self, subject: Subject) -> service_paced.PacedRun:
        requests = [subject.request(UNARY, question) for question in self.questions[UNARY]]
        check = _is_there if subject.candidate.is_floor else partial(_is_expected, subject, self.expected[UNARY])
        run = service_paced.run_paced(subject.server, subject.path(UNARY), requests, self.plan.pace, check)
        subject.answered(UNARY, run.requests)
        return run

    def _sizes(self, subject: Subject) -> dict[str, dict[str, int]]:
        return {
            kind: {"request": len(subject.request(kind, asked[0])), "reply": len(subject.ask(kind, asked[0]))}
            for kind, asked in self.questions.items()
        }


def _idle(subjects: Sequence[Subject], seconds: float) -> dict[str, float]:
    """Return how many cores each server uses while nobody asks it anything."""
    before = [subject.server.cpu_seconds() for subject in subjects]
    time.sleep(seconds)
    after = [subject.server.cpu_seconds() for subject in subjects]
    used = ((late - early) / seconds for early, late in zip(before, after, strict=True))
    return {subject.candidate.key: round(share, 4) for subject, share in zip(subjects, used, strict=True)}


def _is_expected(subject: Subject, expected: Sequence[list[Verdicts]], number: int, reply: bytes) -> bool:
    return subject.verdicts(UNARY, reply) == expected[number]


def _is_there(_number: int, reply: bytes) -> bool:
    return bool(reply)


def _facts(subject: Subject) -> Json:
    processes = subject.server.processes()
    return {
        "key": subject.candidate.key,
        "label": subject.candidate.label,
        "processes": len(processes),
        "resident_bytes": subject.server.resident_bytes(),
    }


def recorded(subject: Subject) -> Iterator[dict[str, Any]]:
    """Yield what a server that has stopped recorded, if it does, and delete it. Raises BenchmarkError."""
    candidate, records = subject.candidate, subject.candidate.records
    if records is None:
        return
    size = records.disk_bytes()
    count = records.count()
    if count.records < subject.due:
        raise BenchmarkError(f"{candidate.label} recorded {count.records} of {subject.due} answers")
    shutil.rmtree(records.folder)
    yield {
        "key": candidate.key, "label": candidate.label, "due": subject.due, "records": count.records,
        "stored": count.stored, "disk_bytes": size,
    }  # fmt: skip
