"""The breaker and the rate of fallbacks, by a clock of the tests."""

from __future__ import annotations

import pytest

from jingxi_client._breaker import FAILURES, Breaker
from jingxi_client.alarms import FallbackRate


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def told() -> list[bool]:
    return []


@pytest.fixture
def breaker(time: Time, told: list[bool]) -> Breaker:
    return Breaker(told.append, time, jitter=lambda: 1.0)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        assert breaker.admit()
        breaker.failed()


def test_it_opens_after_so_many_failures_in_a_row(breaker: Breaker, told: list[bool]) -> None:
    fail(breaker, FAILURES - 1)
    breaker.succeeded()
    fail(breaker, FAILURES - 1)
    assert told == []
    fail(breaker, 1)
    assert told == [True]
    assert not breaker.admit()
    assert breaker.is_open


def test_one_call_at_a_time_is_tried_and_the_first_success_closes_it(
    breaker: Breaker, time: Time, told: list[bool]
) -> None:
    fail(breaker, FAILURES)
    time.now += 1.09
    assert not breaker.admit()
    time.now += 0.02
    assert breaker.admit()
    assert not breaker.admit()
    breaker.succeeded()
    assert told == [True, False]
    assert breaker.admit()
    assert breaker.admit()


def test_pauses_double_up_to_their_bound_with_jitter(breaker: Breaker, time: Time, told: list[bool]) -> None:
    fail(breaker, FAILURES)
    pauses = []
    for _ in range(8):
        began = time.now
        while not breaker.admit():
            time.now += 0.05
        pauses.append(time.now - began)
        breaker.failed()
    assert pauses == pytest.approx([1.1, 2.2, 4.4, 8.8, 17.6, 33.0, 33.0, 33.0], abs=0.06)
    assert told == [True]


def test_a_trial_that_says_nothing_lets_the_next_one_try(breaker: Breaker, time: Time) -> None:
    fail(breaker, FAILURES)
    time.now += 2
    assert breaker.admit()
    breaker.undecided()
    assert breaker.admit()


def test_rate_is_told_once_in_its_time(time: Time) -> None:
    rate = FallbackRate(time)
    told = []
    for _ in range(20):
        told.append(rate.count(3, 10))
        time.now += 1
    assert [place for place, count in enumerate(told) if count] == [3, 13]


def test_rate_forgets_what_is_long_ago(time: Time) -> None:
    rate = FallbackRate(time)
    for _ in range(20):
        assert rate.count(3, 10) == 0
        time.now += 4


def test_no_bound_is_never_told(time: Time) -> None:
    rate = FallbackRate(time)
    assert [rate.count(0, 0) for _ in range(50)] == [0] * 50
