"""Whether what clients were told could be: each answer right by the revision it names, and no way back.

Answers are judged by the reference of the policy language, which looks at every rule from its text by Google's CEL and
shares no code with the engine.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, NamedTuple

from pdp.lang.check import check
from pdp.lang.loader import load_texts
from tests.cluster.history import History, Publication, Told
from tests.reference.evaluator import Reference
from tests.reference.request import Decision, Request

NANOS: Final = 1_000_000_000
MINUTE: Final = 60 * NANOS
SETTLING: Final = 5.0
"""The workers of a node change one after the other; for so many seconds some may still answer by the one before.

Long enough for a machine whose processors others take; the widest that was found is told."""


class Published(NamedTuple):
    """A revision as the control store has it in the end: its bundle's hash and its files."""

    policy_hash: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wrong:
    """An answer, or a state, that must not be. `about` is an answer's decision id or a node."""

    kind: str
    about: str
    at: float
    what: str


@dataclass
class Judged:
    """What a look at a history showed."""

    answers: int = 0
    distinct: int = 0
    """How many questions were judged, each at a revision and minute of its own."""
    revisions: int = 0
    wrong: list[Wrong] = field(default_factory=list)
    by_clock: int = 0
    """How many answers were right by a clock that was beside, and wrong by the machine's."""
    widest: float = 0.0
    """The longest time, in seconds, for which a node still answered by the revision before."""

    def count(self, kind: str, begun: float = float("-inf"), ended: float = float("inf")) -> int:
        """Return how often something was wrong, in a span of time."""
        return sum(1 for found in self.wrong if found.kind == kind and begun <= found.at < ended)

    @property
    def kinds(self) -> Counter[str]:
        return Counter(found.kind for found in self.wrong)


class Judge:
    """Gives the right answer by any published revision."""

    def __init__(self, questions: Sequence[Request], published: Mapping[int, Published]) -> None:
        self._questions = questions
        self._published = published
        self._right: dict[tuple[int, int, int], Decision] = {}

    @property
    def distinct(self) -> int:
        return len(self._right)

    def right(self, revision: int, question: int, now: int) -> Decision:
        """Return the right answer at a time, in nanoseconds since 1970."""
        key = revision, question, now
        if key not in self._right:
            reference = _reference(frozenset(self._published[revision].files.items()))
            self._right[key] = reference.decide(replace(self._questions[question], now=now))
        return self._right[key]


@lru_cache(maxsize=1024)
def _reference(files: frozenset[tuple[str, str]]) -> Reference:
    loaded, diagnostics = load_texts(dict(files))
    found = check(loaded, diagnostics, analyse=False)
    if found is None:
        raise AssertionError(f"a text with errors was published: {diagnostics.sorted()[0].message}")
    return Reference(found, {})


def judge(
    history: History,
    questions: Sequence[Request],
    published: Mapping[int, Published],
    *,
    settling: float = SETTLING,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Judged:
    """Return all that is wrong in a history. `published` are the revisions that somebody who may has made."""
    judged = Judged(answers=len(history.told), revisions=len({told.revision for told in history.told}))
    references = Judge(questions, published)
    for number, told in enumerate(history.told):
        if not number % 1000:
            progress(number, len(history.told))
        found = list(_answer(told, history, references, published))
        judged.wrong += found
        judged.by_clock += not found and history.skews != [] and _by_clock(told, references)
    judged.distinct = references.distinct
    judged.wrong += _repeated(history.told)
    for node in sorted({told.node for told in history.told} - {""}):
        found, widest = back([told for told in history.told if told.node == node], settling)
        judged.wrong += found
        judged.widest = max(judged.widest, widest)
    judged.wrong += _states_back(history)
    judged.wrong += _acknowledged(history.publications, published)
    return judged


def _answer(told: Told, history: History, references: Judge, published: Mapping[int, Published]) -> Iterable[Wrong]:
    def wrong(kind: str, what: str) -> Wrong:
        return Wrong(kind, told.decision_id, told.received, what)

    where = f"`{told.request_id}` on `{told.node or 'any'}`"
    if told.revision < told.floor:
        yield wrong("below_floor", f"{where} asked for {told.floor} or higher and was answered by {told.revision}")
    if told.revision not in published:
        planted = history.planted.get(told.revision, "nobody published it")
        yield wrong("unpublished", f"{where} was answered by revision {told.revision}: {planted}")
        return
    if published[told.revision].policy_hash != told.policy_hash:
        yield wrong("wrong_hash", f"{where} names revision {told.revision} with the hash {told.policy_hash}")
    answers = [references.right(told.revision, told.question, now) for now in _times(told, history)]
    if told.decision in answers:
        return
    right = answers[0]
    yield wrong("wrong_decision", f"{where} by revision {told.revision}: {_difference(told.decision, right)}")
    allowed = {verdict.field for answer in answers for verdict in answer.verdicts if verdict.effect == "unmask"}
    shown = {verdict.field for verdict in told.decision.verdicts if verdict.effect == "unmask"}
    if shown - allowed:
        names = ", ".join(sorted(shown - allowed))
        yield wrong("unmasked", f"{where} by revision {told.revision} shows {names}, which no rule allows")


def _by_clock(told: Told, references: Judge) -> bool:
    """Whether an answer is right, but by none of the times at which it was asked for and came."""
    received = told.sent_nanos + int((told.received - told.sent) * NANOS)
    times = {at // MINUTE * MINUTE for at in (told.sent_nanos, received)}
    return told.decision not in [references.right(told.revision, told.question, now) for now in times]


def _times(told: Told, history: History) -> list[int]:
    """Return the times at which an answer may have been made, each to the minute: policies speak of hours."""
    received = told.sent_nanos + int((told.received - told.sent) * NANOS)
    offsets = {0} | {
        int(skew.seconds * NANOS)
        for skew in history.skews
        if told.node in {"", skew.node} and skew.begun <= told.received and told.sent <= skew.ended
    }
    found = {(at + offset) // MINUTE * MINUTE for at in (told.sent_nanos, received) for offset in offsets}
    return sorted(found, key=lambda at: abs(at - told.sent_nanos))


def _difference(got: Decision, right: Decision) -> str:
    for one, other in zip(got.verdicts, right.verdicts, strict=False):
        if one != other:
            return f"`{one.field}` is {one.effect} {one.mask} for {one.reason.rule}, right is {other}"
    return f"verdicts of {len(got.verdicts)} fields, obligations or diagnostics are otherwise: {got} for {right}"


def back(answers: Iterable[Told], settling: float) -> tuple[list[Wrong], float]:
    """Return the answers of a node by a lower revision than one that had been told before they were asked for.

    Not those within `settling` seconds of the first answer by the higher one; the second value says how long that was.
    """
    found: list[Wrong] = []
    widest = 0.0
    # When a higher revision than ever was told, in order. What is asked after that must not be lower.
    times: list[float] = []
    revisions: list[int] = []
    answers = sorted(answers, key=lambda told: told.received)
    for told in answers:
        if not revisions or told.revision > revisions[-1]:
            times.append(told.received)
            revisions.append(told.revision)
    for told in answers:
        step = bisect_right(revisions, told.revision)
        if step == len(revisions) or told.sent <= times[step]:
            continue
        late = told.sent - times[step]
        if late <= settling:
            widest = max(widest, late)
        else:
            what = f"`{told.node}` answers by {told.revision} {late:.2f} s after it had answered by a higher one"
            found.append(Wrong("went_back", told.decision_id, told.received, what))
    return found, widest


def _repeated(answers: Iterable[Told]) -> list[Wrong]:
    times: dict[str, list[float]] = defaultdict(list)
    for told in answers:
        times[told.decision_id].append(told.received)
    return [
        Wrong("repeated_id", name, at[-1], f"{len(at)} answers have the id {name}")
        for name, at in times.items() if len(at) > 1
    ]  # fmt: skip


def _states_back(history: History) -> list[Wrong]:
    found = []
    last: dict[str, int] = {}
    for seen in history.seen:
        # A node that has only begun has not looked at its disk yet.
        if seen.revision and seen.revision < last.get(seen.node, 0):
            what = f"`{seen.node}` says that it decides by {seen.revision} after {last[seen.node]}"
            found.append(Wrong("state_back", seen.node, seen.at, what))
        last[seen.node] = max(seen.revision, last.get(seen.node, 0))
    return found


def _acknowledged(publications: Iterable[Publication], published: Mapping[int, Published]) -> list[Wrong]:
    """Return the publications that were acknowledged and are not there, or are there otherwise."""
    found = []
    numbers: Counter[int] = Counter()
    for made in publications:
        numbers[made.revision] += 1
        name = f"revision {made.revision}"
        if made.revision not in published:
            found.append(Wrong("lost_revision", name, made.acknowledged, f"{name} was acknowledged and is gone"))
        elif published[made.revision].policy_hash != made.policy_hash:
            what = f"{name} was acknowledged with the hash {made.policy_hash} and is another one"
            found.append(Wrong("lost_revision", name, made.acknowledged, what))
        if numbers[made.revision] > 1:
            found.append(Wrong("same_number", name, made.acknowledged, f"{name} was acknowledged twice"))
    return found
