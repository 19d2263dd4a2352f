"""`pdp policy` and `pdp node` against a real node: a `pdp serve` process with a control store of its own."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pdp.cli.main import main
from pdp.control import sources
from tests.commands import program
from tests.integration.clustered import Node, text
from tests.integration.clustered import publish as publish_directly
from tests.integration.running import POLICY

SECONDS = "60"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("node")
    made = Node(folder, "gz-1", f"sqlite:{folder}/control.db", "  labels: ring=canary\n")
    with made.staff() as staff:
        publish_directly(staff, text(POLICY.replace(">= 3", ">= 6")))
        yield made
    made.kill()


@pytest.fixture
def run(node: Node, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PDP_DATA", str(node.folder / "data"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        streams = capsys.readouterr()
        code = caught.value.code
        return Ended(code if isinstance(code, int) else 1, streams.out, streams.err)

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "policies"
    sources.write_folder(text(), made)
    return made


def change(folder: Path, level: int) -> None:
    """Write a policy folder in which tellers from this level on see mobile numbers."""
    (folder / "policy.yaml").write_text(POLICY.replace(">= 3", f">= {level}"))


def publish(run: Run, folder: Path, name: str, *more: str) -> int:
    """Publish what stands in a folder and return its revision."""
    for command in (("draft", name, "--from", folder), ("submit", name)):
        ended = run("policy", *command)
        assert ended.code == 0, ended.err
    ended = run("policy", "publish", name, "--json", *more)
    assert ended.code == 0, ended.err
    number: int = int(ended.data["revision"]["number"])
    return number


def test_a_draft_becomes_a_revision(run: Run, folder: Path, tmp_path: Path) -> None:
    first = publish(run, folder, "begin")
    assert run("node", "wait", first, "--timeout", SECONDS).code == 0
    change(folder, 2)
    ended = run("policy", "draft", "lower", "--from", folder, "--reason", "more tellers")
    assert ended.out.startswith("draft lower saved: version ")
    assert f"from revision {first}, 3 files" in ended.out
    assert run("policy", "draft", "lower", "--from", folder).out.startswith("nothing changed")
    assert "more tellers" in run("policy", "drafts").out
    assert "lower" in [item["name"] for item in run("policy", "drafts", "--json").lines]

    ended = run("policy", "diff", "lower")
    assert "-    when: [subject.level >= 3]\n+    when: [subject.level >= 2]" in ended.out
    assert "when: the teller level is at least 3 → the teller level is at least 2" in ended.out
    assert "! may show in clear what was masked" in ended.out
    ended = run("policy", "diff", "head", "lower", "--meaning", "--lang", "zh")
    assert "条件: 柜员级别不低于 3 → 柜员级别不低于 2" in ended.out
    assert "+++" not in ended.out
    assert run("policy", "diff", "lower", folder, "--exit-code").err == "no difference\n"
    assert run("policy", "diff", first, folder, "--exit-code", "--json").code == 1

    ended = run("policy", "submit", "lower")
    assert ended.out.endswith("draft lower handed in\n")
    assert run("policy", "return", "lower", "--reason", "ask the branch head").code == 0
    assert run("policy", "submit", "lower").code == 0
    ended = run("policy", "publish", "lower", "--reason", "agreed", "--wait", SECONDS)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[0] == f"revision {first + 1} is in force"
    assert f"1 of 1 nodes decide by revision {first + 1}" in ended.out

    shown = run("policy", "show", "head").out
    for part in ("draft lower", "in force", "more tellers", "ask the branch head", "agreed"):
        assert part in shown
    assert "+    when: [subject.level >= 2]" in run("policy", "show", first + 1, "--changes").out
    assert "subject.level >= 2" in run("policy", "show", "head", "--text").out
    history = run("policy", "history", "--json").lines
    assert [int(item["number"]) for item in history[:2]] == [first + 1, first]
    assert "in force" in run("policy", "history").out

    assert run("policy", "export", "head", "--to", tmp_path / "out").out.startswith("3 files in ")
    assert sources.read_folder(tmp_path / "out") == sources.read_folder(folder)
    assert "not empty" in run("policy", "export", first, "--to", tmp_path / "out").err
    assert run("policy", "export", first, "--to", tmp_path / "first.tar.gz").code == 0
    assert run("policy", "diff", first, tmp_path / "first.tar.gz", "--exit-code").code == 0


def test_lines_are_a_patch(run: Run, folder: Path, tmp_path: Path) -> None:
    change(folder, 5)
    publish(run, folder, "patched")
    assert run("policy", "export", "head", "--to", tmp_path / "here").code == 0
    change(folder, 4)
    patch = run("policy", "diff", "head", folder, "--lines").out
    subprocess.run(
        ["patch", "-p0"], input=patch, text=True, check=True, cwd=tmp_path / "here", capture_output=True
    )  # fmt: skip
    assert sources.read_folder(tmp_path / "here") == sources.read_folder(folder)


def test_who_was_first(run: Run, folder: Path) -> None:
    seen = run("policy", "draft", "both", "--from", folder, "--json").data["version"]
    change(folder, 1)
    assert run("policy", "draft", "both", "--from", folder, "--version", seen).code == 0
    change(folder, 2)
    ended = run("policy", "draft", "both", "--from", folder, "--version", seen)
    assert ended.code == 1
    now = run("policy", "show", "both", "--json").data["draft"]
    assert f"`{now['steps'][-1]['actor']}` saved it" in ended.err
    assert f"add --version {now['version']}" in ended.err
    ended = run("policy", "delete", "both", "--version", seen, "--lang", "zh")
    assert (ended.code, f"--version {now['version']} 重试" in ended.err) == (1, True)
    assert run("policy", "delete", "both").out == "draft both deleted\n"
    assert "there is no draft `both`" in run("policy", "show", "both").err


def test_a_text_with_errors_is_shown_as_check_shows_it(run: Run, folder: Path) -> None:
    (folder / "policy.yaml").write_text(POLICY.replace("subject.level", "subject.rank"))
    ended = run("policy", "draft", "wrong", "--from", folder)
    assert ended.code == 0
    line = "policy.yaml:9:12: error: unknown attribute `subject.rank`"
    assert line in ended.err
    assert "subject.rank >= 3" in ended.err
    assert "it has 1 error; it can be handed in once they are mended" in ended.err
    ended = run("policy", "submit", "wrong")
    assert ended.code == 1
    assert line in ended.err
    assert ended.err.splitlines()[-1] == (
        "pdp: error: the draft `wrong` has 1 error; mend them, save it, then try again"
    )
    assert "text has errors" in run("policy", "diff", "wrong").err
    assert run("policy", "delete", "wrong").code == 0


def test_an_archive_on_the_standard_input(node: Node, folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "policies.tar"
    with tarfile.open(archive, "w") as made:
        made.add(folder, ".")
    command = [program(), "policy", "draft", "piped", "--from", "-", "--data"]
    done = subprocess.run(
        [*command, str(node.folder / "data")], input=archive.read_bytes(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"3 files" in done.stdout


def test_a_revision_on_some_nodes_first(run: Run, folder: Path) -> None:
    change(folder, 7)
    publish(run, folder, "known")
    change(folder, 8)
    canary = ("--canary", "ring=canary", "--sample", "0.5", "--max-difference", "0.01", "--min-compared", "10")
    number = publish(run, folder, "careful", *canary)
    assert run("node", "wait", number, "--timeout", SECONDS).code == 0
    shown = run("policy", "rollout", "show").out
    for part in (
        f"revision {number} on the nodes with ring=canary  running",
        "50% of the requests; stops when more than 1.00% of 10 or more differ",
        f"gz-1  revision {number}",
    ):
        assert part in shown
    assert run("policy", "rollout", "stop", "--revision", number + 5, "--reason", "typo").code == 1
    ended = run("policy", "rollout", "stop", "--reason", "too many differ")
    assert ended.out == f"revision {number} is taken back; revision {number + 1} is in force\n"
    assert run("policy", "rollout", "promote").code == 1
    assert "stopped" in run("policy", "rollout", "show").out
    assert run("node", "wait", number + 1, "--timeout", SECONDS).code == 0

    number = publish(run, folder, "again", "--canary", "ring=canary")
    assert run("policy", "rollout", "promote").out == f"revision {number} is in force everywhere\n"
    ended = run("policy", "rollback", "--reason", "names are missing", "--wait", SECONDS)
    assert ended.code == 0, ended.err
    assert f"revision {number + 2} is in force, with the text of revision " in ended.out


def test_nodes(run: Run, folder: Path) -> None:
    change(folder, 9)
    number = publish(run, folder, "nodes")
    assert run("node", "wait", number, "--timeout", SECONDS, "--json").data["converged"] is True
    listed = run("node", "list").out
    assert f"in force: revision {number}" in listed
    assert ["gz-1", "current", str(number)] == listed.splitlines()[-1].split()[:3]
    assert "一致" in run("node", "list", "--lang", "zh").out
    assert run("node", "list", "--json").data["nodes"][0]["status"]["labels"] == {"ring": "canary"}
    ended = run("node", "wait", number + 1, "--timeout", 0.2)
    assert ended.code == 1
    assert "these nodes do not decide by revision" in ended.out
    assert "gz-1" in ended.out
    assert "not lost" in run("node", "forget", "gz-1", "--reason", "gone").err
    assert "there is no node `gz-2`" in run("node", "forget", "gz-2", "--reason", "gone").err


def test_nodes_as_they_change(node: Node) -> None:
    command = [program(), "node", "list", "--watch", "--json", "--data", str(node.folder / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        told = json.loads(watching.stdout.readline())
        watching.terminate()
    assert told["nodes"][0]["status"]["node"] == "gz-1"


def test_wrong_command_lines(run: Run, folder: Path) -> None:
    for arguments, words in (
        (("policy", "publish", "x", "--sample", "0.1"), "need --canary"),
        (("policy", "publish", "x", "--canary", "ring"), "`ring` is no label"),
        (("policy", "show", folder), "is a path"),
        (("policy", "diff", "0"), "there is no revision 0"),
        (("policy", "return", "x"), "--reason"),
        (("policy", "rollback"), "--reason"),
        (("policy", "drafs"), "did you mean `drafts`"),
    ):
        ended = run(*arguments)
        assert ended.code == 2, arguments
        assert words in ended.err
    assert "there is no folder or archive `./nowhere`" in run("policy", "diff", "./nowhere").err
    assert "there is no socket" in run("policy", "drafts", "--data", folder).err
