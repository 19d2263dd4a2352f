"""What is asked of the record: the filter line, a class of records, and up to when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say, plain
from admin_gui.domain.snapshot_filter import quoted
from admin_gui.domain.snapshot_rows import KINDS, stamp

MOST_BYTES: Final = 4_096
_CHINESE: Final = tuple(
    (re.compile(pattern), chinese)
    for pattern, chinese in (
        (r"there is no name `(.*)`", "没有名称 `{0}`"),
        (r"there is no function `(.*)`", "没有函数 `{0}`"),
        (r"did you mean `(.*)`", "是否想写 `{0}`"),
        (r"the functions are (.*)", "函数有 {0}"),
        (r"`(.*)` does not apply to (.*) and (.*)", "`{0}` 不能用于 {1} 和 {2}"),
        (r"`(.*)` is not expected here", "这里不应出现 `{0}`"),
        (r"the filter ends too early", "条件没有写完"),
        (r"the filter is of type (.*), not a condition", "这是 {0} 类型的值，不是条件"),
        (r"check brackets, quotes and operators", "检查括号、引号和运算符"),
        (r"put a text in quotes; an attribute must be declared", "文本要加引号；属性要先声明"),
        (r"numbers stand without quotes, texts with them", "数字不加引号，文本加引号"),
        (r"both sides must be of one type", "两边类型必须相同"),
        (r"a severity is one of (.*), without quotes", "级别是 {0} 之一，不加引号"),
        (r"write the number with a decimal point, such as `3.0`", "写成带小数点的数，如 `3.0`"),
        (r"a time is written (.*) or (.*)", "时间写作 {0} 或 {1}"),
        (r"compare names by (.*), and join them by (.*)", "用 {0} 比较，用 {1} 连接"),
        (r"put a text in quotes", "文本要加引号"),
    )
)


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
    return Mistake(min(max(at, 0), len(question.filter)), _in_both(problem), _in_both(hint))


def _in_both(words: str) -> Say:
    """Return the service's words, which are English, with Chinese ones where these are known."""
    for pattern, chinese in _CHINESE:
        if found := pattern.fullmatch(words):
            return Say(chinese.format(*found.groups()), words)
    return plain(words)


def of_ids(ids: list[str]) -> str | None:
    """Return the filter of these records; None when they are more than one filter can name."""
    text = f"id in [{', '.join(quoted(one) for one in ids)}]"
    return text if len(text.encode()) <= MOST_BYTES else None
