"""How the scenarios of a policy set came out, and which rules they reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from admin_gui.domain.say import Say, plain
from jingxi_client._gen.pdp.v1 import simulation_service_pb2

_PASSED: Final = Say("通过", "passed")
_FAILED: Final = Say("不符", "failed")
_PROGRESS: Final = Say("{done} / {total} 个情景，{failed} 个不符", "{done} of {total} scenarios, {failed} failed")
_COVERED: Final = Say(
    "{passed} 个通过，{failed} 个不符；触发规则 {reached} / {rules}，真假都出现过的条件 {both} / {clauses}",
    "{passed} passed, {failed} failed; rules matched {reached} / {rules}, clauses true and false {both} / {clauses}",
)
_EXPECTED: Final = Say("{field}：应为 {expected}，实为 {got}", "{field}: expected {expected}, got {got}")
_ONE_SIDED: Final = Say("从未为{side}：{clause}", "never {side}: {clause}")
_TRUE, _FALSE = Say("真", "true"), Say("假", "false")


@dataclass(frozen=True, slots=True)
class ResultLine:
    """A scenario's outcome."""

    name: str
    title: Say
    passed: bool
    location: str
    differences: Say

    @property
    def verdict(self) -> Say:
        """Passed or not, in a word."""
        return _PASSED if self.passed else _FAILED


@dataclass(frozen=True, slots=True)
class RuleLine:
    """How often a rule matched. `heat` is from 0 to 1, over the rule that matched most."""

    rule: str
    location: str
    matched: int
    heat: float
    missing: Say

    @property
    def is_whole(self) -> bool:
        """Whether it matched somewhere and each of its clauses was both true and false."""
        return bool(self.matched) and not any(self.missing)


def result_line(result: simulation_service_pb2.ScenarioResult) -> ResultLine:
    """Return one result."""
    said = [
        _EXPECTED.filled(field=one.field, expected=one.expected, got=one.got) for one in result.differences
    ]  # fmt: skip
    title = Say(result.title.zh, result.title.en)
    return ResultLine(
        result.name, title if any(title) else plain(result.name), not said, result.location,
        Say("；".join(one.zh for one in said), "; ".join(one.en for one in said)),
    )  # fmt: skip


def rule_lines(summary: simulation_service_pb2.ScenarioSummary) -> list[RuleLine]:
    """Return the rules, those that no scenario reaches first."""
    most = max((rule.matched for rule in summary.rules), default=0) or 1
    found = [
        RuleLine(rule.rule, rule.location, rule.matched, rule.matched / most, _missing(rule.clauses))
        for rule in summary.rules
    ]
    return sorted(found, key=lambda line: (line.is_whole, line.matched > 0))


def _missing(clauses: Iterable[simulation_service_pb2.ClauseCoverage]) -> Say:
    said = [
        _ONE_SIDED.filled(side=_FALSE if clause.was_true else _TRUE, clause=clause.expression)
        for clause in clauses
        if not (clause.was_true and clause.was_false)
    ]
    return Say("；".join(one.zh for one in said), "; ".join(one.en for one in said))


def progress(results: Iterable[ResultLine], total: int) -> Say:
    """Return how far it is."""
    outcomes = [line.passed for line in results]
    return _PROGRESS.filled(done=len(outcomes), total=total, failed=outcomes.count(False))


def summary(told: simulation_service_pb2.ScenarioSummary) -> Say:
    """Return what all came to in one sentence."""
    clauses = [clause for rule in told.rules for clause in rule.clauses]
    return _COVERED.filled(
        passed=told.passed, failed=told.failed, rules=len(told.rules),
        reached=sum(rule.matched > 0 for rule in told.rules), clauses=len(clauses),
        both=sum(clause.was_true and clause.was_false for clause in clauses),
    )  # fmt: skip
