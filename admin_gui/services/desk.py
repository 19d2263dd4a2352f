"""What screens ask of the service, in one place for each subject."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from admin_gui.services.calls import Call
from admin_gui.services.connection import Connection
from jingxi_client._gen.pdp.v1 import (
    bundle_pb2,
    cluster_service_pb2,
    cluster_service_pb2_grpc,
    control_pb2,
    decision_service_pb2,
    policy_service_pb2,
    policy_service_pb2_grpc,
    simulation_service_pb2,
    simulation_service_pb2_grpc,
)

IN_FORCE = policy_service_pb2.PolicyText(revision=0)
_LONG = 120.0


def text_of(files: Mapping[str, str]) -> policy_service_pb2.PolicyText:
    """Return files as a text that the request brings along."""
    made = control_pb2.Sources(files=[control_pb2.PolicyFile(path=path, text=files[path]) for path in sorted(files)])
    return policy_service_pb2.PolicyText(sources=made)


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


class Policies:
    """Drafts and revisions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def in_force(self) -> Call:
        """Ask for the revision in force with its text: a GetRevisionResponse."""
        request = policy_service_pb2.GetRevisionRequest(with_sources=True)
        return self._connection.ask(policy_service_pb2_grpc.PolicyServiceStub, "GetRevision", request)

    def check(self, text: policy_service_pb2.PolicyText, *, analyse: bool = False) -> Call:
        """Ask what is wrong in a text: a CheckPoliciesResponse."""
        request = policy_service_pb2.CheckPoliciesRequest(text=text, analyse=analyse)
        return self._connection.ask(policy_service_pb2_grpc.PolicyServiceStub, "CheckPolicies", request, _LONG)


class Cluster:
    """Nodes and what they decide by."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def watch(self) -> Call:
        """Follow the nodes: a stream of WatchNodesResponse."""
        request = cluster_service_pb2.WatchNodesRequest()
        return self._connection.stream(cluster_service_pb2_grpc.ClusterServiceStub, "WatchNodes", request)
