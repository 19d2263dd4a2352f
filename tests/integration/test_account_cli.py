"""From the first account on by the command line, at a real `pdp serve` with TLS."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pdp.control.accounts import totp
from tests.commands import program
from tests.integration.accounts_steps import PASSWORD, RISK, secret_of
from tests.integration.pki import Authority
from tests.integration.running import write_policies

PATIENCE = 60.0


class Desk:
    """A `pdp serve` whose staff port is on a network address, and the tools of the people who use it."""

    def __init__(self, folder: Path, config: str = "") -> None:
        """`config` is what the configuration says besides."""
        self.folder = folder
        write_policies(folder)
        authority = Authority.make()
        authority.server().write(folder, "staff")
        (folder / "ca.pem").write_bytes(authority.pem)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"localhost:{port}"
        (folder / "pdp.yaml").write_text(
            "policies: policies\ndata: data\nlisten: 127.0.0.1:0\nadmin: {listen: 'off'}\n"
            f"staff:\n  listen: 127.0.0.1:{port}\n  certificate: staff.crt\n  key: staff.key\n{config}"
        )
        self.log = (folder / "serve.log").open("w+")
        command = [program(), "serve", "--config", str(folder / "pdp.yaml")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        assert self.process.stdout is not None
        guard = threading.Timer(PATIENCE, self.process.kill)
        guard.start()
        self.said = [self.process.stdout.readline(), self.process.stdout.readline()]
        guard.cancel()

    def run(self, who: str, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        """Run `pdp` as somebody with a configuration folder of their own."""
        home = self.folder / who
        environ = os.environ | {"XDG_CONFIG_HOME": str(home), "PDP_STAFF_LISTEN": self.address}
        return subprocess.run(
            [program(), *arguments], input=said, capture_output=True, text=True, check=False,
            timeout=PATIENCE, env=environ,
        )  # fmt: skip

    def does(self, who: str, *arguments: str, said: str = "") -> str:
        done = self.run(who, *arguments, said=said)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def told(self, who: str, *arguments: str, said: str = "") -> Any:
        return json.loads(self.does(who, *arguments, "--json", said=said))

    def end(self) -> str:
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.log.seek(0)
        text = self.log.read()
        self.log.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return text


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    if made.process.poll() is None:
        made.end()


def sign_in_first(desk: Desk, who: str, password: str) -> list[str]:
    """Sign in, set up one-time codes, and return recovery codes: each signs in once more."""
    desk.does(who, "login", who, "--stdin", "--ca", str(desk.folder / "ca.pem"), said=f"{password}\n\n")
    process = subprocess.Popen(
        [program(), "account", "totp", "--stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env=os.environ | {"XDG_CONFIG_HOME": str(desk.folder / who), "PDP_STAFF_LISTEN": desk.address,
                                     "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{password}\n")
    process.stdin.flush()
    secret = secret_of(process.stdout.readline().split(": ")[1].strip())
    answer, _ = process.communicate(f"{totp.code_at(secret, totp.step_at(time.time_ns()))}\n", timeout=PATIENCE)
    assert process.returncode == 0
    return [line.strip() for line in answer.splitlines() if line.startswith("  ")]


def hire_second_admin(desk: Desk, ca: str) -> str:
    """Let chen make li an Admin, who changes the first password; return that one."""
    rights = [word for name in ("read", "ask", "review", "approve") for word in ("--right", f"account-{name}")]
    asked = desk.told(
        "chen", "account", "ask", "create", "li", "--owner", "Li Si", "--level", "admin", *rights,
        "--network", "127.0.0.0/8", "--window", "00:00-24:00", "--risk", RISK, "--reason", "second",
    )  # fmt: skip
    desk.does("chen", "account", "review", asked["id"], "--reason", "known")
    desk.does("chen", "account", "approve", asked["id"])
    password: str = desk.told("chen", "account", "execute", asked["id"])["password"]
    desk.does("li", "login", "li", "--stdin", "--ca", ca, said=f"{password}\n\n")
    limited = desk.run("li", "account", "list")
    assert "must first change the password" in limited.stderr
    desk.does("li", "account", "password", "--stdin", said=f"{password}\n{PASSWORD}\n{PASSWORD}\n")
    sign_in_first(desk, "li", PASSWORD)
    return password


def test_from_the_first_account_to_a_colleague_and_out_again(desk: Desk) -> None:
    offered, ready = desk.said
    assert ready.startswith("ready ")
    token = offered.split("--token ")[1].split()[0]
    ca = str(desk.folder / "ca.pem")
    refused = desk.run("chen", "policy", "drafts")
    assert refused.returncode == 1
    made = desk.does("chen", "account", "first", "chen", "--owner", "Chen Wei", "--ca", ca, "--stdin",
                     said=f"{token}\n{PASSWORD}\n")  # fmt: skip
    assert "pdp login chen" in made
    denied = desk.run("chen", "policy", "drafts")
    assert (denied.returncode, "run `pdp login`" in denied.stderr) == (1, True)
    recovery = sign_in_first(desk, "chen", PASSWORD)
    kept = desk.folder / "chen" / "jingxi" / "session"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    who = desk.told("chen", "whoami")
    assert (who["account"]["name"], who["session"]["limited"]) == ("chen", False)
    password = hire_second_admin(desk, ca)
    asked = desk.told("li", "account", "ask", "create", "zhang", "--owner", "Zhang San", "--level", "user", "--right",
                      "policy-write", "--risk", RISK, "--reason", "new colleague")  # fmt: skip
    own = desk.run("li", "account", "review", asked["id"], "--reason", "mine")
    assert "somebody else has to review it" in own.stderr
    desk.does("chen", "account", "review", asked["id"], "--reason", "known")
    desk.does("chen", "account", "approve", asked["id"])
    desk.does("li", "account", "execute", asked["id"])
    assert "zhang" in desk.does("chen", "account", "list")
    assert "policy-write" in desk.does("chen", "account", "show", "zhang")
    assert asked["id"] in desk.does("chen", "account", "requests")
    changed = desk.told("li", "account", "ask", "change", "zhang", "--remove-right", "policy-write", "--right",
                        "simulate", "--risk", RISK, "--reason", "tests")  # fmt: skip
    assert [right["permission"] for right in changed["wanted"]["rights"]] == ["PERMISSION_SIMULATE"]
    desk.does("li", "account", "refuse", changed["id"], "--reason", "taken back")
    assert desk.run("chen", "snapshot", "list").returncode == 1
    desk.does("chen", "node", "list")
    sessions = desk.told("chen", "session", "list", "--all")
    of_li = next(item["id"] for item in sessions if item["account"] == "li")
    desk.does("chen", "session", "revoke", of_li, "--reason", "test")
    assert desk.run("li", "account", "list").returncode == 1
    desk.does("chen", "account", "lock", "zhang", "--reason", "not yet")
    desk.does("chen", "account", "unlock", "zhang", "--reason", "now")
    desk.does("chen", "logout")
    assert desk.run("chen", "whoami").returncode == 1
    desk.does("chen", "login", "chen", "--stdin", said=f"{PASSWORD}\n{recovery[0]}\n")
    wrong = desk.run("chen", "login", "chen", "--stdin", said=f"{PASSWORD}\n{recovery[0]}\n")
    assert wrong.returncode == 1
    log = desk.end()
    for hidden in (token, password, PASSWORD, *recovery):
        assert hidden not in log


def test_a_session_file_that_others_can_read_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "jingxi" / "session"
    file.parent.mkdir()
    file.write_text('{"device": "", "ports": {}}')
    file.chmod(0o644)
    done = subprocess.run(
        [program(), "whoami", "--server", "127.0.0.1:1"], capture_output=True, text=True,
        check=False, env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path)}, timeout=PATIENCE,
    )  # fmt: skip
    assert (done.returncode, "chmod 600" in done.stderr) == (1, True)
