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
