"""The commands of `pdp`, run in this process: output, exit codes and error lines."""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import pdp
from pdp.cli.main import COMMANDS, main
from pdp.engine import bundle as bundles
from pdp.engine.program import Program

POLICIES = {
    "attributes.yaml": """
kind: Attributes
attributes:
  subject.level: {type: int, label: {zh: 柜员级别, en: teller level}}
  context.menu: {type: string, label: {zh: 菜单, en: menu}}
""",
    "dictionary.yaml": """
kind: Dictionary
defaults: {C1: unmask, C2: mask, C3: mask}
fields:
  name: {label: {zh: 姓名, en: name}, level: C1}
  mobile: {label: {zh: 手机号, en: mobile number}, level: C2, mask: mobile}
  balance: {label: {zh: 余额, en: balance}, level: C3}
---
kind: Masks
masks:
  mobile: {label: {zh: 显示前 3 后 4, en: first 3 and last 4 shown}, algorithm: keep, prefix: 3, suffix: 4}
""",
    "policy.yaml": """
kind: Policy
id: core
title: {zh: 核心柜面, en: core counter}
scope: {context.menu: ["3101"]}
rules:
  - id: senior
    title: {zh: 高级柜员, en: senior tellers}
    when: [subject.level >= 3]
    fields: [mobile]
    unmask: true
    obligations: [watermark]
  - id: approved
    title: {zh: 经授权, en: authorised}
    when: [grant.active]
    fields: [balance]
    unmask: true
""",
    "tests.yaml": """
kind: Test
id: counter
title: {zh: 柜面, en: counter}
now: "2026-03-02T10:00:00+08:00"
request:
  subject: {id: T1, level: 3}
  resource: {type: customer, id: C1}
  context: {menu: "3101"}
scenarios:
  - id: senior
    title: {zh: 高级, en: senior}
    expect: {mobile: {unmask: true, rule: core/senior}, name: unmask, balance: mask}
    obligations: [watermark]
  - id: junior
    title: {zh: 初级, en: junior}
    request: {subject: {level: 1}}
    expect: {mobile: mobile}
""",
}

GRANTS = """
kind: Grants
grants:
  - {id: G1, kind: supervisor, subject: T1, resource: {type: customer, id: C1}, fields: [balance], levels: [],
     not_before: "2026-03-02T09:00:00+08:00", expires_at: "2026-03-02T11:00:00+08:00", approver: M1,
     approver_level: 5, scenario: service, reason: counter, evidence: ""}
"""

REQUEST: dict[str, Any] = {
    "requestId": "r-1",
    "subject": {"id": "T1", "attributes": {"level": {"intValue": "3"}}},
    "resource": {"type": "customer", "id": "C1"},
    "context": {"menu": {"stringValue": "3101"}},
    "fields": ["mobile", "balance"],
    "grantIds": ["G1"],
}
NOW = "2026-03-02T10:00:00+08:00"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ended]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*arguments: object, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        streams = capsys.readouterr()
        return Ended(int(caught.value.code or 0), streams.out, streams.err)

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "policies"
    path.mkdir()
    for name, text in POLICIES.items():
        (path / name).write_text(text)
    return path


@pytest.fixture
def grants(tmp_path: Path) -> Path:
    path = tmp_path / "grants.yaml"
    path.write_text(GRANTS)
    return path


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


class TestProgram:
    def test_help_lists_every_command_as_it_describes_itself(self, run: Run) -> None:
        ended = run("--help")
        assert ended.code == 0
        assert "Exit codes:" in ended.out
        for name, entry in COMMANDS.items():
            module, _, attribute = entry.target.partition(":")
            command = getattr(importlib.import_module(module), attribute)
            assert name in ended.out
            assert command.name == name
            told = run(name, "--help")
            assert told.code == 0
            assert "Exit codes:" in told.out or name == "completion"
            assert "Examples:" in told.out

    def test_version(self, run: Run) -> None:
        assert run("--version").out == f"pdp {pdp.__version__}\n"

    @pytest.mark.parametrize(
        "arguments",
        [("nothing",), ("check",), ("check", "no-such-folder"), ("check", ".", "--format", "xml"), ("--nothing",)],
    )
    def test_a_wrong_command_line_is_2(self, run: Run, arguments: Sequence[str]) -> None:
        ended = run(*arguments)
        assert ended.code == 2
        assert "Traceback" not in ended.err
        assert ended.out == ""

    def test_a_command_that_is_nearly_right(self, run: Run) -> None:
        assert "did you mean `check`?" in run("chek").err

    def test_a_mistake_in_pdp_itself_is_3_and_debug_shows_it(
        self, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(Program, "from_bundle", fail)
        ended = run("compile", folder)
        assert ended.code == 3
        assert ended.err.count("\n") == 1
        assert "--debug" in ended.err
        debugged = run("compile", folder, "--debug")
        assert debugged.code == 3
        assert "ZeroDivisionError" in debugged.err

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_completion(self, run: Run, shell: str) -> None:
        ended = run("completion", shell)
        assert ended.code == 0
        assert "_PDP_COMPLETE" in ended.out


class TestCheck:
    def test_a_sound_set(self, run: Run, folder: Path) -> None:
        ended = run("check", folder)
        assert ended.code == 0
        assert ended.out.splitlines()[-1] == "4 files, 2 rules, 0 errors, 0 warnings"

    def test_errors_stand_with_place_and_line(self, run: Run, folder: Path) -> None:
        edit(folder, "policy.yaml", "subject.level >= 3", "subject.levle >= 3")
        ended = run("check", folder)
        assert ended.code == 1
        assert "policy.yaml:9:12: error: " in ended.out
        assert "when: [subject.levle >= 3]" in ended.out
        assert ended.out.splitlines()[-1] == "4 files, 2 rules, 1 error, 0 warnings"

    def test_json(self, run: Run, folder: Path) -> None:
        edit(folder, "policy.yaml", "subject.level >= 3", "subject.levle >= 3")
        ended = run("check", folder, "--format", "json")
        assert ended.code == 1
        assert (ended.json["files"], ended.json["rules"], ended.json["errors"]) == (4, 2, 1)
        assert ended.json["diagnostics"][0]["file"] == "policy.yaml"

    def test_strict_fails_on_warnings(self, run: Run, folder: Path) -> None:
        edit(folder, "policy.yaml", "when: [subject.level >= 3]", "when: [subject.level >= 3, subject.level < 3]")
        relaxed, strict = run("check", folder), run("check", folder, "--strict")
        assert "warning: " in relaxed.out
        assert (relaxed.code, strict.code) == (0, 1)
        assert run("check", folder, "--strict", "--no-analysis").code == 0


class TestTest:
    def test_all_pass(self, run: Run, folder: Path) -> None:
        ended = run("test", folder)
        assert ended.code == 0
        assert "counter/senior" in ended.out
        assert "1 of 2 rules matched, 1 of 2 clauses both true and false" in ended.out
        assert "core/approved never matched" in ended.out
        assert "`grant.active` never true" in ended.out
        assert ended.out.splitlines()[-1] == "2 scenarios, all passed"

    def test_a_failure_shows_expected_and_got(self, run: Run, folder: Path) -> None:
        edit(folder, "policy.yaml", "subject.level >= 3", "subject.level >= 4")
        ended = run("test", folder)
        assert ended.code == 1
        (row,) = [line for line in ended.out.splitlines() if line.startswith("mobile ")]
        assert "unmask, by core/senior" in row
        assert "mobile = keep(" in row
        assert "by the dictionary's default" in row
        (row,) = [line for line in ended.out.splitlines() if line.startswith("(obligations)")]
        assert row.split()[1:3] == ["watermark", "none"]
        assert ended.out.splitlines()[-1] == "2 scenarios, 1 failed"

    def test_a_mask_is_compared_by_what_it_does(self, run: Run, folder: Path) -> None:
        edit(
            folder,
            "tests.yaml",
            "expect: {mobile: mobile}",
            "expect: {mobile: {mask: {algorithm: keep, prefix: 3, suffix: 4}}}",
        )
        assert run("test", folder).code == 0
        edit(folder, "tests.yaml", "prefix: 3", "prefix: 2")
        assert run("test", folder).code == 1

    def test_scenarios_with_their_own_grants(self, run: Run, folder: Path) -> None:
        grants = GRANTS.replace("kind: Grants\n", "")
        scenario = "  - {id: approved, title: approved, grant_ids: [G1], expect: {balance: unmask}}\n"
        edit(folder, "tests.yaml", "scenarios:\n", f"{grants.lstrip()}scenarios:\n{scenario}")
        ended = run("test", folder, "--format", "json")
        assert (ended.code, ended.json["passed"]) == (0, 3)
        assert [rule["matched"] for rule in ended.json["coverage"]["rules"]] == [1, 1]

    @pytest.mark.parametrize(("pattern", "count"), [("senior", 1), ("counter/", 2), ("counter/j*", 1), ("*", 2)])
    def test_a_choice_of_scenarios(self, run: Run, folder: Path, pattern: str, count: int) -> None:
        ended = run("test", folder, "-k", pattern, "--format", "json")
        assert len(ended.json["scenarios"]) == count

    def test_no_scenario_is_a_problem(self, run: Run, folder: Path) -> None:
        assert run("test", folder, "-k", "nothing").code == 1
        (folder / "tests.yaml").unlink()
        ended = run("test", folder)
        assert ended.code == 1
        assert "has no scenarios" in ended.err


class TestDecide:
    def test_a_request_in_a_file(self, run: Run, folder: Path, grants: Path, tmp_path: Path) -> None:
        (tmp_path / "request.json").write_text(json.dumps(REQUEST, indent=2))
        ended = run("decide", "--policies", folder, "--grants", grants, "--now", NOW, tmp_path / "request.json")
        assert ended.code == 0
        (reply,) = ended.lines
        assert [v["effect"] for v in reply["verdicts"]] == ["EFFECT_UNMASK", "EFFECT_UNMASK"]
        assert reply["requestId"] == "r-1"
        late = run("decide", "--policies", folder, "--grants", grants, "--now", "2026-03-02T11:00:00+08:00",
                   tmp_path / "request.json")  # fmt: skip
        assert [v["effect"] for v in late.lines[0]["verdicts"]] == ["EFFECT_UNMASK", "EFFECT_MASK"]

    def test_many_requests_one_of_them_bad(self, run: Run, folder: Path) -> None:
        good = json.dumps(REQUEST).encode()
        bad = json.dumps(REQUEST | {"fields": []}).encode()
        ended = run("decide", "--policies", folder, "-", stdin=b"\n".join([good, b"{", bad, b"\xff", good]))
        assert ended.code == 1
        assert [reply.get("line") for reply in ended.lines] == [None, 2, 3, 4, None]
        assert [reply["error"]["code"] for reply in ended.lines[1:4]] == [
            "invalid_json", "invalid_request", "invalid_json",
        ]  # fmt: skip
        assert ended.lines[2]["error"]["violations"][0]["field"] == "fields"

    def test_a_file_without_requests_is_told(self, run: Run, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "empty.json").write_text("\n")
        ended = run("decide", "--policies", folder, tmp_path / "empty.json")
        assert (ended.code, ended.out) == (0, "")
        assert ended.err == "the input holds no request\n"

    def test_policies_with_errors_decide_nothing(self, run: Run, folder: Path) -> None:
        edit(folder, "policy.yaml", "subject.level >= 3", "subject.levle >= 3")
        ended = run("decide", "--policies", folder, stdin=json.dumps(REQUEST).encode())
        assert ended.code == 1
        assert ended.out == ""
        assert "subject.levle" in ended.err
        assert ended.err.splitlines()[-1].startswith("pdp: error: ")

    @pytest.mark.parametrize("text", ["kind: Grants\ngrants: 3\n", "\xff"], ids=["shape", "encoding"])
    def test_grants_that_cannot_be_used(self, run: Run, folder: Path, grants: Path, text: str) -> None:
        grants.write_bytes(text.encode("latin-1"))
        ended = run("decide", "--policies", folder, "--grants", grants, stdin=b"{}")
        assert ended.code == 1
        assert "grants.yaml" in ended.err
        assert "Traceback" not in ended.err

    def test_a_time_that_is_none(self, run: Run, folder: Path) -> None:
        ended = run("decide", "--policies", folder, "--now", "noon", stdin=b"{}")
        assert ended.code == 2
        assert "`noon` is not a date-time" in ended.err


class TestExplain:
    def test_rules_in_both_languages(self, run: Run, folder: Path) -> None:
        ended = run("explain", folder)
        assert ended.code == 0
        assert "core/senior" in ended.out
        assert "柜员级别" in ended.out
        assert "teller level" in ended.out

    def test_one_rule_in_one_language(self, run: Run, folder: Path) -> None:
        ended = run("explain", "--policies", folder, "--rule", "core/senior", "--lang", "zh", "--format", "json")
        (rule,) = ended.json
        assert rule["rule"] == "core/senior"
        assert set(rule["sentence"]) == {"zh"}

    def test_rules_of_a_field(self, run: Run, folder: Path) -> None:
        ended = run("explain", folder, "--field", "balance", "--format", "json")
        assert [rule["rule"] for rule in ended.json] == ["core/approved"]

    def test_a_rule_that_is_not_there(self, run: Run, folder: Path) -> None:
        ended = run("explain", folder, "--rule", "core/nothing")
        assert ended.code == 1
        assert "core/nothing" in ended.err

    def test_a_decision(self, run: Run, folder: Path, grants: Path) -> None:
        ended = run(
            "explain", folder, "--request", "-", "--grants", grants, "--now", NOW, stdin=json.dumps(REQUEST).encode()
        )
        assert ended.code == 0
        assert "mobile: unmask, by core/senior" in ended.out
        assert "balance: unmask, by core/approved under grant G1" in ended.out
        assert "subject.level >= 3  where subject.level = 3" in ended.out

    def test_a_decision_as_json(self, run: Run, folder: Path) -> None:
        ended = run("explain", folder, "--request", "-", "--field", "mobile", "--format", "json",
                    stdin=json.dumps(REQUEST).encode())  # fmt: skip
        assert [rule["rule"] for rule in ended.json["rules"]] == ["core/senior"]

    @pytest.mark.parametrize("stdin", [b"", b"{}", b"{", b"\xff", b"{}\n{}"])
    def test_a_request_that_cannot_be_decided(self, run: Run, folder: Path, stdin: bytes) -> None:
        ended = run("explain", folder, "--request", "-", stdin=stdin)
        assert ended.code == 1
        assert ended.err.startswith("pdp: error: ")
        assert ended.err.count("\n") == 1

    @pytest.mark.parametrize("arguments", [(), ("--now", NOW), ("--policies", ".", ".")])
    def test_wrong_combinations(self, run: Run, folder: Path, arguments: Sequence[str]) -> None:
        assert run("explain", *(arguments if len(arguments) != 2 else (folder, *arguments))).code == 2


class TestCompile:
    def test_summary_and_file(self, run: Run, folder: Path, tmp_path: Path) -> None:
        out = tmp_path / "set.bundle"
        ended = run("compile", folder, "--out", out)
        assert ended.code == 0
        signed = bundles.read(out)
        assert signed.hash in ended.out
        assert f"{len(signed.bundle):,} bytes" in ended.out

    def test_the_same_policies_give_the_same_hash(self, run: Run, folder: Path) -> None:
        assert run("compile", folder).out == run("compile", folder).out

    def test_dump(self, run: Run, folder: Path) -> None:
        ended = run("compile", folder, "--dump")
        assert ended.code == 0
        compile(ended.out, "dump", "exec")
        assert "core/senior" in ended.out

    def test_a_place_that_cannot_be_written(self, run: Run, folder: Path, tmp_path: Path) -> None:
        ended = run("compile", folder, "--out", tmp_path / "nowhere" / "set.bundle")
        assert ended.code == 1
        assert ended.err.startswith("pdp: error: ")


class TestServe:
    @pytest.mark.parametrize(
        "listen", ["7070", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70707", "::1:7070", ":7070", "unix:"]
    )
    def test_an_address_that_is_none(self, run: Run, folder: Path, listen: str) -> None:
        ended = run("serve", "--policies", folder, "--listen", listen)
        assert ended.code == 2
        assert f"`{listen}`" in ended.err

    @pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:7070", "pdp.example:7070"])
    def test_plain_text_stays_on_this_machine(self, run: Run, folder: Path, listen: str) -> None:
        ended = run("serve", "--policies", folder, "--listen", listen)
        assert ended.code == 1
        assert ended.err.startswith(f"pdp: error: `{listen}` can be reached from other machines")
        assert "--insecure" in ended.err
