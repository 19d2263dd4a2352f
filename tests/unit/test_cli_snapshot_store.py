"""`pdp snapshot init-store`: where the URL may stand, and that it is never shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pdp.cli.main import main
from pdp.snapshot.store import open_reader

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["snapshot", "init-store", *map(str, arguments)])
        ended = capsys.readouterr()
        return int(caught.value.code or 0), ended.out, ended.err

    return call


def test_a_store_is_made_and_made_again(run: Run, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/snapshots.db"
    for _ in range(2):
        assert run(url) == (0, "the store is ready\n", "")
    reader = open_reader(url)
    assert reader.streams() == []
    reader.close()


def test_the_url_may_stand_in_a_file_or_the_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "url").write_text(f"sqlite:{tmp_path}/one.db\n")
    assert run("--url-file", tmp_path / "url")[0] == 0
    monkeypatch.setenv("PDP_INIT_STORE", f"sqlite:{tmp_path}/two.db")
    assert run()[0] == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"one.db", "two.db"}


def test_what_is_asked_wrongly_is_said_without_the_password(run: Run, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("mongodb://admin:hunter2@db/x")
    code, _, err = run("--url-file", tmp_path / "url")
    assert (code, "hunter2" in err) == (1, False)
    assert "must begin with `sqlite:`" in err
    assert run()[0] == 2
    assert run("sqlite:/x", "--url-file", tmp_path / "url")[0] == 2
    code, _, err = run("sqlite:/x", "--writer", "one", "--auditor", "one")
    assert code == 1
    assert "must differ" in err
