"""`pdp caller` and `pdp account anomalies` at a real staff port with TLS, as two people who are signed in."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pdp.cli.main import _run as run_pdp
from pdp.cli.main import cli
from pdp.cli.session_file import Known, SessionFile
from tests.integration.accounts_steps import MANAGER, Person
from tests.integration.staffed import Staffed, staffed


@dataclass
class Tools:
    """What people run, each with a configuration folder of their own."""

    port: Staffed
    folder: Path
    patch: pytest.MonkeyPatch

    def sign_in(self, person: Person) -> None:
        self._be(person.name)
        file = SessionFile()
        person.device = file.device()
        known = Known(person.name, self.port.token(person), tls=True, ca=str(self.folder / "ca.pem"))
        file.keep(self.address, known)

    @property
    def address(self) -> str:
        return f"localhost:{self.port.server.address.port}"

    def _be(self, who: str) -> None:
        self.patch.setenv("XDG_CONFIG_HOME", str(self.folder / who))
        self.patch.setenv("PDP_STAFF_LISTEN", self.address)

    def does(self, who: str, *arguments: str) -> str:
        self._be(who)
        done = CliRunner().invoke(cli, [*arguments], standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        assert done.return_value == 0, done.output
        return str(done.output)

    def told(self, who: str, *arguments: str) -> Any:
        return json.loads(self.does(who, *arguments, "--json"))

    def fails(self, who: str, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 1) -> str:
        self._be(who)
        assert run_pdp(list(arguments)) == code
        return capsys.readouterr().err


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tools]:
    monkeypatch.setenv("LANG", "C.UTF-8")
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    with staffed(tmp_path) as port:
        (tmp_path / "ca.pem").write_bytes(port.authority.pem)
        made = Tools(port, tmp_path, monkeypatch)
        for person in port.run(port.office.admins(2)):
            made.sign_in(person)
        yield made


ONE, TWO = "root-admin", "admin-1"


def test_from_nothing_to_a_rotated_token(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    assert tools.does(ONE, "caller", "list") == "no callers\n"
    out = tools.folder / "counter.token"
    said = tools.does(
        ONE, "caller", "add", "counter", "--owner", "Zhang San", "--application", "core-counter", "--subject", "T*",
        "--rate", "500/1000", "--certificate", "dns:Counter.bank.example", "--token", "--id", "2026-11", "--out",
        str(out), "--description", "the counters", "--reason", "go-live",
    )  # fmt: skip
    token = out.read_text().strip()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert re.fullmatch(r"jx_[\w-]{43}", token)
    assert token not in said
    (change,) = re.findall(r"pdp caller approve (\w+)", said)
    assert change in tools.does(TWO, "caller", "changes")
    assert "somebody else has to approve it" in tools.fails(ONE, capsys, "caller", "approve", change)
    assert tools.does(TWO, "caller", "approve", change, "--reason", "known") == (
        "approved and done: caller `counter`, version 1\n"
    )
    assert tools.does(TWO, "caller", "changes") == "no changes\n"
    assert change in tools.does(TWO, "caller", "changes", "--all", "--lang", "zh")
    shown = tools.does(ONE, "caller", "show", "counter")
    for word in ("dns:counter.bank.example", "500/s, 1000 at once", "token 2026-11", "last used never", "the counters"):
        assert word in shown
    assert "调用方" in tools.does(ONE, "caller", "list", "--lang", "zh")
    listed = tools.told(ONE, "caller", "list")
    assert [(c["name"], c["tokens"][0]["sha256"]) for c in listed["callers"]] == [("counter", "")]

    added = tools.told(ONE, "caller", "token", "add", "counter", "--days", "30", "--reason", "rotation")
    assert re.fullmatch(r"jx_[\w-]{43}", added["token"])
    assert added["change"]["kind"] == "CALLER_CHANGE_KIND_ADD_TOKEN"
    tools.does(TWO, "caller", "approve", added["change"]["id"])
    tokens = tools.told(ONE, "caller", "show", "counter")["caller"]["tokens"]
    assert len(tokens) == 2
    revoked = tools.does(TWO, "caller", "token", "revoke", "counter", "2026-11", "--reason", "rotated")
    assert revoked == "token of `counter` revoked, version 3\n"
    assert len(tools.told(ONE, "caller", "show", "counter")["caller"]["tokens"]) == 1


def test_what_takes_away_is_done_at_once_and_conflicts_are_told(
    tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = tools.told(
        ONE, "caller", "add", "desk", "--owner", "Li", "--application", "a", "--application", "b", "--subject", "*",
        "--call", "decide", "--call", "explain", "--grant", "ask", "--bundles", "--no-reports", "--reason", "x",
    )  # fmt: skip
    assert asked["token"] == ""
    tools.does(TWO, "caller", "approve", asked["change"]["id"])
    made = tools.told(ONE, "caller", "show", "desk")["caller"]
    assert (made["bundles"], made["reports"], made["calls"]) == (True, False, ["decide", "explain"])
    less = tools.does(
        ONE, "caller", "edit", "desk", "--application", "a", "--no-bundles", "--rate", "5", "--owner", "Wu",
        "--reason", "less",
    )  # fmt: skip
    assert less == "caller `desk` changed, version 2\n"
    words = tools.fails(
        TWO, capsys, "caller", "edit", "desk", "--rate", "4", "--version", "1", "--reason", "slower"
    )  # fmt: skip
    assert "root-admin changed it at" in words
    assert "(version 2)" in words
    more = tools.does(TWO, "caller", "edit", "desk", "--rate", "any", "--reason", "faster", "--lang", "zh")
    assert "须由另一人复核（rate）" in more
    (change,) = re.findall(r"approve (\w+)", more)
    assert "refused" in tools.does(ONE, "caller", "refuse", change, "--reason", "not agreed")
    assert "`root-admin` refused this already" in tools.fails(TWO, capsys, "caller", "approve", change)
    assert tools.does(ONE, "caller", "disable", "desk", "--reason", "odd") == "caller `desk` is turned away\n"
    assert "disabled" in tools.does(ONE, "caller", "list")
    enabled = tools.told(ONE, "caller", "enable", "desk", "--reason", "fine")
    assert tools.does(TWO, "caller", "approve", enabled["change"]["id"], "--json")
    assert tools.does(ONE, "caller", "remove", "desk", "--reason", "gone") == "caller `desk` removed\n"
    assert "there is no managed caller `desk`" in tools.fails(ONE, capsys, "caller", "show", "desk")
    tools.fails(ONE, capsys, "caller", "edit", "desk", "--rate", "x", "--reason", "x", code=1)
    (tools.folder / "there").write_text("")
    words = tools.fails(
        ONE, capsys, "caller", "token", "add", "desk", "--out", str(tools.folder / "there"), "--reason", "x"
    )
    assert "exists already" in words


def test_what_was_unusual_is_reviewed(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    port = tools.port
    assert tools.does(ONE, "account", "anomalies", "--account", "wang") == "nothing unusual\n"
    person = port.run(port.office.hire(Person(ONE), Person(TWO), "wang", MANAGER))
    port.run(port.office.set_up(person))
    port.run(port.office.sign_in(person, device=b"1" * 32, address="10.1.0.7"))
    (found,) = tools.told(ONE, "account", "anomalies", "--account", "wang")["anomalies"]
    assert (found["kind"], found["address"]) == ("ANOMALY_CLASS_NEW_DEVICE", "10.1.0.7")
    assert "新设备" in tools.does(ONE, "account", "anomalies", "--class", "new-device", "--lang", "zh")
    said = tools.does(ONE, "account", "review", found["id"], "--verdict", "legitimate", "--reason", "a new laptop")
    assert said == f"anomaly {found['id']} of `wang`: legitimate\n"
    assert tools.does(ONE, "account", "anomalies", "--account", "wang") == "nothing unusual\n"
    assert "a new laptop" in tools.does(ONE, "account", "anomalies", "--all")
    words = tools.fails(
        TWO, capsys, "account", "review", found["id"], "--verdict", "compromised", "--reason", "no"
    )  # fmt: skip
    assert "reviewed this already" in words
