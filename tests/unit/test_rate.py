"""Token buckets against a slow, obvious one, and in cells that two processes share."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from pdp.server.rate import Bucket, Cells, Throttle

SECOND = 1_000_000_000


class Slow:
    """A bucket that holds its tokens as a number, as people draw it."""

    def __init__(self, per_second: int, burst: int) -> None:
        # The interval between tokens is a whole number of nanoseconds, as in the other one.
        self.rate, self.burst = Fraction(1, round(SECOND / per_second)), Fraction(burst)
        self.tokens, self.at = self.burst, 0

    def settle(self, now: int) -> None:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now

    def take(self, now: int) -> float:
        self.settle(now)
        if self.tokens < 1:
            return float((1 - self.tokens) / self.rate) / SECOND
        self.tokens -= 1
        return 0.0

    def charge(self, count: int, now: int) -> None:
        self.settle(now)
        self.tokens -= count


@given(
    st.integers(1, 2_000_000),
    st.integers(1, 2_000_000),
    st.lists(st.tuples(st.integers(0, 3 * SECOND), st.one_of(st.just(0), st.integers(0, 1_000))), max_size=60),
)
def test_agrees_with_the_obvious_bucket(per_second: int, burst: int, steps: list[tuple[int, int]]) -> None:
    now = [0]
    quick, slow = Bucket(per_second, burst, Cells.single(), clock=lambda: now[0]), Slow(per_second, burst)
    for pause, count in steps:
        now[0] += pause
        if count:
            quick.charge(count)
            slow.charge(count, now[0])
        else:
            assert abs(quick.take() - slow.take(now[0])) < 1e-9


def test_waiting_as_long_as_told_is_enough() -> None:
    now = [5]
    bucket = Bucket(3, 2, Cells.single(), clock=lambda: now[0])
    assert [bucket.take(), bucket.take()] == [0, 0]
    wait = bucket.take()
    now[0] += round(wait * SECOND) - 1
    assert bucket.take() > 0
    now[0] += 1
    assert bucket.take() == 0


TAKER = """
import sys
from pdp.server.rate import Bucket, Cells
bucket = Bucket(0.001, 100, Cells.attach(int(sys.argv[1])), 7)
print(sum(bucket.take() == 0 for _ in range(1000)))
"""


def test_processes_take_from_one_bucket() -> None:
    cells = Cells.create()
    assert cells.fd is not None
    taker = [sys.executable, "-c", TAKER, str(cells.fd)]
    ended = subprocess.run(taker, pass_fds=(cells.fd,), capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout == "100\n"
    assert Bucket(0.001, 100, cells, 7).take() > 0
    assert Bucket(0.001, 100, cells, 8).take() == 0


def test_a_throttle_counts_what_it_keeps_back() -> None:
    now = [0]
    throttle = Throttle(1, 2, lambda: now[0])
    assert [throttle.let_through() for _ in range(5)] == [0, 0, None, None, None]
    now[0] += SECOND
    assert [throttle.let_through() for _ in range(2)] == [3, None]
