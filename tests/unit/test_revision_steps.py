"""Steps of drafts and revisions: how many are kept, and how times are told."""

from __future__ import annotations

from pdp.control.steps import MAX_STEPS, last_steps, moment
from pdp.v1 import control_pb2


def steps(count: int, reason: str = "") -> list[control_pb2.Step]:
    return [control_pb2.Step(actor=str(number), reason=reason) for number in range(count)]


def test_the_last_steps_are_kept() -> None:
    assert last_steps(steps(MAX_STEPS)) == steps(MAX_STEPS)
    assert last_steps(steps(MAX_STEPS + 5)) == steps(MAX_STEPS + 5)[5:]


def test_long_reasons_leave_room_in_a_transaction() -> None:
    kept = last_steps(steps(MAX_STEPS, "字" * 2_000))
    assert sum(step.ByteSize() for step in kept) <= 256 * 1024
    assert kept == steps(MAX_STEPS, "字" * 2_000)[-len(kept) :]
    assert len(kept) > 40


def test_a_moment_is_told_in_utc() -> None:
    assert moment(1_800_000_000 * 10**9 + 1) == "2027-01-15 08:00:00 UTC"


def test_whoever_wrote_stays_an_author_however_often_others_save() -> None:
    saved = control_pb2.STEP_KIND_SAVED
    early = control_pb2.Step(kind=saved, actor="li", time_nanos=1, reason="began")
    reader = control_pb2.Step(kind=control_pb2.STEP_KIND_RETURNED, actor="zhao", time_nanos=2)
    kept = [early, reader]
    for number in range(2 * MAX_STEPS):
        kept = last_steps([*kept, control_pb2.Step(kind=saved, actor="wang", time_nanos=number + 3)])
    assert len(kept) == MAX_STEPS + 1
    assert (kept[0].actor, kept[0].time_nanos, kept[0].reason) == ("li", 1, "")
    assert "zhao" not in {step.actor for step in kept}
