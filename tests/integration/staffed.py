"""A staff port with accounts, over TLS, in a thread of its own; and people who are signed in at it."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

import grpc
import pytest

from pdp.control.accounts import AccountRules, Accounts, Provider, SessionRules
from pdp.control.callers import CallerDesk
from pdp.control.grants.desk import GrantDesk
from pdp.control.kv.sqlite import SqliteStore
from pdp.control.nodes import Nodes
from pdp.control.revisions import Revisions
from pdp.server.address import Address
from pdp.server.caller_register import CallerRegister
from pdp.server.judge import PolicyJudge
from pdp.server.staff import AccountHost, ControlHost, SnapshotHost, StaffServer, make_staff_server
from pdp.server.staff.control_host import CallerHost, LoopRunner
from pdp.server.tls import TlsFiles
from pdp.snapshot.filter import Schema
from pdp.snapshot.query import Asking, Tokens
from pdp.snapshot.resource_keys import ResourceKeys
from pdp.snapshot.store import install, open_reader
from pdp.v1 import (
    account_service_pb2,
    caller_service_pb2,
    cluster_service_pb2,
    grant_service_pb2,
    policy_service_pb2,
    security_service_pb2,
    simulation_service_pb2,
    snapshot_pb2,
    snapshot_service_pb2,
)
from tests.integration.accounts_steps import KEY, Hands, Office, Person, quick_hasher
from tests.integration.pki import Authority, Identity
from tests.integration.revisions_steps import KEY as SIGNING_KEY

PATIENCE = 30.0
FILES = (
    account_service_pb2,
    caller_service_pb2,
    cluster_service_pb2,
    grant_service_pb2,
    policy_service_pb2,
    security_service_pb2,
    simulation_service_pb2,
    snapshot_service_pb2,
)
METHODS: dict[str, Any] = {
    f"/{service.full_name}/{method.name}": (file, method)
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
"""Every method of every service of staff, by its path."""


@dataclass
class Staffed:
    """A running staff port, its accounts, and what was recorded."""

    server: StaffServer
    office: Office
    run: LoopRunner
    authority: Authority
    channel: grpc.Channel
    operations: list[snapshot_pb2.Operation] = field(default_factory=list)

    def call(self, path: str, metadata: Any = (), channel: grpc.Channel | None = None, /, **fields: Any) -> Any:
        """Call a method and return its answer, the first one of a stream."""
        file, method = METHODS[path]
        asked = getattr(file, method.input_type.name)(**fields)
        answer: Any = getattr(file, method.output_type.name)
        at = channel or self.channel
        if method.server_streaming:
            stream = at.unary_stream(
                path, request_serializer=type(asked).SerializeToString, response_deserializer=answer.FromString
            )(asked, metadata=metadata, timeout=PATIENCE)
            try:
                return next(iter(stream), None)
            finally:
                stream.cancel()  # type: ignore[no-untyped-call]
        return at.unary_unary(
            path, request_serializer=type(asked).SerializeToString, response_deserializer=answer.FromString
        )(asked, metadata=metadata, timeout=PATIENCE)

    def code(self, path: str, metadata: Any = (), /, **fields: Any) -> grpc.StatusCode:
        """Return the status of a call."""
        try:
            self.call(path, metadata, **fields)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    def fails(self, path: str, code: grpc.StatusCode, metadata: Any = (), /, **fields: Any) -> str:
        """Call a method, which fails with this status; return its words."""
        with pytest.raises(grpc.RpcError) as caught:
            self.call(path, metadata, **fields)
        assert caught.value.code() is code, caught.value.details()
        return str(caught.value.details())

    def token(self, person: Person) -> str:
        """Sign in and return the token."""
        return self.run(self.office.sign_in(person)).token

    def recorded(self, kind: str) -> list[Mapping[str, str]]:
        return [dict(item.details) for item in self.operations if item.kind == kind]


def shown(token: str, device: bytes) -> list[tuple[str, str]]:
    """Return the metadata of a call."""
    coded = base64.urlsafe_b64encode(device).decode().rstrip("=")
    return [("authorization", f"Bearer {token}"), ("x-jingxi-device", coded)]


async def nothing(*_: object) -> None:
    """No decision port is there that could hear of callers."""


@contextmanager
def staffed(
    folder: Path,
    client: Identity | None = None,
    client_ca: Authority | None = None,
    *,
    provider: Provider | None = None,
    **rules: Any,
) -> Iterator[Staffed]:
    """Serve; with `client` every connection must show a certificate, and this is the one that is shown. `provider` is
    where people sign in besides.
    """
    folder.chmod(0o700)
    authority = Authority.make()
    certificate, key = authority.server().write(folder, "staff")
    clients = None
    if client_ca is not None:
        clients = folder / "clients.pem"
        clients.write_bytes(client_ca.pem)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    run = LoopRunner(loop)
    url = f"sqlite:{folder / 'snapshots.db'}"
    install(url)
    reader, judge, clock = open_reader(url), PolicyJudge(), Hands()
    operations: list[snapshot_pb2.Operation] = []

    async def make() -> tuple[SqliteStore, Accounts]:
        store = SqliteStore(folder / "control" / "control.db")
        given: dict[str, Any] = {"failure_seconds": 0, "zone": UTC, "sessions": SessionRules(idle_seconds=3600)} | rules
        return store, Accounts(store, KEY, AccountRules(**given), quick_hasher(), clock=clock, provider=provider)

    with ExitStack() as ending:
        ending.callback(loop.close)
        ending.callback(thread.join)
        ending.callback(lambda: loop.call_soon_threadsafe(loop.stop))
        ending.callback(judge.close)
        ending.callback(reader.close)
        store, accounts = run(make())
        ending.callback(lambda: run(store.close()))
        ending.callback(accounts.hasher.close)
        desk = GrantDesk(store, clock=clock)
        callers = CallerHost(CallerDesk(store, clock=clock), CallerRegister(nothing), True, nothing)
        control = ControlHost(
            Revisions(store, judge, SIGNING_KEY), Nodes(store), run, operations.append, grants=desk, callers=callers
        )
        keys = ResourceKeys({"k1": b"0" * 16})
        asking = Asking(Schema(key_of=keys.of_resource), Tokens(b"0" * 32), lambda: clock.now, 0)
        server = make_staff_server(
            Address("127.0.0.1", 0), SnapshotHost(reader, lambda: asking, operations.append), control=control,
            people=AccountHost(accounts, run, operations.append),
            tls=TlsFiles(certificate, key, clients, require_client_certificate=clients is not None),
        )  # fmt: skip
        at = server.start()
        ending.callback(lambda: server.stop(0))
        credentials = grpc.ssl_channel_credentials(
            authority.pem, *((client.key, client.pem) if client is not None else (None, None))
        )
        channel = ending.enter_context(grpc.secure_channel(f"localhost:{at.port}", credentials))
        yield Staffed(server, Office(accounts, clock), run, authority, channel, operations)
