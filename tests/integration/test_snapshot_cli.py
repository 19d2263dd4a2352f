"""`pdp snapshot list`, `show`, `tail`, `stats` and `export`, against a real staff port."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pdp.cli.main import main
from tests.commands import program
from tests.integration.store_contract import fill, key
from tests.integration.test_snapshot_service import PATIENCE, Service, decision, serving


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ended]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serving(f"sqlite:{tmp_path}/store/snapshots.db", tmp_path) as running:
        yield running


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PDP_DATA", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as caught:
            main(["snapshot", *(str(argument) for argument in arguments)])
        streams = capsys.readouterr()
        code = caught.value.code
        return Ended(code if isinstance(code, int) else 1, streams.out, streams.err)

    return call


def test_a_list_for_people(service: Service, run: Run) -> None:
    fill(service.writer, key(), [decision(n, severity=n % 4) for n in range(4)])
    ended = run("list", "--filter", "flagged")
    assert ended.code == 0
    assert [line.split()[2] for line in ended.out.splitlines()[2:]] == ["d0003", "d0002"]
    assert "C3" in ended.out
    assert "2 of 2" in ended.err


def test_a_list_in_chinese(service: Service, run: Run) -> None:
    fill(service.writer, key(), [decision(1)])
    ended = run("list", "--lang", "zh")
    assert "操作员" in ended.out


def test_pages(service: Service, run: Run) -> None:
    fill(service.writer, key(), [decision(n) for n in range(5)])
    ended = run("list", "--limit", 2, "--page", 2, "--json")
    assert [line["record"]["snapshot"]["decisionId"] for line in ended.lines] == ["d0002", "d0001"]
    assert len(run("list", "--limit", 2, "--all", "--json").lines) == 5
    first = run("list", "--limit", 2)
    assert "--page 2" in first.err


def test_a_time(service: Service, run: Run) -> None:
    fill(service.writer, key(), [decision(n * 3600) for n in range(5)])
    since, until = "2025-11-08T01:00:00Z", "2025-11-08T03:00:00Z"
    ended = run("list", "--since", since, "--until", until, "--filter", "!flagged // not", "--json")
    assert [line["record"]["snapshot"]["decisionId"] for line in ended.lines] == ["d7200", "d3600"]
    assert run("list", "--since", "7d", "--json").out == ""
    assert "no time" in run("list", "--since", "yesterday").err


def test_a_wrong_filter_is_shown_with_its_place(service: Service, run: Run) -> None:
    del service
    for more in ((), ("--since", "7d")):
        ended = run("list", "--filter", "flagged && subject.levl > 3", *more)
        assert ended.code == 1
        lines = ended.err.splitlines()
        assert lines[0] == "pdp: error: --filter: there is no name `subject.levl`"
        assert lines[1] == "  flagged && subject.levl > 3"
        assert lines[2] == "             ^"
        assert lines[3] == "  did you mean `subject.level`"
    assert run("list", "--filter", "// 客户\n客户").err.splitlines()[1:3] == ["  客户", "  ^"]


def test_nothing_found_says_what_to_do(service: Service, run: Run) -> None:
    del service
    ended = run("list", "--filter", "flagged")
    assert (ended.code, ended.out) == (0, "")
    assert "try a longer time" in ended.err


def test_a_record_with_its_story(service: Service, run: Run) -> None:
    fill(service.writer, key(), [decision(7, severity=2)])
    ended = run("show", "d0007")
    for part in ("decision d0007", "mobile: unmask, by core/senior", "subject.id = T1", "no checkpoint covers it yet"):
        assert part in ended.out
    assert run("show", "d0007", "--json").code == 0
    missing = run("show", "nothing")
    assert (missing.code, missing.err) == (1, "pdp: error: no record has the id `nothing`\n")


def test_numbers(service: Service, run: Run) -> None:
    fill(service.writer, key(), [decision(n, severity=n % 4) for n in range(12)])
    since = ("--since", "2025-11-08T00:00:00Z")
    ended = run("stats", "--by", "menu", *since)
    assert [line.split()[:3] for line in ended.out.splitlines()[2:4]] == [["3101", "6", "3"], ["3102", "6", "3"]]
    assert json.loads(run("stats", "--by", "day", "--json", *since).out)["flagged"] == "6"
    assert "try a longer time" in run("stats", "--filter", "caller == 'nobody'").err


def test_an_export_is_whole_and_private(service: Service, run: Run, tmp_path: Path) -> None:
    fill(service.writer, key(), [decision(n) for n in range(3)])
    out = tmp_path / "export.csv"
    ended = run("export", "--reason", "audit", "-o", out)
    assert (ended.code, ended.err) == (0, f"3 records in `{out}`\n")
    assert len(out.read_text("utf-8-sig").splitlines()) == 4
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    again = run("export", "--reason", "audit", "-o", out)
    assert again.code == 1
    assert "--force" in again.err
    assert run("export", "--reason", "audit", "-o", out, "--force").code == 0
    assert run("export", "--reason", "audit", "-o", tmp_path / "export").code == 2
    bad = run("export", "--reason", "audit", "--filter", "nonsense", "-o", tmp_path / "bad.csv")
    assert bad.code == 1
    assert [path.name for path in tmp_path.glob("*bad*")] == []


def test_without_a_server(run: Run, tmp_path: Path) -> None:
    ended = run("list")
    assert ended.code == 1
    assert f"no socket `{tmp_path}/staff.sock`" in ended.err
    assert "no answer from `127.0.0.1:1`" in run("list", "--server", "127.0.0.1:1").err


def test_a_tail_ends_after_so_many_and_on_ctrl_c(service: Service, tmp_path: Path) -> None:
    command = [program(), "snapshot", "tail", "--json", "--filter", "flagged"]
    environment = os.environ | {"PDP_DATA": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    stream = fill(service.writer, key(), [decision(1, severity=2)])
    with subprocess.Popen(
        [*command, "--count", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as tail:
        assert tail.stderr is not None
        assert "Ctrl-C" in tail.stderr.readline()
        service.writer.take(stream.add([decision(2), decision(3, severity=3)]), [stream.state])
        out, _ = tail.communicate(timeout=PATIENCE)
    assert json.loads(out)["record"]["snapshot"]["decisionId"] == "d0003"
    assert tail.returncode == 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as tail:
        assert tail.stderr is not None
        tail.stderr.readline()
        tail.send_signal(signal.SIGINT)
        _, err = tail.communicate(timeout=PATIENCE)
    assert tail.returncode == 130
    assert "Traceback" not in err
