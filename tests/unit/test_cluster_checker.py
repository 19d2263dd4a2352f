"""The checker of the cluster's runs notices what must not be, and the figures are what they say."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import pytest

from pdp.engine import bundle
from pdp.engine.program import Program
from pdp.lang.check import check
from pdp.lang.loader import load_texts
from pdp.server import golden
from pdp.server.grants import GrantTable
from pdp.v1 import bundle_pb2, decision_service_pb2
from tests.cluster.checker import SETTLING, Judged, Published, back, judge
from tests.cluster.history import STALE, Call, History, Publication, Seen, Skew, Told, away
from tests.cluster.variants import PATH, broken, family, message, questions, variant

QUESTIONS = questions(7, 30)
HOUR = 3_600
# Half past five in the afternoon in Shanghai: an hour later the sample bank is closed.
OPEN = 1_772_443_800 * 10**9


@lru_cache
def compiled(number: int) -> tuple[bundle_pb2.SignedBundle, Program]:
    loaded, diagnostics = load_texts(variant(number))
    found = check(loaded, diagnostics, analyse=False)
    assert found is not None
    signed = bundle.build(found)
    return signed, Program.from_bundle(signed, grants=GrantTable())


def published(*numbers: int) -> dict[int, Published]:
    return {number: Published(compiled(number)[0].hash, variant(number)) for number in numbers}


def told(history: History, revision: int, question: int, *, at: float = 0.0, node: str = "n1", now: int = OPEN) -> Told:
    """Return an answer as the engine gives it."""
    signed, program = compiled(revision)
    payload = message(QUESTIONS[question], "r", 0).SerializeToString()
    response = decision_service_pb2.DecideResponse.FromString(program.decide(payload, now))
    return Told(
        node=node, sent=at, received=at + 0.1, sent_nanos=OPEN, question=question, request_id="r",
        decision_id=f"{node}-{at}-{question}", revision=revision, policy_hash=signed.hash, floor=0,
        decision=history.decision(response),
    )  # fmt: skip


def right(*revisions: int) -> History:
    """Return a history without a fault: every question by each revision, one after the other."""
    history = History()
    for turn, revision in enumerate(revisions):
        for place in range(len(QUESTIONS)):
            history.tell(told(history, revision, place, at=10.0 * turn + place / 10))
    return history


def look(history: History, *numbers: int) -> Judged:
    return judge(history, QUESTIONS, published(*(numbers or (1, 2))))


def test_variants_hold_the_samples_golden_cases_and_answer_otherwise() -> None:
    for number in range(1, 8):
        grants = GrantTable()
        golden.verify(Program.from_bundle(compiled(number)[0], grants=grants), grants)
    history = History()
    for place in range(len(QUESTIONS)):
        one, other = told(history, 1, place).decision, told(history, 2, place).decision
        assert one != other
    effects = {verdict.effect for place in range(30) for verdict in told(history, 1, place).decision.verdicts}
    assert effects == {"unmask", "mask"}


def test_every_variant_has_a_good_text() -> None:
    # A mask that shows nothing at either end is an error.
    assert not [number for number in range(35) if "prefix: 0, suffix: 0" in variant(number)[PATH]]
    for number in (0, 35, 70):
        assert compiled(number)[0].hash


def test_a_broken_text_has_errors() -> None:
    loaded, diagnostics = load_texts(broken())
    assert check(loaded, diagnostics, analyse=False) is None


def test_questions_of_a_family_differ_in_what_items_of_a_batch_may() -> None:
    for place in range(len(QUESTIONS)):
        first = QUESTIONS[family(place, len(QUESTIONS))[0]]
        one = QUESTIONS[place]
        same = replace(one, resource_id=first.resource_id, fields=first.fields, attributes=first.attributes)
        assert same == first
        for name, given in one.attributes.items():
            assert name.startswith("resource.") or first.attributes[name] == given


def test_a_right_history_has_nothing_wrong() -> None:
    found = look(right(1, 2))
    assert found.wrong == []
    assert (found.answers, found.revisions, found.widest) == (60, 2, 0.0)
    assert found.distinct >= 60


def test_an_answer_by_another_revision_than_it_names_is_noticed() -> None:
    history = right(1, 2)
    history.told[3] = history.told[3]._replace(decision=history.told[33].decision)
    assert look(history).kinds["wrong_decision"] == 1


def test_a_field_that_no_rule_shows_is_noticed() -> None:
    history = right(1)
    place, hidden = next(
        (place, item) for place, item in enumerate(history.told) for v in item.decision.verdicts if v.effect == "mask"
    )  # fmt: skip
    verdicts = tuple(replace(v, effect="unmask", mask=None) for v in hidden.decision.verdicts)
    history.told[place] = hidden._replace(decision=replace(hidden.decision, verdicts=verdicts))
    kinds = look(history).kinds
    assert kinds == {"wrong_decision": 1, "unmasked": 1}


def test_a_field_that_is_masked_too_much_is_wrong_but_not_unmasked() -> None:
    history = right(1)
    place, shown = next(
        (place, item) for place, item in enumerate(history.told) for v in item.decision.verdicts if v.effect == "unmask"
    )  # fmt: skip
    verdicts = tuple(replace(v, effect="mask", mask=("", "full", ())) for v in shown.decision.verdicts)
    history.told[place] = shown._replace(decision=replace(shown.decision, verdicts=verdicts))
    assert look(history).kinds == {"wrong_decision": 1}


def test_a_revision_that_nobody_published_is_noticed() -> None:
    history = right(1, 2)
    history.planted[2] = "its signature is wrong"
    found = look(history, 1)
    assert found.kinds == {"unpublished": 30}
    assert "its signature is wrong" in found.wrong[0].what


def test_another_text_under_a_published_number_is_noticed() -> None:
    history = right(1, 2)
    found = judge(history, QUESTIONS, {1: published(1)[1], 2: Published("00" * 32, variant(2))})
    assert found.kinds == {"wrong_hash": 30}


def test_an_answer_below_the_revision_that_was_asked_for_is_noticed() -> None:
    history = right(1, 2)
    history.told[3] = history.told[3]._replace(floor=2)
    history.told[33] = history.told[33]._replace(floor=2)
    assert look(history).kinds == {"below_floor": 1}


def test_that_policies_may_be_old_is_kept_apart_from_what_they_mean() -> None:
    history = History()
    item = told(history, 1, 0)
    said = (*item.decision.diagnostics, (STALE, "", ()))
    history.tell(item._replace(decision=replace(item.decision, diagnostics=said)))
    history.tell(item._replace(decision_id="other"))
    assert [told.stale for told in history.told] == [True, False]
    assert look(history).wrong == []


def test_a_node_that_goes_back_is_noticed() -> None:
    history = right(1, 2)
    history.tell(told(history, 1, 0, at=20))
    found = look(history)
    assert found.kinds == {"went_back": 1}
    # Another node may be behind.
    history = right(1, 2)
    history.tell(told(history, 1, 0, at=20, node="n2"))
    assert look(history).wrong == []


def test_workers_may_change_one_after_the_other_and_calls_overlap() -> None:
    history = History()
    high = told(history, 2, 0, at=10)
    overlapping = told(history, 1, 1, at=10.05)
    soon = told(history, 1, 2, at=10.1 + SETTLING / 2)
    late = told(history, 1, 3, at=10.2 + SETTLING)
    assert back([high, overlapping], SETTLING) == ([], 0.0)
    found, widest = back([high, overlapping, soon], SETTLING)
    assert not found
    assert widest == pytest.approx(SETTLING / 2)
    found, _ = back([high, late], SETTLING)
    assert [item.kind for item in found] == ["went_back"]


def test_many_steps_up_do_not_hide_a_step_back() -> None:
    """Each higher revision is told shortly before: the first one that was told counts, not the last."""
    history = History()
    answers = [told(history, 2, 0, at=0), told(history, 3, 0, at=9.9), told(history, 1, 1, at=10.1)]
    assert [item.kind for item in back(answers, SETTLING)[0]] == ["went_back"]


def test_an_id_of_two_answers_is_noticed() -> None:
    history = right(1)
    history.told[3] = history.told[3]._replace(decision_id=history.told[4].decision_id)
    assert look(history).kinds == {"repeated_id": 1}


def test_a_node_that_says_it_went_back_is_noticed_over_restarts() -> None:
    history = right(1)
    states = [("n1", "a", 5), ("n2", "b", 3), ("n1", "c", 0), ("n1", "c", 5), ("n1", "d", 4), ("n2", "b", 4)]
    history.seen += [Seen(at, node, boot, number, 0, "") for at, (node, boot, number) in enumerate(states)]
    found = look(history)
    assert [(item.kind, item.about, item.at) for item in found.wrong] == [("state_back", "n1", 4)]


def test_publications_that_are_gone_or_there_twice_are_noticed() -> None:
    history = right(1)
    good = compiled(1)[0].hash
    history.publications += [Publication(1, good, 1, 0, 1), Publication(9, good, 9, 2, 3)]
    assert look(history).kinds == {"lost_revision": 1}
    history.publications[1] = Publication(1, "00" * 32, 2, 2, 3)
    assert look(history).kinds == {"lost_revision": 1, "same_number": 1}


def test_a_clock_that_is_beside_counts_for_its_node_and_its_time_alone() -> None:
    later = OPEN + HOUR * 10**9
    history = History()
    # Every answer tells the hour.
    assert all(told(history, 1, p).decision != told(history, 1, p, now=later).decision for p in range(30))
    place = 0
    history.tell(told(history, 1, place, at=5, now=later))
    assert look(history).kinds["wrong_decision"] == 1
    history.skews.append(Skew("n1", 4, 6, HOUR))
    assert (look(history).wrong, look(history).by_clock) == ([], 1)
    history.skews[0] = replace(history.skews[0], node="n2")
    assert look(history).kinds["wrong_decision"] == 1
    history.skews[0] = Skew("n1", 7, 9, HOUR)
    assert look(history).kinds["wrong_decision"] == 1


def test_seconds_without_an_answer() -> None:
    calls = [
        Call("n1", 0.0, 0.1, "OK"), Call("n1", 1.0, 0.5, "UNAVAILABLE"), Call("n1", 2.0, 1.0, "DEADLINE_EXCEEDED"),
        Call("n1", 2.5, 0.1, "OK", True), Call("n1", 4.0, 0.05, "FAILED_PRECONDITION", True),
        Call("n1", 3.0, 0.25, "OK"), Call("n1", 4.0, 0.1, "OK"), Call("n1", 5.0, 0.5, "UNAVAILABLE"),
    ]  # fmt: skip
    assert away(calls[:1]) == 0.0
    assert away(calls[:7]) == pytest.approx(2.25)
    assert away(calls) == pytest.approx(2.75)
    assert away([]) == 0.0
    # Beside a call that fails others are answered.
    beside = [Call("any", 0.0, 0.5, "DEADLINE_EXCEEDED"), *(Call("any", at / 10, 0.02, "OK") for at in range(10))]
    assert away(beside) == pytest.approx(0.1)


def test_a_history_knows_when_a_node_reached_a_revision() -> None:
    history = right(1, 2)
    assert history.reached("n1", 1) == pytest.approx(0.1)
    assert history.reached("n1", 2) == pytest.approx(10.1)
    assert history.reached("n1", 3) is None
    assert history.reached("n2", 1) is None
    assert history.highest("n1") == 2


def test_equal_questions_at_one_revision_and_minute_are_judged_once() -> None:
    history = right(1)
    for turn in range(100):
        for place in range(len(QUESTIONS)):
            item = told(history, 1, place, at=float(turn))
            history.tell(item._replace(decision_id=f"{turn}-{place}"))
    found = look(history, 1)
    assert found.wrong == []
    assert found.answers == 101 * len(QUESTIONS)
    assert found.distinct <= 2 * len(QUESTIONS)
