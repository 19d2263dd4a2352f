"""Texts of policy sets: bounds, one serialized form, and the ways in and out."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.control import sources
from pdp.control.sources import archive, text
from pdp.errors import PolicyError, SourcesError
from pdp.v1 import control_pb2

SMALL = {"a.yaml": "kind: Masks\n", "b/客户.yml": "# 客户\r\n"}

_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="/\\."), min_size=1)
_PATHS = st.lists(_NAMES.filter(lambda name: len(name.encode()) < 100), min_size=1, max_size=3).map(
    lambda parts: "/".join(parts) + ".yaml"
)
_TEXTS = st.dictionaries(_PATHS, st.text(max_size=50).filter(lambda t: not t.startswith("\ufeff")), min_size=1)


@given(_TEXTS)
def test_order_does_not_matter(files: dict[str, str]) -> None:
    backwards = control_pb2.Sources(
        files=[control_pb2.PolicyFile(path=path, text=files[path]) for path in sorted(files, reverse=True)]
    )
    one, other = sources.of(files), sources.normal(backwards)
    assert sources.serialize(one) == sources.serialize(other)
    assert sources.digest(one) == sources.digest(other)
    assert sources.texts(other) == files


@given(_TEXTS)
def test_an_archive_gives_back_what_was_put_in(tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]) -> None:
    folder = tmp_path_factory.mktemp("archive")
    made = sources.of(files)
    for name in ("one.tar", "two.tar.gz"):
        sources.write_tar(made, folder / name)
        first = (folder / name).read_bytes()
        assert sources.read_tar(folder / name) == made
        sources.write_tar(made, folder / name)
        assert (folder / name).read_bytes() == first
    assert sorted(path.name for path in folder.iterdir()) == ["one.tar", "two.tar.gz"]


@pytest.mark.parametrize(
    ("path", "word"),
    [("/a.yaml", "leads out"), ("../a.yaml", "leads out"), ("b/../../a.yaml", "leads out"), ("./a.yaml", "leave out"),
     ("b//a.yaml", "leave out"), ("", "policy file"), ("a.txt", "policy file"), ("a.yaml/", "policy file"),
     (".a.yaml", "dot"), (".git/a.yaml", "dot"), ("a\0.yaml", "control"), ("a\n.yaml", "control"),
     ("b\\a.yaml", "backslash"), ("x" * 300 + ".yaml", "longer"), ("x/" * 300 + "a.yaml", "longer")],
)  # fmt: skip
def test_a_path_that_no_folder_has_is_refused(path: str, word: str) -> None:
    with pytest.raises(SourcesError, match=word) as caught:
        sources.normal(control_pb2.Sources(files=[control_pb2.PolicyFile(path=path)]))
    assert caught.value.path == path
    assert "\n" not in str(caught.value)


def test_a_path_is_there_once() -> None:
    twice = [control_pb2.PolicyFile(path="a.yaml"), control_pb2.PolicyFile(path="a.yaml", text="x")]
    with pytest.raises(SourcesError, match=r"`a\.yaml` is there twice"):
        sources.normal(control_pb2.Sources(files=twice))


def test_a_file_is_no_folder() -> None:
    with pytest.raises(SourcesError, match="at once"):
        sources.of({"a.yaml": "", "a.yaml/b.yaml": ""})


def test_nothing_is_no_text() -> None:
    with pytest.raises(SourcesError, match="no policy file"):
        sources.normal(control_pb2.Sources())


def test_bounds_name_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourcesError, match=r"`b\.yaml` is larger than 16 MiB"):
        sources.of({"a.yaml": "", "b.yaml": "客" * (sources.MAX_FILE_BYTES // 3 + 1)})
    monkeypatch.setattr(text, "MAX_BYTES", 10)
    with pytest.raises(SourcesError, match=r"up to `b\.yaml`"):
        sources.of({"a.yaml": "123456", "b.yaml": "12345"})
    monkeypatch.setattr(text, "MAX_FILES", 1)
    with pytest.raises(SourcesError, match="more than 1 files"):
        sources.of({"a.yaml": "", "b.yaml": ""})


def test_a_folder_gives_what_the_loader_reads(tmp_path: Path) -> None:
    for name, words in {**SMALL, "README.md": "no", ".hidden.yaml": "no", ".git/x.yaml": "no"}.items():
        place = tmp_path / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(words.encode())
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbfx: 1\n")
    assert sources.texts(sources.read_folder(tmp_path)) == {**SMALL, "c.yaml": "x: 1\n"}


def test_a_folder_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError) as caught:
        sources.read_folder(tmp_path)
    assert [item.code for item in caught.value.diagnostics] == ["not-utf8"]
    with pytest.raises(PolicyError):
        sources.read_folder(tmp_path / "none")


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml")).write_text("")
    with pytest.raises(SourcesError, match="not UTF-8"):
        sources.read_folder(tmp_path)


def test_a_folder_is_written_and_read_back(tmp_path: Path) -> None:
    made = sources.of(SMALL)
    sources.write_folder(made, tmp_path / "new" / "set")
    assert sources.read_folder(tmp_path / "new" / "set") == made
    assert (tmp_path / "new" / "set" / "b" / "客户.yml").read_bytes() == SMALL["b/客户.yml"].encode()


def test_a_folder_that_holds_anything_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(SourcesError, match="is not empty"):
        sources.write_folder(sources.of(SMALL), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_a_folder_that_is_replaced_loses_its_other_policies_alone(tmp_path: Path) -> None:
    for name in ("note.txt", "old.yaml", "gone/deep/old.yml", "kept/old.yaml", "kept/note.txt", ".git/x.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("old")
    sources.write_folder(sources.of({"old.yaml/new.yaml": "x", **SMALL}), tmp_path, replace=True)
    assert sources.texts(sources.read_folder(tmp_path)) == {"old.yaml/new.yaml": "x", **SMALL}
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert {"note.txt", "kept/note.txt", ".git/x.yaml"} < left
    assert not left & {"gone", "kept/old.yaml"}


def test_a_folder_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "set" / "b").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourcesError, match="leads out"):
        sources.write_folder(sources.of(SMALL), tmp_path / "set", replace=True)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_file_in_place_of_a_link_leaves_what_it_led_to(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "mine.yaml").write_text("mine")
    (tmp_path / "set" / "a.yaml").symlink_to(tmp_path / "mine.yaml")
    sources.write_folder(sources.of(SMALL), tmp_path / "set", replace=True)
    assert (tmp_path / "mine.yaml").read_text() == "mine"
    assert (tmp_path / "set" / "a.yaml").read_text() == SMALL["a.yaml"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SourcesError, match="cannot write"):
        sources.write_folder(sources.of(SMALL), tmp_path / "file")
    with pytest.raises(SourcesError, match="cannot write"):
        sources.write_tar(sources.of(SMALL), tmp_path / "none" / "a.tar")


def _tar(path: Path, *members: tuple[str, bytes, bytes]) -> Path:
    with tarfile.open(path, "w") as made:
        for name, kind, data in members:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = kind, len(data), "/etc/passwd"
            made.addfile(member, io.BytesIO(data))
    return path


def test_an_archive_of_a_checkout_gives_its_policies(tmp_path: Path) -> None:
    made = _tar(
        tmp_path / "a.tar",
        ("./", tarfile.DIRTYPE, b""), ("./x.md", tarfile.REGTYPE, b"\xff"), ("./.git/x.yaml", tarfile.REGTYPE, b""),
        ("./b", tarfile.DIRTYPE, b""), ("./b/a.yaml", tarfile.REGTYPE, b"\xef\xbb\xbfx"),
    )  # fmt: skip
    assert sources.texts(sources.read_tar(made)) == {"b/a.yaml": "x"}


@pytest.mark.parametrize(
    ("name", "kind", "word"),
    [("../a.yaml", tarfile.REGTYPE, "leads out"), ("/a.yaml", tarfile.REGTYPE, "leads out"),
     ("../README.md", tarfile.REGTYPE, "leads out"), ("a.yaml", tarfile.SYMTYPE, "link"),
     ("a.txt", tarfile.LNKTYPE, "link"), ("a.yaml", tarfile.FIFOTYPE, "device"), ("a.yaml", tarfile.CHRTYPE, "device")],
)  # fmt: skip
def test_an_archive_holds_plain_files_below_it(tmp_path: Path, name: str, kind: bytes, word: str) -> None:
    with pytest.raises(SourcesError, match=word):
        sources.read_tar(_tar(tmp_path / "a.tar", (name, kind, b"")))


def test_an_archive_holds_a_file_once(tmp_path: Path) -> None:
    member = ("a.yaml", tarfile.REGTYPE, b"")
    with pytest.raises(SourcesError, match="twice"):
        sources.read_tar(_tar(tmp_path / "a.tar", member, ("./a.yaml", tarfile.REGTYPE, b"x")))


def test_an_archive_in_another_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourcesError, match="is not UTF-8"):
        sources.read_tar(_tar(tmp_path / "a.tar", ("a.yaml", tarfile.REGTYPE, "客户".encode("gbk"))))


def test_few_bytes_do_not_unpack_to_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED", 1024 * 1024)
    plain = _tar(
        tmp_path / "a.tar", ("big.bin", tarfile.REGTYPE, bytes(2 * 1024 * 1024)), ("a.yaml", tarfile.REGTYPE, b"")
    )
    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert packed.stat().st_size < 10_000
    with pytest.raises(SourcesError, match="unpacks to more than 1 MiB"):
        sources.read_tar(packed)


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flip(data: bytes) -> bytes:
    return data[:-6] + bytes([data[-6] ^ 1]) + data[-5:]


@pytest.mark.parametrize("damage", [_cut, _flip, lambda _: b"", lambda _: b"kind: Masks\n", lambda _: b"\x1f\x8bxx"])
def test_a_damaged_archive_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "a.tar.gz"
    sources.write_tar(sources.of({"a.yaml": "客户" * 5_000}), path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SourcesError, match=r"a\.tar\.gz|no policy file"):
        sources.read_tar(path)


@pytest.mark.parametrize("place", [512 * 2 + 5, 512 * 2 + 150])
def test_a_damaged_entry_is_not_the_end(tmp_path: Path, place: int) -> None:
    path = tmp_path / "a.tar"
    sources.write_tar(sources.of({"a.yaml": "x", "b.yaml": "y"}), path)
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(SourcesError, match="damaged"):
        sources.read_tar(path)


def test_an_archive_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    sources.write_tar(sources.of({"a.yaml": "x", "b.yaml": "y"}), path)
    path.write_bytes(path.read_bytes()[: 512 * 2])
    with pytest.raises(SourcesError, match="damaged"):
        sources.read_tar(path)


@given(st.data())
def test_no_damage_to_an_archive_goes_unanswered(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = folder / data.draw(st.sampled_from(["a.tar", "a.tar.gz"]))
    made = sources.of({**SMALL, f"{'long/' * 40}客户.yaml": "x"})
    sources.write_tar(made, path)
    whole = bytearray(path.read_bytes())
    for place, byte in data.draw(st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=8)):
        whole[place] = byte
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        found = sources.read_tar(path)
    except SourcesError as error:
        assert str(error)  # noqa: PT017 - either is right
    else:
        assert [file.path for file in found.files] == [file.path for file in made.files] or path.suffix == ".tar"


def test_an_archive_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourcesError, match="cannot read"):
        sources.read_tar(tmp_path / "none.tar")


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., str]:
    if shutil.which("git") is None:
        missing = "needs git"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)

    def run(*arguments: str) -> str:
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "-C", str(tmp_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    run("init", "--quiet")
    sources.write_folder(sources.of(SMALL), tmp_path / "set")
    run("add", ".")
    run("commit", "--quiet", "--message", "first")
    return run


def test_a_checkout_has_its_commit(tmp_path: Path, git: Callable[..., str]) -> None:
    found = sources.read_checkout(tmp_path / "set")
    commit = git("rev-parse", "HEAD")
    assert found == (sources.of(SMALL), commit, False)
    assert found.words() == f"commit {commit}"


def _edit(folder: Path) -> None:
    (folder / "set" / "a.yaml").write_text("x: 1")


def _remove(folder: Path) -> None:
    (folder / "set" / "a.yaml").unlink()


def _add(folder: Path) -> None:
    (folder / "set" / "new.yaml").write_text("")


def _add_ignored(folder: Path) -> None:
    (folder / ".git" / "info" / "exclude").write_text("hidden/\n")
    (folder / "set" / "hidden").mkdir()
    (folder / "set" / "hidden" / "new.yaml").write_text("")


@pytest.mark.parametrize("change", [_edit, _remove, _add, _add_ignored])
def test_a_checkout_with_changes_is_dirty(
    tmp_path: Path, git: Callable[..., str], change: Callable[[Path], None]
) -> None:
    change(tmp_path)
    found = sources.read_checkout(tmp_path / "set")
    assert (found.commit, found.dirty) == (git("rev-parse", "HEAD"), True)
    assert "not committed" in found.words()


def test_other_changes_do_not_make_a_checkout_dirty(tmp_path: Path, git: Callable[..., str]) -> None:
    (tmp_path / "elsewhere.yaml").write_text("")
    (tmp_path / "set" / "note.txt").write_text("")
    assert git("rev-parse", "HEAD")
    assert not sources.read_checkout(tmp_path / "set").dirty


def test_a_folder_without_git_has_no_commit(tmp_path: Path) -> None:
    sources.write_folder(sources.of(SMALL), tmp_path / "set")
    found = sources.read_checkout(tmp_path / "set")
    assert found == (sources.of(SMALL), "", False)
    assert found.words() == ""


def test_a_checkout_runs_nothing_of_its_own(tmp_path: Path, git: Callable[..., str]) -> None:
    ran = tmp_path / "ran"
    git("config", "core.fsmonitor", f"touch {ran}; true")
    assert sources.read_checkout(tmp_path / "set").commit
    assert not ran.exists()
