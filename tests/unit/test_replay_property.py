"""Replays against the obvious: the original requests, decided by the candidate."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import Any
from unittest import mock

import pytest
import yaml
from hypothesis import given, settings

from pdp.engine import bundle as bundles
from pdp.engine.grants import named_applications
from pdp.engine.program import Program
from pdp.engine.recording import Notes
from pdp.errors import RequestError
from pdp.snapshot.recorder import recorder
from pdp.snapshot.replay import sieve
from pdp.snapshot.replay.candidate import COVERAGE, Candidate
from pdp.snapshot.replay.origin import Mask, Origin, mask_of
from pdp.snapshot.replay.recorded import Result
from pdp.snapshot.replay.replayer import Replayer
from pdp.snapshot.resource_keys import ResourceKeys
from pdp.v1 import bundle_pb2, decision_service_pb2, types_pb2
from pdp.values import INT_MAX, INT_MIN
from tests.reference.compare import Refused, resolve, some_requests
from tests.reference.random_edits import edited
from tests.reference.random_requests import random_grants
from tests.reference.random_sets import RandomSet, random_set
from tests.reference.replaying import ObviousReplayer
from tests.reference.request import Grants, Request
from tests.strategies import PROPERTY, sources

KEYS = ResourceKeys({"k1": b"0" * 32})
NUMBERS = frozenset({"int", "double", "timestamp", "duration"})
OWN = ("subject.id", "subject.roles", "action.name", "resource.type", "resource.id")
REQUESTS = 12
Said = dict[str, Mask | None]


def recorded(source: Random, made: RandomSet, *, full: bool) -> RandomSet:
    """Return a set that keeps its attributes in all ways at random, or all in full."""
    documents = [document for text in made.texts.values() for document in yaml.safe_load_all(text)]
    for document in documents:
        if document["kind"] != "Attributes":
            continue
        attributes = document["attributes"]
        if full:
            attributes.setdefault("resource.id", {})["record"] = "full"
        for name in OWN:
            if not full and source.randint(0, 3) == 0:
                attributes.setdefault(name, {})["record"] = source.choice(["hash", "none", "full"])
        for name, attribute in attributes.items():
            if name not in OWN:
                modes = ["full", "hash", "none", *(["bucket"] * 3 if attribute["type"] in NUMBERS else [])]
                attribute["record"] = "full" if full else source.choice(modes)
    texts = {f"{n}.yaml": yaml.safe_dump(d, allow_unicode=True, sort_keys=False) for n, d in enumerate(documents)}
    return dataclasses.replace(made, texts=texts)


def compiled(made: RandomSet) -> bundle_pb2.SignedBundle | None:
    resolved = resolve(made)
    return None if isinstance(resolved, Refused) else bundles.build(resolved)


def verdicts(program: Program, request: decision_service_pb2.DecideRequest, fields: tuple[str, ...], now: int) -> Said:
    """Return the mask of each field, None where it is shown. The request is for these fields, whatever it says."""
    outcome, _ = program.outcome(
        request.subject, request.action, request.resource, request.context, now, request.grant_ids, fields,
        declared=True, applications=named_applications(request.context, request),
    )  # fmt: skip
    answer = decision_service_pb2.DecideResponse.FromString(outcome.body)
    return {
        verdict.field: None if verdict.effect == types_pb2.EFFECT_UNMASK else mask_of(answer.masks[verdict.mask])
        for verdict in answer.verdicts
    }


@dataclasses.dataclass
class Case:
    """Requests, their records by one bundle, and what a candidate says."""

    recording: bundle_pb2.SignedBundle
    candidate: bundle_pb2.SignedBundle
    grants: Grants

    def bodies(self, requests: list[Request]) -> list[bytes]:
        """Return the records of the requests that were decided."""
        notes = Notes()
        recording = Program.from_bundle(self.recording, grants=self.grants, recorder=recorder(KEYS))
        for request in requests:
            if INT_MIN <= request.now <= INT_MAX:
                with suppress(RequestError):
                    recording.decide(request.message_pb().SerializeToString(), request.now, None, notes)
        return [body for _, body in notes.take()]

    def results(self, requests: list[Request]) -> Iterator[tuple[Said, Said, Result]]:
        """Yield what was said of a request, what the candidate says of it, and what a replay says."""
        notes = Notes()
        recording = Program.from_bundle(self.recording, grants=self.grants, recorder=recorder(KEYS))
        plain = Program.from_bundle(self.recording, grants=self.grants)
        candidate = Program.from_bundle(self.candidate, grants=self.grants)
        origin = Origin(plain.bundle)
        replayer = Replayer(Candidate(self.candidate), lambda _: origin)
        for request in requests:
            if not INT_MIN <= request.now <= INT_MAX:
                continue  # a record cannot tell such a time
            message = request.message_pb()
            try:
                recording.decide(message.SerializeToString(), request.now, None, notes)
            except RequestError:
                continue
            # The fields that a message had then are decided, whatever it has now.
            fields = plain.requested_fields(message)
            [(_, record)] = notes.take()
            before = verdicts(plain, message, fields, request.now)
            after = verdicts(candidate, message, fields, request.now)
            for _ in range(2):  # the second time it may be remembered
                yield before, after, replayer.replay(record)[1]


def truthful(before: Said, after: Said, result: Result) -> bool:
    """Whether all that a replay claims is so."""
    changes = {change.field: change for change in result.changes}
    return set(changes) <= set(result.decided) <= set(before) and all(
        (before[field] != after[field]) is (field in changes)
        and (
            field not in changes
            or (changes[field].before.mask, changes[field].after.mask) == (before[field], after[field])
        )
        for field in result.decided
    )


def case(source: Random, *, full: bool, edits: int) -> tuple[Case, list[Request]] | None:
    made = recorded(source, random_set(source, 1), full=full)
    recording = compiled(made)
    candidate = compiled(edited(source, made, edits)) if edits else recording
    if recording is None or candidate is None:
        return None
    grants = Grants(random_grants(source, made))
    return Case(recording, candidate, grants), some_requests(source, made, REQUESTS)


class TestReplays:
    @settings(PROPERTY, max_examples=40)
    @given(source=sources())
    def test_whatever_is_claimed_is_true_of_the_original_request(self, source: Random) -> None:
        made = case(source, full=False, edits=source.randint(0, 4))
        if made is None:
            return
        for before, after, result in made[0].results(made[1]):
            assert truthful(before, after, result)
            # A field is decided, or something lacks.
            assert result.lacks or set(result.decided) == set(before)

    @settings(PROPERTY, max_examples=25)
    @given(source=sources())
    def test_where_all_is_kept_all_is_decided(self, source: Random) -> None:
        made = case(source, full=True, edits=source.randint(0, 4))
        if made is None:
            return
        for before, after, result in made[0].results(made[1]):
            assert truthful(before, after, result)
            # What a grant covered is not recorded, nor what the set that recorded did not declare.
            assert result.lacks <= {COVERAGE} | _undeclared(made[0])
            if not result.lacks:
                assert set(result.decided) == set(before)

    @settings(PROPERTY, max_examples=25)
    @given(source=sources())
    def test_the_same_set_changes_nothing(self, source: Random) -> None:
        made = case(source, full=False, edits=0)
        if made is None:
            return
        for _, _, result in made[0].results(made[1]):
            assert not result.changes

    @settings(PROPERTY, max_examples=20)
    @given(source=sources())
    def test_records_that_were_met_before_come_to_the_same_as_alone(self, source: Random) -> None:
        made = case(source, full=False, edits=source.randint(0, 4))
        if made is None:
            return
        origin = Origin(bundles.parse(made[0].recording))
        replayer, obvious = Replayer(Candidate(made[0].candidate), lambda _: origin), None
        with mock.patch.object(sieve, "_CROWD", source.choice([0, 1, 2, 100])):
            for body in made[0].bodies([*made[1], *made[1]]):
                obvious = obvious or ObviousReplayer(made[0].candidate, origin)
                place, result = replayer.replay(body)
                assert (place, (result.decided, result.changes, result.lacks)) == obvious.replay(body)

    @pytest.mark.parametrize("edits", [0, 1, 3])
    def test_random_cases_come_to_all_ends(self, edits: int) -> None:
        found: Counter[Any] = Counter()
        for number in range(12):
            made = case(Random(f"replay-{edits}-{number}"), full=False, edits=edits)
            if made is None:
                continue
            for before, after, result in made[0].results(made[1]):
                assert truthful(before, after, result)
                found["undecidable" if result.undecidable else "changed" if result.changes else "unchanged"] += 1
                found["fields"] += len(before)
                found["decided"] += len(result.decided)
        assert found["unchanged"]
        assert found["decided"] > 0.5 * found["fields"]
        if edits:
            assert found["changed"]
            assert found["undecidable"]


def _undeclared(made: Case) -> set[str]:
    names = [
        {attribute.name for attribute in bundles.parse(signed).attributes}
        for signed in (made.candidate, made.recording)
    ]
    return names[0] - names[1]
