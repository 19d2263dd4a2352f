"""`pdp caller`: tokens and the callers file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from pdp.cli.caller import caller
from pdp.cli.main import main
from pdp.control.callers.tokens import make_token, token_hash
from pdp.server.callers import Registry, read_callers
from pdp.server.peers import Peer

ENTRY = """\
kind: Callers
callers:
  - name: counter
    applications: ["*"]
    subjects: ["*"]
    tokens:
      """


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(caller, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def found(output: str) -> tuple[str, str]:
    """Return the token and the line."""
    return re.findall(r"jx_[\w-]{43}", output)[0], re.findall(r"^ +(- \{.*\})$", output, re.MULTILINE)[0]


def test_tokens_are_long_and_never_the_same() -> None:
    made = {make_token() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"jx_[\w-]{43}", token) for token in made)


def test_the_line_opens_the_door_for_the_token(tmp_path: Path) -> None:
    code, output = run("token")
    token, line = found(output)
    path = tmp_path / "callers.yaml"
    path.write_text(ENTRY + line + "\n")
    assert code == 0
    assert output.count("jx_") == 1
    assert Registry.load(path).identify(Peer(token)).name == "counter"
    (spec,) = read_callers(path)
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", spec.tokens[0].id)
    assert spec.tokens[0].expires_at is not None


def test_a_token_for_ever_with_a_name_of_its_own() -> None:
    _, line = found(run("token", "--id", "x", "--days", "0")[1])
    assert re.fullmatch(r'- \{id: "x", sha256: "[0-9a-f]{64}"\}', line)


def test_a_token_goes_to_a_file_of_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "counter.token"
    _, output = run("token", "--out", str(path))
    assert "jx_" not in output
    assert path.stat().st_mode & 0o777 == 0o600
    assert token_hash(path.read_text().strip()) in output


def test_a_token_in_use_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "counter.token"
    path.write_text("jx_in_use")
    with pytest.raises(SystemExit) as ended:
        main(["caller", "token", "--out", str(path)])
    assert ended.value.code == 1
    assert "exists already" in capsys.readouterr().err
    assert path.read_text() == "jx_in_use"


def test_a_file_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "callers.yaml"
    path.write_text(ENTRY + f'- {{id: a, sha256: "{"a" * 64}", expires_at: "2020-01-01T00:00:00Z"}}\n')
    code, output = run("check", str(path))
    assert code == 0
    assert output.splitlines() == [
        f"{path}: the token `a` of `counter` has expired", f"{path}: 1 caller, no problems",
    ]  # fmt: skip


def test_a_wrong_file_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "callers.yaml"
    path.write_text(ENTRY + "- {id: a, sha256: jx_secret}\n")
    code, output = run("check", str(path))
    assert code == 1
    assert "jx_secret" not in output
    assert "callers.yaml:7:25: error: `sha256` must be the hash of a token" in output
    assert output.endswith(": 1 error\n")
