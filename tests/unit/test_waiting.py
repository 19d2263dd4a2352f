"""Whose access ends, and how `pdp status` says what waits for people."""

from __future__ import annotations

from typing import Any

import pytest

from pdp.cli.status import _access, _people
from pdp.lang.loader.callers import CallerSpec, TokenSpec
from pdp.server.token_uses import MOST, TokenUses
from pdp.server.waiting import access_ends

DAY = 86_400 * 10**9
NOW = 20_000 * DAY


def caller(name: str, *ends: int | None, certificates: tuple[str, ...] = (), **more: Any) -> CallerSpec:
    """A caller with a token for each number of days from now, None for one that never ends."""
    tokens = tuple(
        TokenSpec(f"t{number}", "0" * 64, None if days is None else NOW + days * DAY)
        for number, days in enumerate(ends)
    )
    return CallerSpec(name, certificates, tokens, ("*",), ("*",), **more)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (caller("a", 3), (3, False)),
        (caller("a", 14), (14, False)),
        (caller("a", 15), None),
        (caller("a", -1), (-1, True)),
        (caller("a", 0), (0, True)),
        # The last of several counts: the others were replaced by it.
        (caller("a", -30, 3), (3, False)),
        (caller("a", 3, 300), None),
        (caller("a", 3, None), None),
        (caller("a"), None),
        (caller("a", 3, certificates=("dns:x",)), (3, False)),
        (caller("a", -3, certificates=("dns:x",)), None),
        (caller("a", 3, disabled=True), None),
    ],
)
def test_whose_access_ends(found: CallerSpec, told: tuple[int, bool] | None) -> None:
    ending = access_ends([found], NOW)
    assert [(item["seconds"] * 1e9 / DAY, item["over"]) for item in ending] == ([] if told is None else [told])


def test_who_is_the_first_to_end_stands_first() -> None:
    ending = access_ends([caller("b", 5), caller("d", -9), caller("a", 5), caller("c", 900)], NOW)
    assert [item["caller"] for item in ending] == ["d", "a", "b"]


def test_a_token_that_is_turned_off_gives_no_access() -> None:
    off = TokenSpec("off", "0" * 64, None, disabled=True)
    spec = CallerSpec("a", (), (off, TokenSpec("t", "1" * 64, NOW + DAY)), ("*",), ("*",))
    assert [item["seconds"] for item in access_ends([spec], NOW)] == [86_400]


def test_which_tokens_of_a_rotation_are_still_used() -> None:
    uses, hour = TokenUses(NOW), 3600 * 10**9
    later = NOW + hour
    off = TokenSpec("off", "0" * 64, None, disabled=True)
    callers = [
        caller("alone", None), caller("rotating", 300, 30), caller("over", 300, -1),
        caller("stopped", None, None, disabled=True), CallerSpec("b", (), (off, off), ("*",), ("*",)),
    ]  # fmt: skip
    uses.note("rotating", "t1", NOW + hour // 2)
    uses.note("alone", "t0", later)

    def told(now: int) -> list[tuple[str, str, float]]:
        return [(use["caller"], use["token"], use["unused"]) for use in uses.rotating(callers, now)]

    # The one that was never shown was not for as long as anybody has looked.
    assert told(later) == [("rotating", "t0", 3600), ("rotating", "t1", 1800)]
    # A clock that was set back makes no time negative.
    assert told(NOW - 1) == [("rotating", "t0", 0), ("rotating", "t1", 0)]
    callers = [caller("rotating", 300)]
    assert told(later) == []
    # One that comes anew under the same name is another token.
    callers = [caller("rotating", 300, 30)]
    assert told(later) == [("rotating", "t0", 3600), ("rotating", "t1", 3600)]
    callers = [caller(f"c{number}", None, None) for number in range(MOST)]
    assert len(told(later)) == MOST


def people(anomalies: dict[str, Any], throttled: int = 0, **reviews: int) -> dict[str, Any]:
    return {"throttled": throttled, "waiting": {"anomalies": anomalies, "reviews": reviews, "look_age_seconds": 1.0}}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"throttled": 0, "waiting": None}, "not looked yet what waits"),
        (people({}, confirmed=4), "nothing waits"),
        (people({}, throttled=3), "nothing waits, 3 sign-ins had to wait"),
        (people({}, overdue=2, due=1), "2 rights OVERDUE for a review, 1 rights due for one"),
        (
            people({"emergency_publication": {"count": 1, "age_seconds": 7500}}),
            "1 EMERGENCY PUBLICATIONS not reviewed for 2 h 5 min",
        ),
        (
            people({"new_device": {"count": 2, "age_seconds": 60}, "odd_hour": {"count": 1, "age_seconds": 90}}),
            "3 ANOMALIES not reviewed for 1 min 30 s (2 new_device, 1 odd_hour)",
        ),
    ],
)
def test_what_waits_in_words(told: dict[str, Any], words: str) -> None:
    assert _people(told) == words


def test_whose_access_ends_in_words() -> None:
    soon = _access({"caller": "counter", "seconds": 86_400.0, "over": False})
    assert soon == "counter: its last token ends in 1 d 0 h"
    gone = _access({"caller": "old", "seconds": -60.0, "over": True})
    assert gone == "old: its last token HAS ENDED 1 min 0 s ago, so it cannot call"
