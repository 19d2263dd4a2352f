"""Timing side by side: the candidates take turns, so that a busy machine slows all of them alike.

A candidate lives in a process of its own (`workers`): what one engine leaves in memory, or loads beside it, does not
weigh on another. While one has its turn the others wait.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something to time: `run` does `units` operations."""

    run: Callable[[], object]
    units: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn took: seconds by the wall clock and of the process's CPU time, for all its operations."""

    wall: float
    cpu: float
    operations: int


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one operation in each round."""

    wall: tuple[float, ...]
    cpu: tuple[float, ...]
    operations: int

    def ratio(self, base: Timing) -> float:
        """Return how many times the base's CPU time this takes: the median over the rounds, each within itself."""
        return statistics.median(mine / theirs for mine, theirs in zip(self.cpu, base.cpu, strict=True))


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure: `rounds` turns of each candidate, each of about `seconds`."""

    rounds: int
    seconds: float


def alternate(candidates: Mapping[str, Callable[[float], Turn]], effort: Effort) -> dict[str, Timing]:
    """Return the timings by name. A candidate is given the seconds to run for; every other round goes backwards."""
    turns: dict[str, list[Turn]] = {name: [] for name in candidates}
    for number in range(effort.rounds):
        names = list(candidates)
        for name in names if number % 2 == 0 else reversed(names):
            turns[name].append(candidates[name](effort.seconds))
    return {
        name: Timing(
            wall=tuple(t.wall / t.operations for t in found),
            cpu=tuple(t.cpu / t.operations for t in found),
            operations=sum(t.operations for t in found),
        )
        for name, found in turns.items()
    }


class Runner:
    """Gives a candidate its turns inside its own process."""

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate
        self._once = 0.0

    def turn(self, seconds: float) -> Turn:
        """Run as often as fits into the seconds, at least once. The first turn begins with a warm-up."""
        if not self._once:
            self._time(1)
            self._once = self._time(1).wall
        return self._time(max(1, round(seconds / self._once)))

    def _time(self, count: int) -> Turn:
        run = self._candidate.run
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        for _ in range(count):
            run()
        cpu_end, wall_end = time.process_time_ns(), time.perf_counter_ns()
        # A clock too coarse to have moved would make ratios infinite.
        return Turn(max(wall_end - wall, 1) / 1e9, max(cpu_end - cpu, 1) / 1e9, count * self._candidate.units)
