"""`pdp login --oidc` as a process of its own, at a real `pdp serve` whose configuration names a real provider."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pdp.control.accounts import Accounts, SecretKey
from pdp.control.kv.sqlite import SqliteStore
from pdp.server.account_settings import own_key
from tests.commands import program
from tests.integration.accounts_steps import USER, Hands, Office, quick_hasher
from tests.integration.oidc_provider import SECRET, OpenIdProvider, openid_provider
from tests.integration.oidc_steps import identity
from tests.integration.test_account_cli import PATIENCE, Desk


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIdProvider]:
    with openid_provider(tmp_path_factory.mktemp("id"), time.time_ns) as made:
        yield made


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, provider: OpenIdProvider) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    secret = folder / "client-secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    made = Desk(
        folder,
        f"accounts:\n  oidc:\n    issuer: {provider.issuer}\n    client_id: jingxi\n    ca: {provider.ca}\n"
        "    client_secret: {file: client-secret}\n    second_factor_amr: mfa\n    label: 行内统一认证\n",
    )
    asyncio.run(_hire(folder, provider))
    yield made
    log = made.end()
    assert SECRET not in log


async def _hire(folder: Path, provider: OpenIdProvider) -> None:
    """Make the account straight in the store of the service that runs: the ways there are other tests'."""
    store = SqliteStore(folder / "data" / "control" / "control.db")
    clock = Hands()
    clock.now = time.time_ns()
    key = SecretKey.load(own_key(folder / "data"))
    accounts = Accounts(store, key, None, quick_hasher(), clock=clock)
    try:
        office = Office(accounts, clock)
        one, two = await office.admins(2)
        await office.hire(one, two, "zhang", USER, oidc=identity("u-1001", provider.issuer))
    finally:
        accounts.hasher.close()
        await store.close()


class Login:
    """A `pdp login --oidc` that has said where to go."""

    def __init__(self, desk: Desk, *arguments: str) -> None:
        command = [program(), "login", "--oidc", "--no-browser", "--ca", str(desk.folder / "ca.pem")]
        environ = os.environ | {"XDG_CONFIG_HOME": str(desk.folder / "me"), "PDP_STAFF_LISTEN": desk.address}
        self.process = subprocess.Popen(
            [*command, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environ,
        )  # fmt: skip
        assert self.process.stderr is not None
        self.words, self.url = (self.process.stderr.readline().strip() for _ in range(2))

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


def follow(location: str) -> int:
    parts = urlsplit(location)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return connection.getresponse().status
    finally:
        connection.close()


def test_from_the_configuration_to_a_session(desk: Desk, provider: OpenIdProvider) -> None:
    provider.claims = {"amr": ["pwd", "mfa"]}
    login = Login(desk, "--lang", "zh")
    assert "行内统一认证" in login.words
    provider.browse(login.url)
    # A connection that says nothing, as browsers open them ahead of need, is in nobody's way.
    with socket.create_connection(("127.0.0.1", int(str(urlsplit(provider.location).port)))):
        assert follow(provider.location) == 200
        code, out, err = login.end()
    assert (code, "已登录为 `zhang`" in out) == (0, True), err
    who = desk.told("me", "whoami")
    assert (who["account"]["name"], who["session"]["factors"]) == ("zhang", ["oidc", "oidc-mfa"])
    # The same redirect once more comes to nobody: the port is closed.
    with pytest.raises(OSError, match="refused"):
        follow(provider.location)
    assert "zhang" in desk.does("me", "session", "list")


def test_ctrl_c_ends_the_wait(desk: Desk) -> None:
    login = Login(desk)
    login.process.send_signal(signal.SIGINT)
    code, out, err = login.end()
    assert (code, out) == (130, "")
    assert "Traceback" not in err


def test_nobody_comes_back_in_time(desk: Desk) -> None:
    login = Login(desk, "--timeout", "1")
    code, _, err = login.end()
    assert (code, "nobody signed in at 行内统一认证 within 1 s" in err) == (1, True)


def test_a_port_that_is_taken_is_told(desk: Desk) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = desk.run("me", "login", "--oidc", "--port", port)
    assert (done.returncode, f"cannot listen on 127.0.0.1:{port}" in done.stderr) == (1, True)


def test_a_provider_that_is_away_is_told(desk: Desk, provider: OpenIdProvider) -> None:
    provider.answers["/token"] = (503, {}, b"{}")
    login = Login(desk)
    provider.browse(login.url)
    follow(provider.location)
    code, _, err = login.end()
    provider.answers.clear()
    assert code == 1
    assert "the OpenID provider gives no token (status 503" in err
    assert json.dumps(SECRET) not in err
