"""What is asked of the simulation service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from admin_gui.services.calls import Call
from admin_gui.services.connection import Connection
from jingxi_client._gen.pdp.v1 import (
    bundle_pb2,
    decision_service_pb2,
    policy_service_pb2,
    simulation_service_pb2,
    simulation_service_pb2_grpc,
)

_LONG: Final = 120.0


class Simulation:
    """Texts tried before they are in force."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def describe(self, text: policy_service_pb2.PolicyText) -> Call:
        """Ask what a text means: a DescribePoliciesResponse."""
        request = simulation_service_pb2.DescribePoliciesRequest(text=text)
        return self._ask("DescribePolicies", request, _LONG)

    def simulate(
        self,
        text: policy_service_pb2.PolicyText,
        question: decision_service_pb2.DecideRequest,
        *,
        now_nanos: int | None = None,
        grants: Iterable[bundle_pb2.Grant] = (),
        beside: policy_service_pb2.PolicyText | None = None,
    ) -> Call:
        """Ask what a text would decide: a SimulateResponse."""
        request = simulation_service_pb2.SimulateRequest(text=text, request=question, grants=grants, beside=beside)
        if now_nanos is not None:
            request.now.FromNanoseconds(now_nanos)
        return self._ask("Simulate", request, _LONG)

    def run_scenarios(self, text: policy_service_pb2.PolicyText, pattern: str = "") -> Call:
        """Run the scenarios of a text: a stream of RunScenariosResponse."""
        request = simulation_service_pb2.RunScenariosRequest(text=text, pattern=pattern)
        return self._connection.stream(simulation_service_pb2_grpc.SimulationServiceStub, "RunScenarios", request)

    def _ask(self, method: str, request: object, seconds: float) -> Call:
        return self._connection.ask(simulation_service_pb2_grpc.SimulationServiceStub, method, request, seconds)
