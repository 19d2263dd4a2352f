"""Texts on somebody's disk: what changed, and that nobody's work is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from admin_gui.domain.workspace import OvertakenError, WorkspaceError, of_texts, open_folder, stamps_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "masks.yaml").write_text("kind: Masks\n")
    (tmp_path / "policies" / "核心.yml").write_text("kind: Policy\n", encoding="utf-8")
    (tmp_path / ".git" / "x.yaml").write_text("a: 1\n")
    (tmp_path / "README.md").write_text("no policy\n")
    return tmp_path


def test_a_folder_is_read_as_the_service_reads_it(folder: Path) -> None:
    workspace = open_folder(folder)
    assert workspace.texts == {"masks.yaml": "kind: Masks\n", "policies/核心.yml": "kind: Policy\n"}
    assert workspace.changed == []


def test_what_was_changed_is_saved_and_nothing_else(folder: Path) -> None:
    workspace = open_folder(folder)
    before = (folder / "masks.yaml").stat().st_mtime_ns
    workspace.write("policies/核心.yml", "kind: Policy\nid: a\n")
    workspace.write("new/more.yaml", "kind: Masks\n")
    assert workspace.changed == ["new/more.yaml", "policies/核心.yml"]
    assert workspace.save() == ["new/more.yaml", "policies/核心.yml"]
    assert open_folder(folder).texts == workspace.texts
    assert (folder / "masks.yaml").stat().st_mtime_ns == before
    assert workspace.changed == []
    assert [path.name for path in folder.rglob(".*") if path.name != ".git"] == []


def test_what_somebody_else_has_changed_is_not_overwritten(folder: Path) -> None:
    workspace = open_folder(folder)
    workspace.write("masks.yaml", "mine\n")
    (folder / "masks.yaml").write_text("theirs\n")
    workspace.write("policies/核心.yml", "mine as well\n")
    with pytest.raises(OvertakenError, match=r"`masks\.yaml` was changed or removed by somebody else") as error:
        workspace.save()
    assert error.value.paths == ("masks.yaml",)
    assert (folder / "masks.yaml").read_text() == "theirs\n"
    assert (folder / "policies" / "核心.yml").read_text() == "kind: Policy\n"
    assert workspace.changed == ["masks.yaml", "policies/核心.yml"]
    workspace.take(error.value.paths)
    assert workspace.texts["masks.yaml"] == "theirs\n"
    assert workspace.save() == ["policies/核心.yml"]


def test_a_file_that_somebody_removed_comes_back_on_request_alone(folder: Path) -> None:
    workspace = open_folder(folder)
    workspace.write("masks.yaml", "mine\n")
    (folder / "masks.yaml").unlink()
    with pytest.raises(OvertakenError):
        workspace.save()
    assert not (folder / "masks.yaml").exists()
    assert workspace.save(over=True) == ["masks.yaml"]
    assert (folder / "masks.yaml").read_text() == "mine\n"
    workspace.write("masks.yaml", "more\n")
    workspace.discard()
    assert workspace.changed == []


def test_what_somebody_else_wrote_is_followed_and_edits_stay(folder: Path) -> None:
    workspace, before = open_folder(folder), stamps_of(folder)
    (folder / "more.yaml").write_text("kind: Masks\n")
    (folder / "policies" / "核心.yml").unlink()
    workspace.write("masks.yaml", "mine\n")
    (folder / "masks.yaml").write_text("theirs\n")
    assert stamps_of(folder) != before
    assert workspace.follow() == ["more.yaml", "policies/核心.yml"]
    assert workspace.texts == {"masks.yaml": "mine\n", "more.yaml": "kind: Masks\n"}
    assert workspace.changed == ["masks.yaml"]
    with pytest.raises(OvertakenError):
        workspace.save()
    assert workspace.follow() == []


def test_what_cannot_be_read_or_saved(folder: Path) -> None:
    with pytest.raises(WorkspaceError, match="do not come from a folder"):
        of_texts({"a.yaml": "x"}).save()
    (folder / "wrong.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(WorkspaceError, match="is not UTF-8"):
        open_folder(folder)
