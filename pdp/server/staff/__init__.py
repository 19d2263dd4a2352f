"""The staff port: gRPC for people's tools, in the supervisor's process and never in a worker's.

`make_staff_server` puts it together; `StaffServer` listens, on a Unix socket in the data folder by default. Who may
open that file may ask: it and its folder belong to the service's user alone. Anywhere else the `guard` lets only those
through who are signed in, and may.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from pdp.control.grants.desk import GrantDesk
from pdp.server.address import Address
from pdp.server.staff import accounts, callers, cluster, grants, policies, security, sessions, simulation, snapshots
from pdp.server.staff.account_host import AccountHost, Recorder
from pdp.server.staff.calls import Calls
from pdp.server.staff.control_host import CallerHost, ControlHost
from pdp.server.staff.guard import Guard
from pdp.server.staff.impact import ImpactAnalysis
from pdp.server.staff.server import Service, StaffServer
from pdp.server.staff.sign_in_log import SignInLog
from pdp.server.tls import TlsFiles
from pdp.snapshot.query import Asking, Tokens
from pdp.snapshot.store.base import Reader
from pdp.v1 import (
    account_service_pb2_grpc,
    caller_service_pb2_grpc,
    cluster_service_pb2_grpc,
    grant_service_pb2_grpc,
    policy_service_pb2_grpc,
    security_service_pb2_grpc,
    simulation_service_pb2_grpc,
    snapshot_pb2,
    snapshot_service_pb2_grpc,
)

__all__ = ["AccountHost", "ControlHost", "SnapshotHost", "StaffServer", "make_staff_server"]


@dataclass(frozen=True, slots=True)
class SnapshotHost:
    """What the snapshot service needs of its host.

    `asking` is asked at every call for the names of filters (the present policy set's), the tokens' key and the clock.
    `record` makes an operation durable before it returns, or raises SpoolError. `reader` may be shared by threads.
    """

    reader: Reader
    asking: Callable[[], Asking]
    record: Callable[[snapshot_pb2.Operation], None]


def make_staff_server(
    address: Address,
    records: SnapshotHost | None,
    *,
    control: ControlHost | None = None,
    people: AccountHost | None = None,
    tokens: Tokens | None = None,
    tls: TlsFiles | None = None,
    insecure: bool = False,
    reflection: bool = True,
    actor: Callable[[str], str] | None = None,
) -> StaffServer:
    """Return a staff server that does not listen yet: with the snapshot service where there is a store of records, and
    with the policy and the cluster service where there is a control store.

    With `people` everybody signs in, and may do what the account may. `tokens` are the pages' of the policy service:
    the nodes' own in common, or good for this server alone. `actor` tells who asks from a peer's name where nobody
    signs in, for the records; the user of the socket's file by default. Raises ConfigError for
    an address that other machines can reach without TLS, unless `insecure` allows it.
    """
    calls = Calls(actor)
    tokens = tokens or Tokens(secrets.token_bytes(32))
    services, guard = [], None
    if records is not None:
        services.append(_snapshot_service(calls, records))
    if control is not None:
        services.append(_policy_service(calls, control, records, tokens))
        services.append(_simulation_service(calls, control))
        services.append(_cluster_service(calls, control))
        if control.grants is not None:
            services.append(_grant_service(calls, control, control.grants, tokens))
        if control.callers is not None:
            services.append(_caller_service(calls, control, control.callers, tokens))
    if people is not None:
        services += _account_services(calls, people, records, tokens)
        guard = Guard(calls, people.accounts, people.run, Recorder(calls, people).refused)
    return StaffServer(address, services, calls, tls=tls, insecure=insecure, reflection=reflection, guard=guard)


def _snapshot_service(calls: Calls, host: SnapshotHost) -> Service:
    servicer = snapshots.SnapshotServicer(calls, host.reader, host.asking, host.record)
    add = snapshot_service_pb2_grpc.add_SnapshotServiceServicer_to_server
    return Service(snapshots.SERVICE, lambda server: add(servicer, server))  # type: ignore[no-untyped-call]


def _policy_service(calls: Calls, host: ControlHost, records: SnapshotHost | None, tokens: Tokens) -> Service:
    analysis = None if records is None else ImpactAnalysis(records.reader, records.asking)
    servicer = policies.PolicyServicer(calls, host, analysis, tokens)
    add = policy_service_pb2_grpc.add_PolicyServiceServicer_to_server
    return Service(policies.SERVICE, lambda server: add(servicer, server), policies.LARGE)  # type: ignore[no-untyped-call]


def _simulation_service(calls: Calls, host: ControlHost) -> Service:
    servicer = simulation.SimulationServicer(calls, host)
    add = simulation_service_pb2_grpc.add_SimulationServiceServicer_to_server
    return Service(simulation.SERVICE, lambda server: add(servicer, server), simulation.LARGE)  # type: ignore[no-untyped-call]


def _cluster_service(calls: Calls, host: ControlHost) -> Service:
    servicer = cluster.ClusterServicer(calls, host)
    add = cluster_service_pb2_grpc.add_ClusterServiceServicer_to_server
    return Service(cluster.SERVICE, lambda server: add(servicer, server))  # type: ignore[no-untyped-call]


def _grant_service(calls: Calls, host: ControlHost, desk: GrantDesk, tokens: Tokens) -> Service:
    servicer = grants.GrantServicer(calls, host, desk, tokens)
    add = grant_service_pb2_grpc.add_GrantServiceServicer_to_server
    return Service(grants.SERVICE, lambda server: add(servicer, server))  # type: ignore[no-untyped-call]


def _caller_service(calls: Calls, control: ControlHost, host: CallerHost, tokens: Tokens) -> Service:
    servicer = callers.CallerServicer(calls, host, control.run, control.record, tokens)
    add = caller_service_pb2_grpc.add_CallerServiceServicer_to_server
    return Service(callers.SERVICE, lambda server: add(servicer, server))  # type: ignore[no-untyped-call]


def _account_services(calls: Calls, host: AccountHost, records: SnapshotHost | None, tokens: Tokens) -> list[Service]:
    places = host.accounts.rules.anomalies.places
    log = None if records is None else SignInLog(records.reader, records.asking, places)
    of_sessions = sessions.SessionServicer(calls, host, log)
    of_accounts = accounts.AccountServicer(calls, host, tokens)
    of_security = security.SecurityServicer(calls, host, tokens)
    add_sessions = account_service_pb2_grpc.add_SessionServiceServicer_to_server
    add_accounts = account_service_pb2_grpc.add_AccountServiceServicer_to_server
    add_security = security_service_pb2_grpc.add_SecurityServiceServicer_to_server
    return [
        Service(sessions.SERVICE, lambda server: add_sessions(of_sessions, server)),  # type: ignore[no-untyped-call]
        Service(accounts.SERVICE, lambda server: add_accounts(of_accounts, server)),  # type: ignore[no-untyped-call]
        Service(security.SERVICE, lambda server: add_security(of_security, server)),  # type: ignore[no-untyped-call]
    ]
