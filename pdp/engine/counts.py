"""What a program has decided so far, counted without work on the hot path.

An encoded outcome counts its uses; what its verdicts are is worked out once. Threads that decide at the same time may
lose a count now and then: these numbers are for watching, the record of decisions is elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pdp.engine.recording import OutcomeRecord

# (effect: `mask` or `unmask`, level: `C1` … `C3`, or `unknown` for a field that the dictionary does not have)
Tally = Counter[tuple[str, str]]


@dataclass(slots=True)
class Encoded:
    """An encoded outcome with what it says and how often it was given."""

    body: bytes
    tally: Tally
    record: OutcomeRecord | None = None
    uses: int = 0


@dataclass(slots=True)
class Counts:
    """Cumulative numbers of one program."""

    decisions: int = 0
    verdicts: Tally = field(default_factory=Counter)
    undecided: Counter[str] = field(default_factory=Counter)

    def fold(self, outcomes: Iterable[Encoded]) -> None:
        """Add the uses of outcomes."""
        for outcome in outcomes:
            self.decisions += outcome.uses
            for key, number in outcome.tally.items():
                self.verdicts[key] += number * outcome.uses

    def copy(self) -> Counts:
        """Return an independent copy."""
        return Counts(self.decisions, Counter(self.verdicts), Counter(self.undecided))
