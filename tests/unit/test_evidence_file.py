"""Evidence files: what is written is read and verified again, and damage is told with its place."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdp.errors import EvidenceError
from pdp.signing import TrustedKeys
from pdp.snapshot.evidence.checkpoint import DirectoryCopy
from pdp.snapshot.evidence.file import MAGIC, EvidenceFile, save, write_selection, write_streams
from pdp.snapshot.evidence.findings import Kind
from pdp.snapshot.evidence.selection import verify_selection
from pdp.snapshot.evidence.verify import verify
from tests.strategies import examples
from tests.unit.evidence import TRUSTED, Memory, Node, body, edited, stream

ONE, TWO, OTHER = stream(), stream(boot="00000000000000b2"), stream(retention="long")


def made(folder: Path) -> Memory:
    """Return a store with three streams and five checkpoints, the first and last of which speak of OTHER alone."""
    store = Memory()
    copy = folder / "copy"
    copy.mkdir(exist_ok=True)
    node = Node(store, folder / "keys", copies=[DirectoryCopy(copy)])
    node.write(OTHER, [body("o1")])
    node.tick()
    for part in range(3):
        node.write(ONE, [body(f"a{part}{index}") for index in range(4)])
        node.write(TWO, [body(f"b{part}{index}") for index in range(3)])
        if part == 2:
            node.close(ONE)
            node.close(TWO)
        node.tick()
    node.write(OTHER, [body("o2")])
    node.tick()
    return store


@pytest.mark.parametrize("name", ["part.evidence", "part.evidence.gz"])
def test_streams_are_verified_without_the_store(tmp_path: Path, name: str) -> None:
    store, path = made(tmp_path), tmp_path / name
    assert save(path, write_streams(store, [ONE, TWO])) == path.stat().st_size
    file = EvidenceFile(path)
    assert [state.key for state in file.streams()] == [ONE, TWO]
    assert [row.body for row in file.records(ONE, 10)] == [row.body for row in store.rows[ONE][10:]]
    report = verify(file, TRUSTED, [tmp_path / "copy"])
    file.close()
    assert report.is_complete
    # Only the checkpoints that the streams need.
    assert (report.records, report.streams, report.checkpoints) == (21, 2, 3)


def test_all_streams(tmp_path: Path) -> None:
    path = tmp_path / "all"
    save(path, write_streams(made(tmp_path)))
    with EvidenceFile(path) as file:
        report = verify(file, TRUSTED)
    assert report.is_complete
    assert (report.records, report.checkpoints) == (23, 5)


def test_only_what_is_signed_is_written(tmp_path: Path) -> None:
    store = Memory()
    node = Node(store, tmp_path / "keys")
    node.write(ONE, [body("a")])
    with pytest.raises(EvidenceError, match="no checkpoint covers the stream"):
        list(write_streams(store, [ONE]))
    node.tick()
    node.write(ONE, [body("b")])
    node.write(TWO, [body("c")])
    save(tmp_path / "all", write_streams(store))
    assert EvidenceFile(tmp_path / "all").records_held == 1
    with pytest.raises(EvidenceError, match="there are no records of the stream"):
        list(write_streams(store, [OTHER]))


def test_a_changed_store_gives_a_file_that_shows_it(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.rows[ONE][5] = edited(store.rows[ONE][5], body=body("forged"))
    del store.rows[TWO][2]
    save(tmp_path / "all", write_streams(store))
    with EvidenceFile(tmp_path / "all") as file:
        found = verify(file, TRUSTED).faults
    assert [(f.kind, f.stream, f.sequence) for f in found] == [(Kind.ALTERED, ONE, 5), (Kind.MISSING, TWO, 2)]


@pytest.mark.parametrize("name", ["some", "some.gz"])
def test_a_selection_is_verified_record_by_record(tmp_path: Path, name: str) -> None:
    store = made(tmp_path)
    rows = [store.rows[ONE][0], store.rows[ONE][7], store.rows[TWO][8]]
    save(tmp_path / name, write_selection(store, rows))
    file = EvidenceFile(tmp_path / name)
    assert file.form == "selection"
    report = verify_selection(file, TRUSTED)
    assert report.is_complete
    assert (report.records, report.streams, report.checkpoints) == (3, 2, 1)
    assert [proof.record.record for proof in file.proofs()] == [row.body for row in rows]
    unknown = verify_selection(file, TrustedKeys({}))
    assert [(f.kind, f.sequence, f.record_id) for f in unknown.faults] == [
        (Kind.ALTERED, 0, "a00"), (Kind.ALTERED, 7, "a13"), (Kind.ALTERED, 8, "b22"),
    ]  # fmt: skip


def test_a_changed_record_of_a_selection_is_named(tmp_path: Path) -> None:
    store, path = made(tmp_path), tmp_path / "some"
    save(path, write_selection(store, store.rows[ONE][:3]))
    path.write_bytes(path.read_bytes().replace(b"a01", b"x01"))
    (finding,) = verify_selection(EvidenceFile(path), TRUSTED).faults
    assert (finding.sequence, finding.record_id) == (1, "x01")
    assert "does not fit its chain value" in finding.sentence.en


def test_a_changed_store_gives_no_selection(tmp_path: Path) -> None:
    store = made(tmp_path)
    store.rows[ONE][5] = store.rows[ONE][5]._replace(chain=bytes(32))
    with pytest.raises(EvidenceError, match="does not fit its checkpoint"):
        list(write_selection(store, store.rows[ONE][:1]))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for data, words in [
        (b"", "no evidence file"),
        (b"PK\x03\x04" * 10, "no evidence file"),
        (MAGIC, f"at byte {len(MAGIC)}: it is cut off"),
        (MAGIC + b"X\0\0\0\0", "this is no entry"),
        (MAGIC + b"H\0\0\0\2{}", "no header"),
        (MAGIC + b"H\xff\0\0\0", "this is no entry"),
    ]:
        path.write_bytes(data)
        with pytest.raises(EvidenceError, match=words):
            EvidenceFile(path)
    with pytest.raises(EvidenceError, match="no such file"):
        EvidenceFile(tmp_path / "away")


def test_an_old_file_is_not_overwritten(tmp_path: Path) -> None:
    store, path = made(tmp_path), tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        save(path, write_streams(store))
    assert path.read_bytes() == b"old"


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError):
        save(tmp_path / "x", write_streams(made(tmp_path), [stream(node="n9")]))
    assert not (tmp_path / "x").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    store = made(folder)
    streams, some = b"".join(write_streams(store, [ONE, TWO])), b"".join(write_selection(store, store.rows[ONE]))
    return folder, streams, some


def judged(path: Path) -> bool:
    """Return whether a file is good; damage that makes it unreadable is EvidenceError and nothing else."""
    try:
        with EvidenceFile(path) as file:
            report = verify_selection(file, TRUSTED) if file.form == "selection" else verify(file, TRUSTED)
    except EvidenceError:
        return False
    return report.is_complete


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), form=st.sampled_from([1, 2]), packed=st.booleans())
def test_a_file_cut_off_or_with_a_bit_flipped_is_never_good(
    whole: tuple[Path, bytes, bytes], data: st.DataObject, form: int, packed: bool
) -> None:
    path = whole[0] / ("x.gz" if packed else "x")
    good = whole[form]
    bits = data.draw(st.integers(0, len(good) * 8 - 1))
    changed = bytearray(good)
    changed[bits // 8] ^= 1 << bits % 8
    if data.draw(st.booleans()):
        changed = bytearray(good[: bits // 8])
    if not packed:
        path.write_bytes(changed)
        assert not judged(path)
        return
    whole_gzip = gzip.compress(good, 1, mtime=0)
    place = data.draw(st.integers(10, len(whole_gzip) - 1))
    path.write_bytes(whole_gzip[:place])
    assert not judged(path)
    path.write_bytes(gzip.compress(bytes(changed), 1))
    assert not judged(path)


def test_the_file_that_the_damage_is_tried_on_is_good(whole: tuple[Path, bytes, bytes]) -> None:
    for index, good in enumerate(whole[1:]):
        path = whole[0] / f"good{index}"
        path.write_bytes(good)
        assert judged(path)
