"""What is asked of the record: the filter line, a class of records, and up to when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.domain.service_words import said
from admin_gui.domain.snapshot_filter import quoted
from admin_gui.domain.snapshot_rows import KINDS, stamp

MOST_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True)
class Question:
    """`kind` is one of `KINDS`; `until_nanos` bounds the time, None for up to now."""

    filter: str = ""
    kind: str = "all"
    until_nanos: int | None = None

    @property
    def text(self) -> str:
        """The whole as one filter."""
        bounds = [clause for clause in (KINDS[self.kind], self._until()) if clause]
        if not self._is_written:
            return " && ".join(bounds)
        # A line of its own, for what was written may end in a comment.
        return " && ".join([f"({self.filter}\n)", *bounds]) if bounds else self.filter

    @property
    def shift(self) -> int:
        """How many characters stand in `text` before what was written."""
        return 1 if self._is_written and (self.kind != "all" or self.until_nanos is not None) else 0

    @property
    def _is_written(self) -> bool:
        return bool(self.filter.strip())

    def _until(self) -> str:
        return "" if self.until_nanos is None else f'time <= timestamp("{stamp(self.until_nanos)}")'


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in a filter line: from which character (from 0), what, and how to mend it."""

    at: int
    problem: Say
    hint: Say


def mistake(failure: Failure, question: Question) -> Mistake | None:
    """Return a refused filter with its place in what was written; None for any other failure."""
    if failure.reason != "INVALID_FILTER":
        return None
    column = failure.metadata.get("column", "1")
    at = (int(column) if column.isdecimal() else 1) - 1 - question.shift
    problem = failure.metadata.get("problem", failure.message)
    hint = failure.metadata.get("hint", "")
    return Mistake(min(max(at, 0), len(question.filter)), said(problem), said(hint))


def of_ids(ids: list[str]) -> str | None:
    """Return the filter of these records; None when they are more than one filter can name."""
    text = f"id in [{', '.join(quoted(one) for one in ids)}]"
    return text if len(text.encode()) <= MOST_BYTES else None
