"""How the service starts its own processes, with an interpreter and in a folder without one."""

from __future__ import annotations

import sys

import pytest

from pdp.cli import frozen
from pdp.server.launch import command_of


def test_an_interpreter_runs_the_module() -> None:
    assert command_of("pdp.server.worker") == [sys.executable, "-P", "-m", "pdp.server.worker"]


def test_without_one_the_program_runs_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/pdp-admin/pdp")
    assert command_of("pdp.server.worker") == ["/opt/pdp-admin/pdp", "-m", "pdp.server.worker"]


@pytest.mark.parametrize("module", frozen.MODULES)
def test_the_program_runs_its_own_modules(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        frozen.main(["-m", module, "--help"])
    assert ended.value.code == 0
    assert "--control-fd" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["-m"], ["-m", "json.tool"], ["-m", "pdp.cli"]])
def test_no_other_module_is_run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        frozen.main(arguments)
    assert ended.value.code == 2
    assert "-m" in capsys.readouterr().err


def test_everything_else_is_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        frozen.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("pdp ")
