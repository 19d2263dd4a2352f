"""Which files of a folder are read, and what is said about those that cannot be."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pdp.lang.diagnostics import Diagnostics, Severity, render_text
from pdp.lang.loader import files, load_folder
from pdp.lang.model import PolicySet

MASK = "kind: Masks\nmasks: {{{}: {{algorithm: full}}}}\n"


def load(folder: Path) -> tuple[PolicySet, list[str]]:
    policy_set, diagnostics = load_folder(folder)
    for item in diagnostics.items:
        assert render_text(item, policy_set.sources)
    return policy_set, [f"{item.span} {item.code}" for item in diagnostics.sorted()]


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path, b_yaml=MASK.format("b"), a__z_yml=MASK.format("z"))
    write(tmp_path, B_yaml=MASK.format("u"), a_yaml=MASK.format("a"))
    policy_set, problems = load(tmp_path)
    assert problems == []
    assert list(policy_set.masks) == ["u", "a", "z", "b"]
    assert list(policy_set.sources) == ["B.yaml", "a.yaml", "a/z.yml", "b.yaml"]


def test_hidden_and_other_files_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=MASK.format("a"), _hidden_yaml="[", _git__b_yaml="[", c_json="[", d_YAML="[", yaml="[")
    policy_set, problems = load(tmp_path)
    assert (problems, list(policy_set.sources)) == ([], ["a.yaml"])


def test_a_missing_folder(tmp_path: Path) -> None:
    policy_set, problems = load(tmp_path / "no")
    assert problems == [f"{tmp_path}/no:1:1 no-folder"]
    assert policy_set.policies == ()
    assert "now" in policy_set.attributes


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    write(tmp_path, a_yaml="")
    policy_set, diagnostics = load_folder(tmp_path / "a.yaml")
    (found,) = diagnostics.items
    assert (found.code, policy_set.sources) == ("no-folder", {})
    assert found.message.endswith("is not a folder")


def test_an_empty_folder(tmp_path: Path) -> None:
    write(tmp_path, readme_md="x")
    assert load(tmp_path)[1] == [f"{tmp_path}:1:1 empty-folder"]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"kind: Masks\n# \xff\n", "2:3"),
        ("kind: Masks\r\n# 客户𠮷: ".encode() + "手机号".encode("gbk"), "2:8"),
        ("kind: Masks".encode("utf-16"), "1:1"),
        (b"\xef\xbb\xbfa\xe5\xae", "1:2"),
        (b"\xed\xa0\x80", "1:1"),
    ],
)
def test_a_file_that_is_not_utf8(tmp_path: Path, data: bytes, place: str) -> None:
    write(tmp_path, b_yaml=MASK.format("b"))
    (tmp_path / "a.yaml").write_bytes(data)
    policy_set, problems = load(tmp_path)
    assert problems == [f"a.yaml:{place} not-utf8"]
    assert list(policy_set.masks) == ["b"]


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 64)
    write(tmp_path, a_yaml="#" * 65, b_yaml=MASK.format("b"))
    policy_set, problems = load(tmp_path)
    assert (problems, list(policy_set.masks)) == (["a.yaml:1:1 too-large"], ["b"])


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILES", 1)
    write(tmp_path, a_yaml=MASK.format("a"), b_yaml=MASK.format("b"))
    policy_set, problems = load(tmp_path)
    assert (problems, list(policy_set.masks)) == ([f"{tmp_path}:1:1 too-large"], ["a"])


def test_links_inside_the_folder_are_read(tmp_path: Path) -> None:
    # Kubernetes mounts a ConfigMap like this.
    write(tmp_path, policies___2026__a_yaml=MASK.format("a"))
    folder = tmp_path / "policies"
    (folder / "..data").symlink_to(next(p for p in folder.iterdir()), target_is_directory=True)
    (folder / "a.yaml").symlink_to("..data/a.yaml")
    (tmp_path / "current").symlink_to(folder)
    for place in (folder, tmp_path / "current"):
        policy_set, problems = load(place)
        assert (problems, list(policy_set.masks)) == ([], ["a"])


def test_links_out_of_the_folder(tmp_path: Path) -> None:
    write(tmp_path, in__a_yaml=MASK.format("a"), out__b_yaml=MASK.format("b"))
    folder = tmp_path / "in"
    (folder / "b.yaml").symlink_to(tmp_path / "out" / "b.yaml")
    (folder / "more").symlink_to(tmp_path / "out")
    (folder / "gone.yaml").symlink_to("nothing.yaml")
    (folder / "round.yaml").symlink_to("round.yaml")
    policy_set, diagnostics = load_folder(folder)
    assert [(str(d.span), d.code, d.severity) for d in diagnostics.sorted()] == [
        ("b.yaml:1:1", "outside-folder", Severity.ERROR),
        ("gone.yaml:1:1", "unreadable", Severity.ERROR),
        ("more:1:1", "linked-folder", Severity.WARNING),
        ("round.yaml:1:1", "unreadable", Severity.ERROR),
    ]
    assert list(policy_set.masks) == ["a"]


def test_what_is_no_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").mkdir()
    write(tmp_path, c_yaml=MASK.format("c"))
    policy_set, problems = load(tmp_path)
    assert (problems, list(policy_set.masks)) == (["a.yaml:1:1 unreadable"], ["c"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_without_permission(tmp_path: Path) -> None:
    write(tmp_path, a_yaml=MASK.format("a"), b__c_yaml=MASK.format("c"))
    (tmp_path / "a.yaml").chmod(0)
    (tmp_path / "b").chmod(0)
    try:
        assert load(tmp_path)[1] == ["a.yaml:1:1 unreadable", "b:1:1 unreadable"]
    finally:
        (tmp_path / "b").chmod(0o700)


def test_errors_of_the_system_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, a_yaml="", b_yaml=MASK.format("b"), c__d_yaml="")
    opened, scanned = Path.open, os.scandir

    def open_(self: Path, *args: str) -> object:
        if self.name == "a.yaml":
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *args)

    def scandir(path: str) -> object:
        if Path(path).name == "c":
            raise PermissionError(13, "Permission denied", str(path))
        return scanned(path)

    monkeypatch.setattr(Path, "open", open_)
    monkeypatch.setattr(os, "scandir", scandir)
    policy_set, diagnostics = load_folder(tmp_path)
    assert [f"{d.span} {d.message}" for d in diagnostics.sorted()] == [
        "a.yaml:1:1 `a.yaml` cannot be read: permission denied",
        "c:1:1 the folder `c` cannot be read: permission denied",
    ]
    assert list(policy_set.masks) == ["b"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_file_name_that_is_not_utf8(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml"))).write_text("[", encoding="utf-8")
    policy_set, diagnostics = load_folder(tmp_path)
    (found,) = diagnostics.items
    assert (found.code, found.span.file, list(policy_set.sources)) == ("yaml-syntax", "\\xff.yaml", ["\\xff.yaml"])


def test_line_ends_of_windows(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfkind: Masks\r\n\r\nmasks: {A: {algorithm: full}}\r\n")
    assert load(tmp_path)[1] == ["a.yaml:3:9 bad-id"]


def test_loading_leaves_the_cycle_collector_as_it_was(tmp_path: Path) -> None:
    import gc

    before = gc.isenabled()
    load(tmp_path)
    assert gc.isenabled() is before


def test_findings_go_to_one_collection(tmp_path: Path) -> None:
    _, diagnostics = load_folder(tmp_path)
    assert isinstance(diagnostics, Diagnostics)
