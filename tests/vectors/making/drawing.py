"""Draws random policy sets and requests, once: what is drawn is kept as text and stays what it is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

from pdp.engine import bundle
from tests.reference.compare import Refused, resolve
from tests.reference.random_requests import random_grants, random_request
from tests.reference.random_sets import RandomSet, random_set
from tests.reference.request import grant_pb
from tests.vectors.making.sets import Case
from tests.vectors.making.text import compact

SETS = 24
CASES = 15
MAX_BUNDLE = 64 * 1024
FIRST, LAST = -62_135_596_800, 253_402_300_799
"""The seconds that a Timestamp in JSON may have."""


def draw(folder: Path) -> None:
    """Write the sets `random-01` and so on, each with policies.yaml and cases.json."""
    for old in folder.glob("random-*"):
        shutil.rmtree(old)
    drawn = _sets()
    for number in range(1, SETS + 1):
        name = f"random-{number:02}"
        made, source = next(drawn)
        (folder / name).mkdir()
        (folder / name / "policies.yaml").write_text("---\n".join(made.texts.values()))
        write_cases(folder / name / "cases.json", list(_cases(name, made, source)))


def write_cases(path: Path, cases: list[Case]) -> None:
    """Write cases one a line."""
    lines = ",\n".join(compact(case.as_json()) for case in cases)
    path.write_text(f"[\n{lines}\n]\n")


def _sets() -> Iterator[tuple[RandomSet, Random]]:
    """Yield sets that the check accepts, each with its own source of chance."""
    seed = 0
    while True:
        seed += 1
        source = Random(f"jingxi vectors {seed}")
        made = random_set(source, seed % 3)
        made = RandomSet({"policies.yaml": "---\n".join(made.texts.values())}, *_rest(made))
        found = resolve(made)
        if not isinstance(found, Refused) and len(bundle.build(found).bundle) <= MAX_BUNDLE:
            yield made, source


def _rest(made: RandomSet) -> tuple[object, ...]:
    return made.attributes, made.fields, made.never_unmask, made.messages


def _cases(name: str, made: RandomSet, source: Random) -> Iterator[Case]:
    grants = tuple(map(grant_pb, random_grants(source, made)))
    count = 0
    while count < CASES:
        request = random_request(source, made)
        # What JSON cannot write is left to the differential test.
        if any(
            given.type == "timestamp" and not FIRST <= given.value // 10**9 <= LAST
            for given in request.attributes.values()
        ):
            continue
        count += 1
        message = request.message_pb()
        message.request_id = f"r{count}"
        named = tuple(grant for grant in grants if grant.id in request.grant_ids)
        yield Case(f"{name}/{count:02}", request.now, message, named)
