"""The demonstration shows what it promises, over a real socket, in any locale."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from tests.docs.pages import ROOT, Page

DEMO = ROOT / "clients/python/examples/demo.py"
QUICKSTART = ROOT / "clients/python/examples/quickstart.py"
PATIENCE = 120


def run(*arguments: str, demo: Path = DEMO, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(demo), *arguments]
    env = {"PATH": os.environ["PATH"]} | environment
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", check=False, timeout=PATIENCE, env=env
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict[str, Any]]]:
    """What one run wrote: its tables, and the data besides."""
    file = tmp_path_factory.mktemp("demo") / "scenes.json"
    done = run("--json", str(file), LC_ALL="C", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, json.loads(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def text(played: tuple[str, list[dict[str, Any]]]) -> str:
    return played[0]


@pytest.fixture(scope="module")
def scenes(played: tuple[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return played[1]


def cells(scene: dict[str, Any], letter: str) -> dict[str, dict[str, Any]]:
    """Return the cells of one look by field, of a scene that shows the message itself."""
    (look,) = [look for look in scene["looks"] if look["letter"] == letter]
    return {cell["field"]: cell for cell in look["items"][0]}


def clear(scene: dict[str, Any], letter: str) -> set[str]:
    return {field for field, cell in cells(scene, letter).items() if not cell["masked"]}


def by_requirement(scenes: list[dict[str, Any]], requirement: str) -> list[dict[str, Any]]:
    return [scene for scene in scenes if requirement in scene["requirements"].split()]


def test_every_requirement_has_its_scene(scenes: list[dict[str, Any]]) -> None:
    found = {number for scene in scenes for number in scene["requirements"].split()}
    assert found >= {"A7", "A8", "A9", "A10", "A11", "A25", "A26"}


def test_masked_values_do_not_show(scenes: list[dict[str, Any]]) -> None:
    found = [cell for scene in scenes for look in scene["looks"] for item in look["items"] for cell in item]
    assert any(cell["masked"] for cell in found)
    for cell in found:
        if cell["masked"]:
            assert cell["after"] is None or cell["before"] not in cell["after"], cell["field"]
            assert cell["reason"]["kind"] in {"rule", "default"}
        else:
            assert cell["after"] == cell["before"]


def test_reasons_have_titles_in_both_languages(scenes: list[dict[str, Any]]) -> None:
    reasons = [cell["reason"] for s in scenes for look in s["looks"] for item in look["items"] for cell in item]
    for reason in reasons:
        assert reason["kind"] == "default" or (reason["rule"] and reason["title"]["zh"] and reason["title"]["en"])


def test_a7_roles_and_menus(scenes: list[dict[str, Any]]) -> None:
    (scene,) = by_requirement(scenes, "A7")
    assert clear(scene, "A") == set()
    assert clear(scene, "B") == {"name"}
    assert clear(scene, "D") == clear(scene, "F") == {"name", "id_no", "mobile", "email"}


def test_a8_balances(scenes: list[dict[str, Any]]) -> None:
    (scene,) = by_requirement(scenes, "A8")
    teller = [{cell["field"]: cell["after"] for cell in item} for item in scene["looks"][0]["items"]]
    assert [account["balance"] for account in teller] == ["36000.50", "90000", "50万–100万"]


def test_a9_masked_then_clear_then_masked_again(scenes: list[dict[str, Any]]) -> None:
    (scene,) = by_requirement(scenes, "A9")
    before, approved, expired = (cells(scene, letter) for letter in "ABC")
    assert clear(scene, "A") == clear(scene, "C") == set()
    assert clear(scene, "B") == set(approved) - {"query_password"}
    (grant_id,) = {cell["reason"]["grant_id"] for field, cell in approved.items() if field in clear(scene, "B")}
    # Given through the service, not by a file.
    assert re.fullmatch(r"g[0-9a-f]{21}", grant_id)
    assert [grant_id in " ".join(look["diagnostics"]) for look in scene["looks"]] == [False, False, True]
    assert {f: c["after"] for f, c in expired.items()} == {f: c["after"] for f, c in before.items()}
    assert {o["type"] for o in scene["looks"][1]["obligations"]} == {"alert", "watermark"}


def test_a10_region_and_time(scenes: list[dict[str, Any]]) -> None:
    _, scene = by_requirement(scenes, "A10")
    assert (clear(scene, "B"), clear(scene, "C")) == ({"name"}, set())


def test_a11_scenarios_differ(scenes: list[dict[str, Any]]) -> None:
    (scene,) = by_requirement(scenes, "A11")
    views = {json.dumps({f: c["after"] for f, c in cells(scene, letter).items()}) for letter in "ABCD"}
    assert len(views) == 4


def test_a26_consent_opens_the_report(scenes: list[dict[str, Any]]) -> None:
    (scene,) = by_requirement(scenes, "A26")
    assert clear(scene, "B") - clear(scene, "A") == {"credit_score", "credit_report_no"}


def test_the_tables_fit_and_are_complete(text: str) -> None:
    lines = text.splitlines()
    assert max(map(cell_len, lines)) <= 100
    assert "欧阳**" in text
    assert "[1]" in text
    assert any(line.startswith("7 scenes") for line in lines)


def test_it_ends_with_its_records_and_their_verification(text: str, scenes: list[dict[str, Any]]) -> None:
    end = " ".join(text[text.index("7 scenes") :].split())
    told = re.search(r"(\d+) decisions are recorded, (\d+) of them showed a field of C2 or C3", end)
    assert told
    looks = sum(len(scene["looks"]) for scene in scenes)
    assert int(told[1]) >= looks
    assert 0 < int(told[2]) < int(told[1])
    verified = re.findall(r"complete, nothing changed: ([\d,]+) records", end)
    # Both nodes record besides that they started, stopped and took policies into use.
    assert sum(int(number.replace(",", "")) for number in verified) > int(told[1])
    assert len(verified) == 2


def test_each_look_of_a9_has_its_snapshot_and_one_its_approver(text: str, scenes: list[dict[str, Any]]) -> None:
    (scene,) = by_requirement(scenes, "A9")
    assert all(look["decisions"] for look in scene["looks"])
    rows = re.findall(r"^([ABC])    …([0-9a-f]{8}) \+ 2 +T1002 query( ← m1000)? ", text, re.MULTILINE)
    assert [(letter, bool(approved)) for letter, _, approved in rows] == [("A", False), ("B", True), ("C", False)]
    assert len({snapshot for _, snapshot, _ in rows}) == 3


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_shows_what_it_shows(text: str, name: str) -> None:
    written = {" ".join(line.split()) for line in text.splitlines()}
    (block,) = [block for block in Page(ROOT / name).blocks() if block.language == "text"]
    for line in block.text.splitlines():
        # The page leaves out a column on the right.
        short = " ".join(line.replace("─", "").split())
        assert any(whole.startswith(short) for whole in written), line


def test_a_broken_policy_set_ends_it_with_a_message(tmp_path: Path) -> None:
    for name in ("clients/python/examples", "policies"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "policies/broken.yaml").write_text("kind: Polisy\n", encoding="utf-8")
    done = run(demo=tmp_path / "clients/python/examples/demo.py")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("demo: the service ended with 1")
    assert "unknown-kind" in done.stderr
    assert "Traceback" not in done.stderr


def test_data_alone_stand_on_stdout() -> None:
    """Without a file nothing but the data is written; no scene is played for this."""
    told = "import demo, demo_tables; demo._show = lambda out: (out.heading(demo_tables.Text('a', 'b')), [])[1]"
    command = [sys.executable, "-c", f"{told}; raise SystemExit(demo.main(['--json']))"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=DEMO.parent, check=False, timeout=PATIENCE,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_the_quickstart_is_short() -> None:
    assert len(QUICKSTART.read_text(encoding="utf-8").splitlines()) <= 20
