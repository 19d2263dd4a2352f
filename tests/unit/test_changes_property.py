"""What a comparison says of two texts against what the engine decides by each."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import NamedTuple

import yaml
from hypothesis import given, settings

from pdp.control.changes import compare
from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.errors import RequestError
from pdp.v1 import bundle_pb2, control_pb2, decision_service_pb2, types_pb2
from tests.reference.compare import Refused, resolve, some_requests
from tests.reference.random_edits import edited
from tests.reference.random_requests import random_grants
from tests.reference.random_sets import RandomSet, random_set
from tests.reference.request import Grants, Request
from tests.strategies import PROPERTY, examples, sources

REQUESTS = 30
SETS = 30


class Verdicts(NamedTuple):
    """What was decided of a field: its effect, and the mask's algorithm with its parameters."""

    effect: int
    mask: bytes


def sources_of(made: RandomSet) -> control_pb2.Sources:
    return control_pb2.Sources(
        files=[control_pb2.PolicyFile(path=path, text=text) for path, text in sorted(made.texts.items())]
    )


def built(made: RandomSet) -> bundle_pb2.SignedBundle | None:
    found = resolve(made)
    return None if isinstance(found, Refused) else bundle.build(found)


def decided(program: Program, request: Request) -> dict[str, Verdicts] | None:
    """Return the verdicts by field, None for a request that is refused."""
    try:
        payload = program.decide(request.payload(), request.now)
    except RequestError:
        return None
    response = decision_service_pb2.DecideResponse.FromString(payload)
    found = {}
    for verdict in response.verdicts:
        mask = types_pb2.Mask()
        if verdict.effect == types_pb2.EFFECT_MASK:
            mask.CopyFrom(response.masks[verdict.mask])
            mask.name = ""
        found[verdict.field] = Verdicts(verdict.effect, mask.SerializeToString(deterministic=True))
    return found


def differences(
    source: Random, made: RandomSet, other: RandomSet, seen: Counter[str] | None = None
) -> list[str] | None:
    """Return where the comparison says too little; None for sets that `check` refuses."""
    signed = built(made), built(other)
    if signed[0] is None or signed[1] is None:
        return None
    changes = compare(
        sources_of(made),
        sources_of(other),
        bundle_before=bundle.parse(signed[0]),
        bundle_after=bundle.parse(signed[1]),
    )
    grants = Grants(random_grants(source, made))
    before, after = (Program.from_bundle(one, grants=grants) for one in signed if one is not None)
    listed = {field for change in changes.meaning for field in change.fields}
    unmasked = {field for change in changes.meaning if change.may_unmask for field in change.fields}
    wrong = []
    for request in some_requests(source, made, REQUESTS):
        old, new = decided(before, request), decided(after, request)
        if old is None or new is None:
            continue
        for field in old.keys() & new.keys():
            if old[field] == new[field]:
                continue
            shown = old[field].effect == types_pb2.EFFECT_MASK and new[field].effect == types_pb2.EFFECT_UNMASK
            if seen is not None:
                seen["shown" if shown else "other"] += 1
            if field not in listed or (shown and field not in unmasked):
                wrong.append(f"{field}: {old[field]} → {new[field]} for {request}: {changes.meaning}")
    if seen is not None:
        seen["sets"] += 1
        seen["changed"] += bool(changes.meaning)
        seen["careful"] += bool(unmasked)
    return wrong


@settings(PROPERTY, max_examples=examples(15))
@given(source=sources())
def test_every_verdict_that_changes_is_told(source: Random) -> None:
    made = random_set(source, 1)
    found = differences(source, made, edited(source, made, source.randint(1, 3)))
    assert not found, found


def test_random_edits_reach_what_they_should() -> None:
    seen: Counter[str] = Counter()
    for number in range(SETS):
        source = Random(f"edits/{number}")
        made = random_set(source, 1)
        found = differences(source, made, edited(source, made, source.randint(1, 3)), seen)
        assert not found, (number, found)
    assert seen["sets"] >= SETS // 3, seen
    assert seen["shown"] >= 20, seen
    assert seen["other"] >= 20, seen
    # Said of everything, it would be worth nothing.
    assert seen["careful"] < seen["changed"] < seen["sets"], seen


@settings(PROPERTY, max_examples=examples(5))
@given(source=sources())
def test_laying_files_out_anew_changes_no_meaning(source: Random) -> None:
    made = random_set(source, 1)
    first = built(made)
    if first is None:
        return
    documents = [document for text in made.texts.values() for document in yaml.safe_load_all(text)]
    source.shuffle(documents)
    texts = {f"moved/{i}.yaml": "# moved\n" + yaml.safe_dump(d, width=40) for i, d in enumerate(documents)}
    moved = RandomSet(texts, made.attributes, made.fields, made.never_unmask, made.messages)
    second = built(moved)
    assert second is not None
    changes = compare(
        sources_of(made), sources_of(moved), bundle_before=bundle.parse(first), bundle_after=bundle.parse(second)
    )
    assert not changes.meaning
    assert {file.path for file in changes.files} == made.texts.keys() | texts.keys()
