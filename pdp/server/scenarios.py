"""Runs the scenarios of a policy set and counts what they cover."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pdp.engine import bundle as bundles
from pdp.engine.program import Program
from pdp.errors import RequestError
from pdp.lang.model import Effect, Expectation, Label, MaskRef, Scenario
from pdp.lang.resolved import ResolvedSet
from pdp.server import golden
from pdp.server.grants import GrantTable
from pdp.server.verdict_words import mask_words, reason_words
from pdp.source import Span
from pdp.v1 import bundle_pb2, types_pb2
from pdp.v1 import decision_service_pb2 as service
from pdp.values import NANOS


@dataclass(frozen=True, slots=True)
class Difference:
    """What a scenario expected and what it got instead; `reason` says why."""

    field: str
    expected: str
    got: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """How one scenario came out; passed when there are no differences."""

    name: str
    title: Label
    span: Span
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether every expectation was met."""
        return not self.differences


@dataclass(slots=True)
class ClauseCoverage:
    """In which ways one clause of a rule's condition came out."""

    text: str
    location: str
    outcomes: set[service.ClauseOutcome] = field(default_factory=set)

    @property
    def gaps(self) -> list[str]:
        """The outcomes that no scenario showed: `true`, `false`."""
        wanted = {service.CLAUSE_OUTCOME_TRUE: "true", service.CLAUSE_OUTCOME_FALSE: "false"}
        return [word for outcome, word in wanted.items() if outcome not in self.outcomes]


@dataclass(slots=True)
class RuleCoverage:
    """In how many scenarios a rule matched, and its clauses."""

    name: str
    location: str
    clauses: list[ClauseCoverage]
    matched: int = 0


class Runner:
    """Runs scenarios on a compiled policy set, and keeps count.

    A scenario runs as the golden case that the bundle carries, so that what passes here passes on every node.
    """

    def __init__(self, resolved: ResolvedSet) -> None:
        self._grants = GrantTable()
        self._program = Program.from_bundle(bundles.build(resolved), grants=self._grants)
        bundle = self._program.bundle
        cases = {case.name: case for case in bundle.golden_cases}
        self._scenarios = [
            (cases[f"{suite.id}/{scenario.id}"], scenario) for suite in resolved.tests for scenario in suite.scenarios
        ]
        self.coverage = {
            f"{policy.id}/{rule.id}": RuleCoverage(
                f"{policy.id}/{rule.id}", rule.location, [ClauseCoverage(c.text, c.location) for c in rule.when]
            )
            for policy in bundle.policies
            for rule in policy.rules
        }

    def count(self, pattern: str = "") -> int:
        """Return how many scenarios `run` would run."""
        return sum(_matches(case.name, pattern) for case, _ in self._scenarios)

    def run(self, pattern: str = "") -> Iterator[Result]:
        """Run the scenarios whose `test/scenario` has `pattern` in it, or matches it when it holds `*` or `?`."""
        for case, scenario in self._scenarios:
            if _matches(case.name, pattern):
                differences = tuple(self._run(case, scenario))
                yield Result(case.name, scenario.title, scenario.span, differences)

    def _run(self, case: bundle_pb2.GoldenCase, scenario: Scenario) -> Iterator[Difference]:
        try:
            decision = golden.run(self._program, self._grants, case)
            explained = self._explain(case)
        except RequestError as error:
            yield Difference("(request)", "a decision", "a refusal", str(error))
            return
        self._count(explained.rules)
        failed = {expected.field for expected, _ in golden.mismatches(case, decision)}
        yield from _verdicts(scenario.expected, failed, decision)
        yield from _obligations(scenario, decision)
        if not _same(decision, explained.decision):
            yield Difference("(decision)", "one answer", "Decide and Explain disagree", "a mistake in pdp itself")

    def _explain(self, case: bundle_pb2.GoldenCase) -> service.ExplainResponse:
        question = service.ExplainRequest()
        question.request.ParseFromString(case.request)
        question.now.seconds, question.now.nanos = divmod(case.now_nanos, NANOS)
        return service.ExplainResponse.FromString(self._program.explain(question.SerializeToString()))

    def _count(self, traces: Sequence[service.RuleTrace]) -> None:
        for name in {trace.rule for trace in traces if trace.outcome == service.RULE_OUTCOME_MATCHED}:
            self.coverage[name].matched += 1
        for trace in traces:
            clauses = self.coverage[trace.rule].clauses
            # The scope's clauses come first in a trace; coverage is about the rule's own.
            for clause, seen in zip(clauses, trace.clauses[len(trace.clauses) - len(clauses) :], strict=True):
                clause.outcomes.add(seen.outcome)


def _matches(name: str, pattern: str) -> bool:
    if any(ch in pattern for ch in "*?"):
        return fnmatch.fnmatchcase(name, pattern)
    return pattern in name


def _verdicts(
    expected: Sequence[Expectation], failed: set[str], decision: service.DecideResponse
) -> Iterator[Difference]:
    verdicts = {verdict.field: verdict for verdict in decision.verdicts}
    for wanted in expected:
        verdict = verdicts[wanted.field]
        reason = decision.reasons[verdict.reason]
        if wanted.field in failed or wanted.rule not in ("", reason.rule):
            shown = verdict.effect == types_pb2.EFFECT_UNMASK
            got = "unmask" if shown else mask_words(decision.masks[verdict.mask])
            yield Difference(wanted.field, _expected_words(wanted), got, reason_words(reason))


def _obligations(scenario: Scenario, decision: service.DecideResponse) -> Iterator[Difference]:
    if scenario.obligations is None:
        return
    wanted = ", ".join(sorted(set(scenario.obligations)))
    got = ", ".join(sorted({duty.type for duty in decision.obligations}))
    if wanted != got:
        rules = ", ".join(sorted({duty.rule for duty in decision.obligations}))
        yield Difference("(obligations)", wanted or "none", got or "none", f"by {rules}" if rules else "")


def _same(decided: service.DecideResponse, explained: service.DecideResponse) -> bool:
    copy = service.DecideResponse()
    copy.CopyFrom(explained)
    copy.decision_id = decided.decision_id
    return copy == decided


def _expected_words(wanted: Expectation) -> str:
    if wanted.effect is Effect.UNMASK:
        words = "unmask"
    elif wanted.mask is None:
        words = "any mask"
    elif isinstance(wanted.mask, MaskRef):
        words = wanted.mask.name
    else:
        parameters = ", ".join(f"{key}={value}" for key, value in sorted(wanted.mask.parameters.items()))
        words = f"{wanted.mask.algorithm}({parameters})"
    return f"{words}, by {wanted.rule}" if wanted.rule else words
