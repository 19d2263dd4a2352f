"""Random questions about random policy sets, decided by every language's client and by the service: all alike.

`JINGXI_CASES` says how many questions, `JINGXI_SEED` where chance begins; the slow tests ask thousands.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import pytest
import yaml
from google.protobuf import json_format

from pdp.engine import bundle
from pdp.lang.loader import load_grants
from pdp.lang.resolved import ResolvedSet
from pdp.v1 import bundle_pb2, decision_service_pb2
from pdp.values import INT_MAX, format_timestamp
from tests.clients import lines
from tests.clients.lines import Answer, Participant, Question
from tests.integration.running import start_server, stopping
from tests.reference.compare import Refused, resolve
from tests.reference.random_requests import random_grants, random_request
from tests.reference.random_sets import RandomSet, random_set
from tests.reference.request import grant_pb
from tests.vectors.making.decisions import BANK
from tests.vectors.making.sets import golden_cases
from tests.vectors.making.sets import resolve as resolve_texts

CASES = int(os.environ.get("JINGXI_CASES", "300"))
SEED = os.environ.get("JINGXI_SEED", "clients")
MANY = 5_000
A_SET = 100
REVISION = 7


class Differing:
    """Asks all participants and collects what differs."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.commands, self.missing = lines.commands(scratch)
        self.asked = 0
        self.differences = 0
        self.took_part: set[str] = set()

    def compare(
        self, name: str, resolved: ResolvedSet, questions: list[Question], served: Participant | None
    ) -> list[str]:
        """Ask everybody by the bundle of a policy set and return what differs."""
        signed = bundle.build(resolved, REVISION)
        path = self.scratch / f"{name}.pb"
        bundle.write(path, signed)
        answers: dict[str, list[Answer]]
        with contextlib.ExitStack() as programs:
            # All start at once: a start takes longer than the answers.
            started = {
                language: programs.enter_context(lines.Program(command, path))
                for language, command in self.commands.items()
            }
            answers = {language: program.ask(questions) for language, program in started.items()}
        if served is not None:
            answers["service"] = served.ask(questions)
        self.took_part |= set(answers)
        self.asked += len(questions)
        first, *others = answers
        differences: list[str] = []
        for place, question in enumerate(questions):
            wanted = _comparable(answers[first][place])
            for other in others:
                got = _comparable(answers[other][place])
                if got != wanted:
                    differences.append(_story(name, question, {first: wanted, other: got}))
        self.differences += len(differences)
        return differences

    def __str__(self) -> str:
        said = f"{self.asked} requests × {len(self.took_part)} ({', '.join(sorted(self.took_part))}), "
        left_out = "".join(f"\nleft out: {language}: {reason}" for language, reason in self.missing.items())
        return said + f"{self.differences} differences" + left_out


@pytest.fixture(scope="module")
def differing(tmp_path_factory: pytest.TempPathFactory) -> Differing:
    return Differing(tmp_path_factory.mktemp("lines"))


@pytest.mark.parametrize(
    "cases", [CASES, pytest.param(max(CASES, MANY), marks=[pytest.mark.slow, pytest.mark.timeout(3_600)])]
)
def test_random_sets(differing: Differing, cases: int) -> None:
    source = Random(f"{SEED} {cases}")
    began = differing.asked
    found: list[str] = []
    count = 0
    while count * A_SET < cases:
        made, resolved = _drawn(source, count % 3)
        # A service for each set would take long; the first one stands for them.
        questions = list(_questions(source, made, served=count == 0))
        with _serving(made, questions, differing.scratch / f"served{count}") if count == 0 else _nobody() as served:
            found += differing.compare(f"random{count}", resolved, questions, served)
        count += 1
    print(differing)
    assert not found, "\n\n".join(found[:5])
    assert differing.asked - began >= cases


def test_the_sample_bank(differing: Differing, tmp_path: Path) -> None:
    resolved = resolve_texts(BANK)
    cases = list(golden_cases(bundle.build(resolved)))
    grants = {grant.id: grant for case in cases for grant in case.grants}
    source = Random(SEED)
    questions = [_question_of(source, case.request, case.now, tuple(grants.values())) for case in cases]
    with _server(BANK, tuple(grants.values()), tmp_path) as served:
        found = differing.compare("bank", resolved, questions, served)
    print(differing)
    assert not found, "\n\n".join(found[:5])


def _question_of(
    source: Random, request: decision_service_pb2.DecideRequest, now: int, grants: tuple[bundle_pb2.Grant, ...]
) -> Question:
    """Return a scenario's question with something changed, so that it is no golden case any more."""
    changed = decision_service_pb2.DecideRequest.FromString(request.SerializeToString())
    held = source.choice([changed.subject.attributes, changed.resource.attributes, changed.context])
    if held:
        name = source.choice(sorted(held))
        if source.randint(0, 1):
            del held[name]
        else:
            held[name].int_value = source.randint(0, 5)
    fields = list(changed.fields)
    source.shuffle(fields)
    del changed.fields[:]
    changed.fields.extend([*fields, "nowhere"])
    return Question(changed.SerializeToString(), now, grants)


def _drawn(source: Random, size: int) -> tuple[RandomSet, ResolvedSet]:
    while True:
        made = random_set(source, size)
        found = resolve(made)
        if not isinstance(found, Refused):
            return made, found


def _questions(source: Random, made: RandomSet, *, served: bool) -> Iterator[Question]:
    grants = tuple(grant for grant in map(grant_pb, random_grants(source, made)) if not served or _can_be_served(grant))
    for _ in range(A_SET):
        request = random_request(source, made)
        # Explain takes the times that can be.
        now = min(max(request.now, 0), INT_MAX) if served else request.now
        yield Question(request.payload(), now, grants)


@contextlib.contextmanager
def _serving(made: RandomSet, questions: list[Question], folder: Path) -> Iterator[Participant]:
    policies = folder / "policies"
    policies.mkdir(parents=True)
    for name, text in made.texts.items():
        (policies / name).write_text(text)
    with _server(policies, questions[0].grants, folder) as served:
        yield served


@contextlib.contextmanager
def _server(policies: Path, grants: tuple[bundle_pb2.Grant, ...], folder: Path) -> Iterator[Participant]:
    file = folder / "grants.yaml"
    file.write_text(_grants_file(grants))
    server = start_server(policies, grants=file)
    with stopping([server]), lines.Service(server.target) as served:
        yield served


def _grants_file(grants: Iterable[bundle_pb2.Grant]) -> str:
    entries = [
        {
            "id": g.id, "kind": g.kind, "subject": g.subject_id,
            "resource": {"type": g.resource_type, "id": g.resource_id}, "fields": list(g.fields),
            "levels": list(g.levels), "not_before": format_timestamp(g.not_before_nanos),
            "expires_at": format_timestamp(g.expires_at_nanos), "approver": g.approver,
            "approver_level": g.approver_level, "scenario": g.scenario, "reason": g.reason, "evidence": g.evidence,
            **({"application": g.application} if g.application else {}),
        }
        for g in grants
    ]  # fmt: skip
    return str(yaml.safe_dump({"kind": "Grants", "grants": entries}, allow_unicode=True))


def _can_be_served(grant: bundle_pb2.Grant) -> bool:
    """Whether a grants file may hold a grant: not every random one makes sense."""
    return not load_grants("grants.yaml", _grants_file([grant]))[1].has_errors


@contextlib.contextmanager
def _nobody() -> Iterator[None]:
    yield


def _comparable(answer: Answer) -> str:
    """Return an answer as text, without what is free or the decider's own."""
    if isinstance(answer, str):
        return "refused"
    plain = decision_service_pb2.DecideResponse.FromString(answer.SerializeToString())
    plain.decision_id = ""
    plain.revision = 0
    for diagnostic in plain.diagnostics:
        diagnostic.message = ""
    return str(json_format.MessageToJson(plain, sort_keys=True, ensure_ascii=False, indent=None))


def _story(name: str, question: Question, answers: dict[str, str]) -> str:
    request = decision_service_pb2.DecideRequest.FromString(question.request)
    said = "\n".join(f"  {who:10} {answer}" for who, answer in answers.items())
    return f"{name}, now {question.now}:\n{request}\n{said}"
