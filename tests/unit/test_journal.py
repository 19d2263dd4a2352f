"""Answers wait for their records, nobody waits for ever, and a disk that fails does what the rules say."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from pdp.errors import SpoolError, SpoolFullError
from pdp.server import journal as module
from pdp.server.journal import NEVER, Journal, JournalRules

PATIENCE = 30.0


class Disk:
    """A spool in memory that can be held up and can fail."""

    def __init__(self) -> None:
        self.commits: list[list[tuple[str, bytes]]] = []
        self.error: Exception | None = None
        self.go = threading.Event()
        self.go.set()
        self.entered = queue.Queue[int]()
        self.is_closed = False

    def append(self, records: Sequence[tuple[str, bytes]]) -> None:
        self.entered.put(len(records))
        assert self.go.wait(PATIENCE)
        if self.error is not None:
            raise self.error
        self.commits.append(list(records))

    def close(self) -> None:
        self.is_closed = True


@contextmanager
def keeping(disk: Disk, rules: JournalRules | None = None) -> Iterator[Journal]:
    journal = Journal(disk, rules or JournalRules())
    try:
        yield journal
    finally:
        disk.go.set()
        journal.close()
        assert disk.is_closed


class Answers:
    def __init__(self) -> None:
        self.got = queue.Queue[SpoolError | None]()

    def done(self, error: SpoolError | None) -> None:
        self.got.put(error)

    def next(self) -> SpoolError | None:
        return self.got.get(timeout=PATIENCE)


def test_records_that_come_in_meanwhile_go_into_one_transaction() -> None:
    disk, answers = Disk(), Answers()
    disk.go.clear()
    with keeping(disk) as journal:
        journal.submit([(1, b"a")], answers.done)
        assert disk.entered.get(timeout=PATIENCE) == 1
        for body in (b"b", b"c", b"d"):
            journal.submit([(0, body), (3, body)], answers.done)
        assert answers.got.empty()
        disk.go.set()
        assert [answers.next() for _ in range(4)] == [None] * 4
        assert journal.facts()["commits"] == 2
        assert journal.facts()["appended"] == 7
    assert disk.commits == [
        [("long", b"a")],
        [("medium", b"b"), ("long", b"b"), ("medium", b"c"), ("long", b"c"), ("medium", b"d"), ("long", b"d")],
    ]


@pytest.mark.parametrize(
    ("wait_from", "waits"),
    [(0, [True] * 4), (1, [False, True, True, True]), (3, [False] * 3 + [True]), (NEVER, [False] * 4)],
)
def test_who_must_wait(wait_from: int, waits: list[bool]) -> None:
    with keeping(Disk(), JournalRules(wait_from=wait_from)) as journal:
        assert [journal.must_wait([(0, b""), (shown, b"")]) for shown in range(4)] == waits


def test_what_waits_is_written_at_the_end() -> None:
    disk = Disk()
    journal = Journal(disk, JournalRules(wait_from=NEVER))
    for number in range(1_000):
        journal.submit([(0, b"%d" % number)])
    journal.close()
    assert [body for commit in disk.commits for _, body in commit] == [b"%d" % number for number in range(1_000)]


@pytest.mark.parametrize("error", [SpoolError("broken"), SpoolFullError("full"), ValueError("a mistake")])
def test_a_disk_that_fails_refuses_those_who_must_wait(error: Exception) -> None:
    disk, answers = Disk(), Answers()
    disk.error = error
    with keeping(disk, JournalRules(wait_from=1)) as journal:
        journal.submit([(1, b"a")], answers.done)
        assert isinstance(answers.next(), SpoolError)
        journal.submit([(2, b"b"), (0, b"c")], answers.done)
        assert isinstance(answers.next(), SpoolError)
        journal.submit([(0, b"d")], answers.done)
        assert answers.next() is None
        facts = journal.facts()
        assert (facts["refused"], facts["unrecorded"], facts["failures"]) == (3, 1, 3)
        disk.error = None
        journal.submit([(2, b"e")], answers.done)
        assert answers.next() is None
    assert disk.commits == [[("long", b"e")]]


def test_a_rule_may_let_answers_leave_all_the_same() -> None:
    disk, answers = Disk(), Answers()
    disk.error = SpoolError("broken")
    with keeping(disk, JournalRules(answer_unrecorded=True)) as journal:
        journal.submit([(3, b"a")], answers.done)
        assert answers.next() is None
        assert journal.facts()["unrecorded"] == 1
        assert journal.facts()["refused"] == 0


def test_nobody_waits_longer_than_the_bound() -> None:
    disk, answers = Disk(), Answers()
    disk.go.clear()
    with keeping(disk, JournalRules(wait_seconds=0.02)) as journal:
        journal.submit([(1, b"a")], answers.done)
        assert disk.entered.get(timeout=PATIENCE)
        journal.submit([(1, b"b")], answers.done)
        assert "too long" in str(answers.next())
        assert "too long" in str(answers.next())
        disk.go.set()
        journal.submit([(1, b"c")], answers.done)
        assert answers.next() is None
    # Answers were refused once and no more, and the late records are there all the same.
    assert answers.got.empty()
    assert [body for commit in disk.commits for _, body in commit] == [b"a", b"b", b"c"]


def test_a_queue_that_is_full_refuses_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    disk, answers = Disk(), Answers()
    disk.go.clear()
    with keeping(disk) as journal:
        journal.submit([(1, b"a")])
        assert disk.entered.get(timeout=PATIENCE)
        journal.submit([(1, b"b"), (1, b"c")])
        journal.submit([(1, b"d")], answers.done)
        assert isinstance(answers.next(), SpoolFullError)


def test_an_answer_that_cannot_be_sent_does_not_keep_others_from_theirs() -> None:
    disk, answers = Disk(), Answers()

    def fail(_: SpoolError | None) -> None:
        raise RuntimeError("the call is gone")

    disk.go.clear()
    with keeping(disk) as journal:
        journal.submit([(1, b"a")], fail)
        journal.submit([(1, b"b")], answers.done)
        disk.go.set()
        assert answers.next() is None
        journal.submit([(1, b"c")], answers.done)
        assert answers.next() is None


def test_a_flush_waits_for_what_was_handed_over() -> None:
    disk, answers = Disk(), Answers()
    disk.go.clear()
    with keeping(disk) as journal:
        journal.submit([(1, b"a")], answers.done)
        assert disk.entered.get(timeout=PATIENCE)
        journal.submit([(1, b"b")], answers.done)
        assert not journal.flush(0)
        disk.go.set()
        assert journal.flush(PATIENCE)
        assert [answers.got.get_nowait(), answers.got.get_nowait()] == [None, None]
