"""Callers files: what is wrong with one, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdp.errors import CallersFileError, PolicyError
from pdp.lang.loader import load_callers, load_texts
from pdp.server import callers
from pdp.server.callers import Registry
from pdp.server.peers import Peer

TOKEN = "jx_" + "t" * 43


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"kind: Callers\ncallers: [1]\n", PolicyError), (b"\xff", CallersFileError), (None, FileNotFoundError)],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: bytes | None, error: type[Exception]) -> None:
    path = tmp_path / "callers.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error):
        Registry.load(path)


def caller(**changes: str) -> str:
    keys = {"name": "a", "certificates": '["cn:a"]', "applications": '["*"]', "subjects": '["*"]'} | changes
    lines = [f"{key}: {value}" for key, value in keys.items() if value]
    return "kind: Callers\ncallers:\n  - " + "\n    ".join(lines) + "\n"


PROBLEMS = {
    "nothing to know it by": (caller(certificates=""), "3:5 missing-key"),
    "no applications": (caller(applications=""), "3:5 missing-key"),
    "an empty list": (caller(applications="[]"), "5:19 bad-value"),
    "no subjects": (caller(subjects="[]"), "6:15 bad-value"),
    "an unknown key": (caller(subject="[a]"), "7:5 unknown-key"),
    "bundles that are no flag": (caller(bundles="maybe"), "7:14 wrong-type"),
    "reports that are no flag": (caller(reports="[]"), "7:14 wrong-type"),
    "a bad name": (caller(name="A b"), "3:11 bad-id"),
    "a bad application": (caller(applications="[A]"), "5:20 bad-id"),
    "a star in the middle": (caller(subjects='["T*1"]'), "6:16 bad-value"),
    "an empty subject": (caller(subjects='[""]'), "6:16 bad-value"),
    "a certificate without kind": (caller(certificates="[counter]"), "4:20 bad-value"),
    "a wildcard certificate": (caller(certificates='["dns:*.bank"]'), "4:20 bad-value"),
    "a certificate twice": (caller(certificates='["dns:a", "dns:A"]'), "4:29 duplicate-value"),
    "an unknown call": (caller(calls="[decid]"), "7:13 bad-value"),
    "a slow rate": (caller(rate="{per_second: 0}"), "7:24 bad-value"),
    "a token that is none": (caller(tokens="[3]"), "7:14 wrong-type"),
    "a short hash": (caller(tokens="[{id: a, sha256: ab}]"), "7:30 bad-value"),
    "a hash in capitals": (caller(tokens=f'[{{id: a, sha256: "{"A" * 64}"}}]'), "7:30 bad-value"),
    "a hash of digits": (caller(tokens=f"[{{id: a, sha256: {'1' * 64}}}]"), ""),
    "a hash twice": (
        caller(tokens=f'[{{id: a, sha256: "{"a" * 64}"}}, {{id: b, sha256: "{"a" * 64}"}}]'),
        "7:115 duplicate-value",
    ),
    "an id twice": (
        caller(tokens=f'[{{id: a, sha256: "{"a" * 64}"}}, {{id: a, sha256: "{"b" * 64}"}}]'),
        "7:104 duplicate-id",
    ),
    "a name twice": (caller() + '  - {name: a, certificates: ["cn:b"], applications: ["*"], subjects: ["*"]}\n',
                     "7:12 duplicate-id"),
    "no document": ("", "1:1 missing-key"),
    "another kind": ("kind: Caller\ncallers: []\n", "1:7 unknown-kind"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_problems_of_a_file_have_places(text: str, problem: str) -> None:
    specs, diagnostics = load_callers("callers.yaml", text)
    found = [f"{item.span.line}:{item.span.column} {item.code}" for item in diagnostics.sorted()]
    assert found == ([problem] if problem else [])
    assert len(specs) == (0 if problem and "7:12" not in problem else 1)


@pytest.mark.parametrize(
    "tokens", [f"[{TOKEN}]", f"[{{id: a, sha256: {TOKEN}}}]", f'[{{id: "{TOKEN}", sha256: "{"a" * 64}"}}]']
)
def test_a_token_in_the_wrong_place_is_not_repeated(tokens: str) -> None:
    specs, diagnostics = load_callers("callers.yaml", caller(tokens=tokens))
    assert not specs
    (found,) = diagnostics.sorted()
    assert TOKEN not in found.message + found.hint
    assert "no secret any more" in found.hint


@pytest.mark.parametrize(
    ("more", "bundles", "reports"),
    [({}, False, True), ({"bundles": "true"}, True, True), ({"bundles": "false", "reports": "false"}, False, False)],
)
def test_bundles_are_asked_for_and_reports_are_not(more: dict[str, str], bundles: bool, reports: bool) -> None:
    (spec,) = load_callers("callers.yaml", caller(**more))[0]
    made = Registry.deserialize(Registry([spec]).serialize()).identify(Peer(None, ("cn:a",)))
    assert (made.bundles, made.reports) == (bundles, reports)


def test_callers_are_not_part_of_a_policy_set() -> None:
    (found,) = load_texts({"callers.yaml": caller()})[1].sorted()
    assert found.hint == "callers are not part of a policy set; keep them in a file of their own outside it"


def test_the_words_of_calls_are_those_of_the_loader() -> None:
    for word in callers.CALLS:
        assert load_callers("callers.yaml", caller(calls=f"[{word}]"))[0][0].calls == (word,)
