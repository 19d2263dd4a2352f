"""What is wrong in a text, for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from admin_gui.domain.say import Say
from admin_gui.domain.service_words import said
from jingxi_client._gen.pdp.v1 import policy_service_pb2

Severity = Literal["error", "warning", "note"]
_SEVERITIES: Final[dict[int, Severity]] = {
    policy_service_pb2.PROBLEM_SEVERITY_ERROR: "error",
    policy_service_pb2.PROBLEM_SEVERITY_WARNING: "warning",
    policy_service_pb2.PROBLEM_SEVERITY_NOTE: "note",
}
WORDS: Final[dict[Severity, Say]] = {
    "error": Say("错误", "error"), "warning": Say("警告", "warning"), "note": Say("提示", "note"),
}  # fmt: skip
SCENARIO: Final = "golden-case"
"""The code of a scenario that comes out otherwise: the text can be read all the same."""
_COUNT: Final = Say("{errors} 个错误，{warnings} 个警告", "{errors} errors, {warnings} warnings")
_CLEAN: Final = Say("没有问题", "no problems")


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with its place; lines and columns from 1, `end_column` exclusive. Without a place `path` is empty."""

    severity: Severity
    code: str
    message: Say
    hint: Say
    path: str
    line: int
    column: int
    end_line: int
    end_column: int


def problems(answer: Iterable[policy_service_pb2.Problem]) -> list[Problem]:
    """Return problems: errors first, then by place."""
    found = [
        Problem(
            _SEVERITIES.get(item.severity, "note"), item.code, said(item.message), said(item.hint),
            item.place.path, item.place.line, item.place.column, item.place.end_line, item.place.end_column,
        )
        for item in answer
    ]  # fmt: skip
    order = list(WORDS)
    return sorted(found, key=lambda one: (order.index(one.severity), one.path, one.line, one.column))


def count(found: Iterable[Problem]) -> Say:
    """Return how many there are; notes are none to mend."""
    listed = list(found)
    errors = sum(one.severity == "error" for one in listed)
    warnings = sum(one.severity == "warning" for one in listed)
    return _COUNT.filled(errors=errors, warnings=warnings) if errors or warnings else _CLEAN
