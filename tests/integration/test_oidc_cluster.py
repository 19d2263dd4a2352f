"""Signing in at an OpenID provider at two real nodes on one etcd: what one begins another finishes, and once."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

pytest.importorskip("aetcd", reason="needs the extra `cluster`")

from pdp.control.accounts import Accounts, SecretKey
from pdp.control.kv import open_store
from pdp.v1 import account_service_pb2, account_service_pb2_grpc
from tests.integration.accounts_steps import USER, Hands, Office, quick_hasher
from tests.integration.clustered import Node, write_key
from tests.integration.etcd import Etcd, etcd
from tests.integration.oidc_provider import SECRET, OpenIdProvider, openid_provider
from tests.integration.oidc_steps import REDIRECT, identity
from tests.integration.staffed import shown

__all__ = ["etcd"]

pytestmark = pytest.mark.slow

PATIENCE = 60.0
Stub = account_service_pb2_grpc.SessionServiceStub
DEVICE = secrets.token_bytes(32)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIdProvider]:
    with openid_provider(tmp_path_factory.mktemp("id"), time.time_ns) as made:
        made.claims = {"amr": ["mfa"]}
        yield made


@pytest.fixture(scope="module")
def nodes(etcd: Etcd, provider: OpenIdProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Stub]]:
    folder = tmp_path_factory.mktemp("cluster")
    write_key(folder / "publish.key")
    for name, value in {"secret": secrets.token_hex(32), "client": SECRET}.items():
        (folder / name).write_text(value)
        (folder / name).chmod(0o600)
    store = "etcd://" + ",".join(member.address for member in etcd.members) + f"/{uuid.uuid4().hex}/"
    with contextlib.ExitStack() as stack:
        stubs = []
        for name in ("gz-1", "gz-2"):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                address = f"127.0.0.1:{probe.getsockname()[1]}"
            node = Node(
                folder, name, store,
                f"  trust: {folder}/publish.pub\n  signing_key: {folder}/publish.key\n  secret_key: {folder}/secret\n"
                f"admin: {{listen: 'off'}}\nstaff:\n  listen: {address}\n"
                f"accounts:\n  oidc:\n    issuer: {provider.issuer}\n    client_id: jingxi\n    ca: {provider.ca}\n"
                f"    client_secret: {{file: {folder}/client}}\n    second_factor_amr: mfa\n",
            )  # fmt: skip
            stack.callback(node.kill)
            options = [("grpc.use_local_subchannel_pool", 1)]
            stubs.append(Stub(stack.enter_context(grpc.insecure_channel(address, options))))  # type: ignore[no-untyped-call]
        asyncio.run(_hire(store, folder, provider))
        yield stubs


async def _hire(url: str, folder: Path, provider: OpenIdProvider) -> None:
    store = open_store(url)
    clock = Hands()
    clock.now = time.time_ns()
    accounts = Accounts(store, SecretKey.load(folder / "secret"), None, quick_hasher(), clock=clock)
    try:
        office = Office(accounts, clock)
        one, two = await office.admins(2)
        await office.hire(one, two, "zhang", USER, oidc=identity("u-1001", provider.issuer))
    finally:
        accounts.hasher.close()
        await store.close()


def begun(stub: Stub, provider: OpenIdProvider) -> account_service_pb2.FinishOidcRequest:
    """Begin at a node, go to the provider, and return what finishes."""
    found = stub.BeginOidc(
        account_service_pb2.BeginOidcRequest(redirect_uri=REDIRECT, device=DEVICE), timeout=PATIENCE,
        wait_for_ready=True,
    )  # fmt: skip
    said = provider.browse(found.authorization_url)
    return account_service_pb2.FinishOidcRequest(
        handle=found.handle, state=said["state"], authorization_code=said["code"], issuer=said["iss"], device=DEVICE
    )


def test_what_one_node_begins_another_finishes(nodes: list[Stub], provider: OpenIdProvider) -> None:
    first, second = nodes
    request = begun(first, provider)
    answer = second.FinishOidc(request, timeout=PATIENCE, wait_for_ready=True)
    assert (answer.account.name, list(answer.session.factors)) == ("zhang", ["oidc", "oidc-mfa"])
    for stub in nodes:
        metadata = shown(answer.token, DEVICE)
        told = stub.GetSession(account_service_pb2.GetSessionRequest(), metadata=metadata, timeout=PATIENCE)
        assert told.session.id == answer.session.id
        with pytest.raises(grpc.RpcError) as caught:
            stub.FinishOidc(request, timeout=PATIENCE)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_of_two_nodes_at_once_one_finishes(nodes: list[Stub], provider: OpenIdProvider) -> None:
    for _ in range(5):
        request = begun(nodes[0], provider)
        asked = provider.asked["/token"]
        tries: list[Any] = [stub.FinishOidc.future(request, timeout=PATIENCE) for stub in nodes]
        codes = {attempt.code() for attempt in tries}
        assert codes == {grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED}
        # Whoever was late did not even ask the provider.
        assert provider.asked["/token"] == asked + 1
