"""How much work an analysis may do, so that no policy set can make `check` hang."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_TRIALS_A_PAIR: Final = 200


@dataclass(slots=True)
class Budget:
    """What is left to spend: comparisons of two rules, steps of subtraction, and trial requests.

    Counters and not clocks, so that the same policy set always gives the same findings.
    """

    pairs: int
    steps: int
    trials: int
    cut: bool = False

    @classmethod
    def for_rules(cls, count: int) -> Budget:
        """Return the budget for a policy set of so many rules."""
        return cls(pairs=max(60_000, 20 * count), steps=max(200_000, 20 * count), trials=max(5_000, count))

    def pair(self) -> bool:
        """Spend one comparison; False when none is left."""
        self.pairs -= 1
        self.cut |= self.pairs < 0
        return self.pairs >= 0

    def step(self) -> bool:
        """Spend one step of subtraction; False when none is left."""
        self.steps -= 1
        self.cut |= self.steps < 0
        return self.steps >= 0

    def trial(self) -> bool:
        """Spend one trial request; False when none is left."""
        self.trials -= 1
        self.cut |= self.trials < 0
        return self.trials >= 0

    def share(self) -> int:
        """Return how many trials one pair of rules may have: fewer, the fewer are left."""
        return min(_TRIALS_A_PAIR, max(self.trials // 50, 4))
