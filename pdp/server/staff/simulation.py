"""SimulationService: the testers' work."""

# ruff: noqa: N802, D102 - methods are named, and told, by the service's definition

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any, Final, TypeVar

import grpc

from pdp.errors import RequestError, Violation
from pdp.server.judge import PolicyJudge
from pdp.server.scenarios import Result, RuleCoverage, Runner
from pdp.server.simulator import Simulator
from pdp.server.staff.calls import Calls
from pdp.server.staff.control_host import ControlHost
from pdp.server.staff.texts import resolve
from pdp.v1 import control_pb2, decision_service_pb2, policy_service_pb2, simulation_service_pb2, types_pb2
from pdp.v1 import simulation_service_pb2_grpc as stubs

SERVICE: str = simulation_service_pb2.DESCRIPTOR.services_by_name["SimulationService"].full_name
LARGE: Final = ("DescribePolicies", "Simulate", "RunScenarios")
"""The methods whose requests carry a text."""
MAX_GRANTS: Final = 100

T = TypeVar("T")


class SimulationServicer(stubs.SimulationServiceServicer):
    """Decides by the texts of the control store, and by those that the request brings."""

    def __init__(self, calls: Calls, host: ControlHost) -> None:
        self._calls = calls
        self._host = host
        judge = host.revisions.judge
        self._simulator = Simulator(judge if isinstance(judge, PolicyJudge) else PolicyJudge())

    def DescribePolicies(
        self, request: simulation_service_pb2.DescribePoliciesRequest, context: grpc.ServicerContext
    ) -> simulation_service_pb2.DescribePoliciesResponse:
        async def ask() -> simulation_service_pb2.DescribePoliciesResponse:
            return await self._simulator.describe(await self._text(request.text, "text"))

        return self._answer(context, "DescribePolicies", ask)

    def Simulate(
        self, request: simulation_service_pb2.SimulateRequest, context: grpc.ServicerContext
    ) -> simulation_service_pb2.SimulateResponse:
        async def ask() -> simulation_service_pb2.SimulateResponse:
            _check_grants(request)
            question = decision_service_pb2.ExplainRequest(request=request.request)
            if request.HasField("now"):
                question.now.CopyFrom(request.now)
            else:
                # The same for both, or a rule about the time could tell them apart.
                question.now.GetCurrentTime()
            text = await self._text(request.text, "text")
            answer = simulation_service_pb2.SimulateResponse(
                explained=await self._simulator.explain(text, question, request.grants)
            )
            if request.HasField("beside"):
                beside = await self._text(request.beside, "beside")
                answer.beside.CopyFrom(await self._simulator.explain(beside, question, request.grants))
            return answer

        return self._answer(context, "Simulate", ask)

    def RunScenarios(
        self, request: simulation_service_pb2.RunScenariosRequest, context: grpc.ServicerContext
    ) -> Iterator[simulation_service_pb2.RunScenariosResponse]:
        def run(ended: threading.Event) -> Generator[simulation_service_pb2.RunScenariosResponse, None, None]:
            async def ask() -> Runner:
                return Runner(await self._simulator.judge.resolved(await self._text(request.text, "text")))

            runner = self._host.run(ask())
            total, passed, failed = runner.count(request.pattern), 0, 0
            for result in runner.run(request.pattern):
                if ended.is_set():
                    return
                passed, failed = (passed + 1, failed) if result.passed else (passed, failed + 1)
                yield simulation_service_pb2.RunScenariosResponse(total=total, result=_result(result))
            rules = map(_coverage, runner.coverage.values())
            summary = simulation_service_pb2.ScenarioSummary(passed=passed, failed=failed, rules=rules)
            yield simulation_service_pb2.RunScenariosResponse(total=total, summary=summary)

        return self._calls.stream(context, "RunScenarios", "scenarios", None, run)

    async def _text(self, named: policy_service_pb2.PolicyText, field: str) -> control_pb2.Sources:
        return await resolve(self._host.revisions, named, field)

    def _answer(self, context: grpc.ServicerContext, method: str, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return self._calls.answer(context, method, None, lambda: self._host.run(ask()))


def _check_grants(request: simulation_service_pb2.SimulateRequest) -> None:
    if len(request.grants) > MAX_GRANTS:
        raise RequestError(Violation("grants", f"has {len(request.grants)} grants; give at most {MAX_GRANTS}"))
    seen: set[str] = set()
    for number, grant in enumerate(request.grants):
        if not grant.id or grant.id in seen:
            problem = "is there twice" if grant.id else "is required"
            raise RequestError(Violation(f"grants[{number}].id", f"{problem}; give each grant an id of its own"))
        seen.add(grant.id)


def _result(result: Result) -> simulation_service_pb2.ScenarioResult:
    return simulation_service_pb2.ScenarioResult(
        name=result.name,
        title=types_pb2.LocalizedText(zh=result.title.zh, en=result.title.en),
        location=str(result.span),
        differences=[
            simulation_service_pb2.ScenarioDifference(
                field=item.field, expected=item.expected, got=item.got, why=item.reason
            )
            for item in result.differences
        ],
    )


def _coverage(rule: RuleCoverage) -> simulation_service_pb2.RuleCoverage:
    return simulation_service_pb2.RuleCoverage(
        rule=rule.name,
        location=rule.location,
        matched=rule.matched,
        clauses=[
            simulation_service_pb2.ClauseCoverage(
                expression=clause.text,
                location=clause.location,
                was_true=decision_service_pb2.CLAUSE_OUTCOME_TRUE in clause.outcomes,
                was_false=decision_service_pb2.CLAUSE_OUTCOME_FALSE in clause.outcomes,
            )
            for clause in rule.clauses
        ],
    )
