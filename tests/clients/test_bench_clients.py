"""The benchmark of the clients: what it makes of figures, and what it does with a language that cannot be measured."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
HOW = "its table is not that of benchmarks/results/clients.json; run: python benchmarks/clients.py --pages"
FIGURES = [
    {"name": "offline_12_fields", "value": 12.34, "unit": "µs"},
    {"name": "offline_messages_per_second", "value": 49_999.0, "unit": "/s"},
]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    # By its file: `clients` is a folder of the repository as well, which other tests import from.
    spec = importlib.util.spec_from_file_location("benchmarks_clients", FOLDER / "clients.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def report(bench: ModuleType) -> ModuleType:
    return importlib.import_module("clients_report")


def _program(path: Path, text: str) -> list[str]:
    path.write_text(text)
    return [sys.executable, str(path)]


def _telling(figures: list[dict[str, Any]]) -> str:
    return f"import json\nprint('words')\nfor figure in {figures!r}:\n    print(json.dumps(figure))\n"


def _measured(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch, folder: Path, *more: str
) -> tuple[int, dict[str, Any]]:
    @contextmanager
    def nobody(_: Path) -> Iterator[str]:
        yield "127.0.0.1:1"

    out = folder / "clients.json"
    monkeypatch.setattr(bench, "served", nobody)
    monkeypatch.setattr(sys, "argv", ["clients.py", "--out", str(out)])
    return bench.main(), json.loads(out.read_text())


def test_a_language_that_fails_leaves_the_others(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere(_: Path) -> list[str]:
        raise bench.LeftOut("`java` is not here", failed=False)

    builds = {
        "python": lambda _: _program(tmp_path / "p.py", "print('so far'); raise SystemExit(7)"),
        "java": nowhere,
        "go": lambda _: _program(tmp_path / "g.py", _telling(FIGURES)),
    }
    monkeypatch.setattr(bench, "LANGUAGES", {name: bench.LANGUAGES[name] for name in builds})
    monkeypatch.setattr(bench, "BUILDS", builds)
    code, result = _measured(bench, monkeypatch, tmp_path)
    assert code == 1
    assert [row["language"] for row in result["rows"]] == ["go", "go"]
    assert result["left_out"]["java"] == "`java` is not here"
    assert result["left_out"]["python"].endswith("ended with 7\nso far")
    assert [aim["met"] for aim in result["aims"]] == [False]
    assert "left out: Java: `java` is not here" in capsys.readouterr().out


def test_tools_that_are_not_here_are_no_failure(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(bench.LeftOut, match="`go` is not here") as left_out:
        bench.BUILDS["go"](tmp_path)
    assert not left_out.value.failed


def test_a_figure_that_nobody_knows_is_refused(bench: ModuleType, tmp_path: Path) -> None:
    odd = [{"name": "speed", "value": 1, "unit": "µs"}]
    with pytest.raises(ValueError, match="speed"):
        bench.run(_program(tmp_path / "odd.py", _telling(odd)), "127.0.0.1:1")


def test_the_pages_show_the_figures_of_the_last_run(report: ModuleType) -> None:
    result = json.loads((FOLDER / "results" / "clients.json").read_text(encoding="utf-8"))
    for language, page in report.PAGES.items():
        assert report.markdown(result, language) in page.read_text(encoding="utf-8"), f"{page.name}: {HOW}"
