"""Runs the scenarios of a policy set and counts what they cover."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pdp.cli.trace import mask_words, reason_words
from pdp.engine import bundle as bundles
from pdp.engine.program import Program
from pdp.engine.request import build_request
from pdp.engine.wire_masks import mask_message
from pdp.lang.model import Effect, Expectation, Label, MaskRef, Scenario, TestSuite
from pdp.lang.resolved import ResolvedSet
from pdp.masks import catalogue
from pdp.server.grants import GrantTable
from pdp.source import Span
from pdp.v1 import decision_service_pb2 as service
from pdp.v1 import types_pb2
from pdp.values import NANOS


@dataclass(frozen=True, slots=True)
class Difference:
    """What a scenario expected and what it got instead; `reason` says why."""

    field: str
    expected: str
    got: str
    reason: str


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
    """How often one clause of a rule's condition came out in each way."""

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
    """Runs scenarios on a compiled policy set, and keeps count."""

    def __init__(self, resolved: ResolvedSet) -> None:
        self._resolved = resolved
        self._types = {name: attribute.type for name, attribute in resolved.attributes.items()}
        self._grants = GrantTable()
        self._program = Program.from_bundle(bundles.build(resolved), grants=self._grants)
        self.coverage = {
            f"{policy.id}/{rule.id}": RuleCoverage(
                f"{policy.id}/{rule.id}", rule.location, [ClauseCoverage(c.text, c.location) for c in rule.when]
            )
            for policy in self._program.bundle.policies
            for rule in policy.rules
        }

    def run(self, pattern: str = "", *, now: int) -> Iterator[Result]:
        """Run the scenarios whose `test/scenario` has `pattern` in it, or matches it when it holds `*` or `?`.

        `now` (nanoseconds since 1970) is the time of scenarios that do not say theirs.
        """
        for suite in self._resolved.tests:
            for scenario in suite.scenarios:
                if _matches(f"{suite.id}/{scenario.id}", pattern):
                    yield self._run(suite, scenario, now)

    def _run(self, suite: TestSuite, scenario: Scenario, now: int) -> Result:
        moment = now if scenario.now is None else scenario.now
        self._grants.replace({spec.id: bundles.grant_message(spec) for spec in scenario.grants})
        request = build_request(scenario.attributes, self._types, scenario.fields, scenario.grant_ids)
        decision = service.DecideResponse.FromString(self._program.decide(request.SerializeToString(), moment))
        question = service.ExplainRequest(request=request)
        question.now.seconds, question.now.nanos = divmod(moment, NANOS)
        explained = service.ExplainResponse.FromString(self._program.explain(question.SerializeToString()))
        self._count(explained.rules)
        differences = [*self._compare(scenario.expected, decision), *_obligations(scenario, decision)]
        if not _same(decision, explained.decision):
            differences.append(Difference("", "one decision", "Decide and Explain disagree", "a mistake in pdp itself"))
        return Result(f"{suite.id}/{scenario.id}", scenario.title, scenario.span, tuple(differences))

    def _compare(self, expected: Sequence[Expectation], decision: service.DecideResponse) -> Iterator[Difference]:
        verdicts = {verdict.field: verdict for verdict in decision.verdicts}
        for wanted in expected:
            verdict = verdicts[wanted.field]
            reason = decision.reasons[verdict.reason]
            shown = verdict.effect == types_pb2.EFFECT_UNMASK
            mask = None if shown else decision.masks[verdict.mask]
            if self._is_met(wanted, mask) and wanted.rule in ("", reason.rule):
                continue
            words = _expected_words(wanted)
            yield Difference(wanted.field, words, mask_words(mask) if mask else "unmask", reason_words(reason))

    def _is_met(self, wanted: Expectation, mask: types_pb2.Mask | None) -> bool:
        if wanted.effect is Effect.UNMASK or mask is None:
            return wanted.effect is Effect.UNMASK and mask is None
        if wanted.mask is None:
            return True
        if isinstance(wanted.mask, MaskRef):
            named = self._resolved.masks[wanted.mask.name]
            algorithm, parameters = named.algorithm, dict(named.parameters)
        else:
            algorithm = wanted.mask.algorithm
            parameters = catalogue.complete(algorithm, wanted.mask.parameters)
        # What a mask does counts, not what it is called.
        return mask_message("", algorithm, parameters) == types_pb2.Mask(
            algorithm=mask.algorithm, parameters=mask.parameters
        )

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


def _same(decided: service.DecideResponse, explained: service.DecideResponse) -> bool:
    copies = []
    for decision in (decided, explained):
        copy = service.DecideResponse()
        copy.CopyFrom(decision)
        copy.decision_id = ""
        copies.append(copy)
    return copies[0] == copies[1]


def _obligations(scenario: Scenario, decision: service.DecideResponse) -> Iterator[Difference]:
    if scenario.obligations is None:
        return
    wanted = sorted(set(scenario.obligations))
    got = sorted({duty.type for duty in decision.obligations})
    if wanted != got:
        rules = ", ".join(sorted({duty.rule for duty in decision.obligations}))
        yield Difference(
            "(obligations)", ", ".join(wanted) or "none", ", ".join(got) or "none", f"by {rules}" if rules else ""
        )


def _expected_words(wanted: Expectation) -> str:
    if wanted.effect is Effect.UNMASK:
        words = "unmask"
    elif wanted.mask is None:
        words = "any mask"
    elif isinstance(wanted.mask, MaskRef):
        words = wanted.mask.name
    else:
        words = mask_words(mask_message("", wanted.mask.algorithm, wanted.mask.parameters))
    return f"{words}, by {wanted.rule}" if wanted.rule else words
