"""The sealed file of a backup: it opens as it was written, or not at all."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdp.errors import BackupError
from pdp.server.backup import keys, sealed
from pdp.server.backup.entries import (
    CHECKPOINT,
    FILE,
    Index,
    LastCheckpoint,
    block,
    describe,
    described,
    entries,
    entry,
    unblock,
)
from pdp.server.backup.keys import BackupKey
from pdp.server.backup.sealed import SECTIONS, SealedReader, SealedWriter
from pdp.snapshot.chain import SpooledRecord, StreamKey
from pdp.snapshot.store.base import Hold, StreamState, TreeState

KEY = BackupKey.of(b"k" * 32)
NAME = StreamKey("n1", "00000000000000a1", "short", 20_000)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few bytes fill several chunks."""
    monkeypatch.setattr(sealed, "CHUNK", 64)


def write(path: Path, *sections: bytes, key: BackupKey = KEY) -> bytes:
    with SealedWriter(path, key, {"node": "n1"}) as writer:
        for number, data in enumerate(sections):
            if number:
                writer.next_section()
            writer.write(data)
        writer.commit()
    return path.read_bytes()


def read(path: Path, key: BackupKey = KEY) -> list[bytes]:
    with SealedReader(path, key) as reader:
        return [b"".join(reader.section(number)) for number in range(SECTIONS)]


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@settings(max_examples=60, deadline=None)
@given(sections=st.lists(st.binary(max_size=700), min_size=3, max_size=3))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, sections: Sequence[bytes]) -> None:
    path = tmp_path_factory.mktemp("sealed") / "a"
    write(path, *sections)
    assert read(path) == list(sections)


def test_sections_are_read_one_by_one(tmp_path: Path) -> None:
    write(tmp_path / "a", noise(300), noise(500), b"index")
    with SealedReader(tmp_path / "a", KEY) as reader:
        assert b"".join(reader.section(2)) == b"index"
        assert b"".join(reader.section(0)) == noise(300)


def test_no_changed_bit_goes_unseen(tmp_path: Path) -> None:
    good = write(tmp_path / "a", noise(200), noise(100), b"index")
    for at in range(len(good)):
        (tmp_path / "b").write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(BackupError):
            read(tmp_path / "b")


def test_no_missing_end_goes_unseen(tmp_path: Path) -> None:
    good = write(tmp_path / "a", noise(200), noise(100), b"index")
    for size in range(len(good)):
        (tmp_path / "b").write_bytes(good[:size])
        with pytest.raises(BackupError):
            read(tmp_path / "b")


def test_nothing_can_be_added(tmp_path: Path) -> None:
    good = write(tmp_path / "a", noise(200), noise(100), b"index")
    (tmp_path / "b").write_bytes(good + b"\0")
    with pytest.raises(BackupError):
        read(tmp_path / "b")


def chunks(good: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Return what comes before the chunks, the chunks, and the trailer."""
    said = int.from_bytes(good[len(sealed.MAGIC) :][:4], "big")
    at = start = len(sealed.MAGIC) + 4 + said + 32
    found = []
    end = len(good) - 8 * SECTIONS
    while at < end:
        size = 4 + int.from_bytes(good[at : at + 4], "big")
        found.append(good[at : at + size])
        at += size
    return good[:start], found, good[end:]


def test_chunks_cannot_change_places(tmp_path: Path) -> None:
    head, found, trailer = chunks(write(tmp_path / "a", noise(300), noise(100), b"index"))
    assert len(found[0]) == len(found[1])
    (tmp_path / "b").write_bytes(head + b"".join([found[1], found[0], *found[2:]]) + trailer)
    with pytest.raises(BackupError, match="was changed"):
        read(tmp_path / "b")


def test_a_section_cannot_end_early(tmp_path: Path) -> None:
    head, found, trailer = chunks(write(tmp_path / "a", noise(300), noise(100), b"index"))
    offsets = [int.from_bytes(trailer[at : at + 8], "big") for at in range(0, len(trailer), 8)]
    shorter = [offsets[0], *(offset - len(found[3]) for offset in offsets[1:])]
    (tmp_path / "b").write_bytes(
        head + b"".join(found[:3] + found[4:]) + b"".join(offset.to_bytes(8, "big") for offset in shorter)
    )
    with pytest.raises(BackupError):
        read(tmp_path / "b")


def test_parts_of_two_files_do_not_mix(tmp_path: Path) -> None:
    head, found, trailer = chunks(write(tmp_path / "a", noise(300), noise(100), b"index"))
    _, other, _ = chunks(write(tmp_path / "b", noise(300), noise(100), b"index"))
    (tmp_path / "c").write_bytes(head + b"".join([other[0], *found[1:]]) + trailer)
    with pytest.raises(BackupError, match="was changed"):
        read(tmp_path / "c")


def test_another_key_is_told_from_damage(tmp_path: Path) -> None:
    write(tmp_path / "a", b"", b"", b"")
    other = BackupKey.of(b"o" * 32)
    with pytest.raises(BackupError, match=f"needs the key `{KEY.id}`, and this one is `{other.id}`"):
        read(tmp_path / "a", other)
    with SealedReader(tmp_path / "a") as reader:
        assert reader.header["node"] == "n1"
        with pytest.raises(BackupError, match="without the key"):
            next(reader.section(0))


def test_a_small_chunk_that_unpacks_to_much_comes_in_pieces(tmp_path: Path) -> None:
    write(tmp_path / "a", bytes(1_000_000), b"", b"")
    with SealedReader(tmp_path / "a", KEY) as reader:
        sizes = [len(piece) for piece in reader.section(0)]
    assert sum(sizes) == 1_000_000
    assert max(sizes) <= 64


def test_what_was_not_finished_leaves_nothing(tmp_path: Path) -> None:
    with SealedWriter(tmp_path / "a", KEY, {}) as writer:
        writer.write(noise(10_000))
        assert [path.name for path in tmp_path.iterdir()] == [".a.part"]
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    made = keys.make(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert BackupKey.load(tmp_path / "key") == made
    assert made.secret.hex() not in repr(made)
    with pytest.raises(BackupError, match="opens no backup any more"):
        keys.make(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(BackupError, match="others can read"):
        BackupKey.load(tmp_path / "key")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file away")
def test_a_key_of_root_that_our_group_may_read_is_ours() -> None:
    """So systemd's LoadCredential, which the unit of the backup uses, and Kubernetes with fsGroup hand it over."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        made = keys.make(folder / "key")
        os.chown(folder / "key", 0, 65534)
        (folder / "key").chmod(0o440)
        os.setegid(65534)
        os.seteuid(65534)
        try:
            assert BackupKey.load(folder / "key") == made
        finally:
            os.seteuid(0)
            os.setegid(0)


@pytest.mark.parametrize("text", ["", "zz" * 32, "ab" * 31, "ab" * 33, "\xff" * 64])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BackupError, match="64 hexadecimal digits"):
        BackupKey.load(path)
    with pytest.raises(BackupError, match="no such file"):
        BackupKey.load(tmp_path / "none")


@given(
    found=st.lists(st.tuples(st.sampled_from([FILE, CHECKPOINT]), st.binary(max_size=50))),
    cuts=st.lists(st.integers(1, 40), min_size=1),
)
def test_entries_are_read_however_they_are_cut(found: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    data = b"".join(entry(kind, payload) for kind, payload in found)
    pieces, at = [], 0
    while at < len(data):
        size = cuts[len(pieces) % len(cuts)]
        pieces.append(data[at : at + size])
        at += size
    assert list(entries(iter(pieces))) == found


def test_entries_that_make_no_sense_are_refused() -> None:
    for data in (b"?\0\0\0\0", b"F\0\0\0\2a", b"F\xff\xff\xff\xff", b"F\0"):
        with pytest.raises(BackupError):
            list(entries(iter([data])))
    for payload in (b"", b"\0\0\0\2{", b"\0\0\0\1["):
        with pytest.raises(BackupError):
            describe(payload)
    ((_, payload),) = entries(iter([described(FILE, {"name": "a"}, b"data")]))
    assert describe(payload) == ({"name": "a"}, b"data")


def test_blocks_keep_records_as_they_are() -> None:
    records = [SpooledRecord(NAME, 7 + at, noise(at * 50), noise(32 if at else 5)) for at in range(4)]
    ((_, payload),) = entries(iter([block(records)]))
    assert unblock(payload) == records
    for size in set(range(len(payload))) - _whole(records, payload):
        with pytest.raises(BackupError):
            unblock(payload[:size])


def _whole(records: Sequence[SpooledRecord], payload: bytes) -> set[int]:
    """Return the sizes at which a cut falls between two records, which leaves a shorter block."""
    at = len(payload)
    found = set()
    for record in reversed(records[1:]):
        at -= 6 + len(record.body) + len(record.chain)
        found.add(at)
    return found


def test_an_index_is_read_as_it_was() -> None:
    state = StreamState(NAME, 3, b"c" * 32, TreeState(3, (b"p" * 32, b"q" * 32)), closed=True, dropped=False)
    index = Index(
        streams={NAME: state}, checkpoints={"n1": LastCheckpoint(4, 5, "ab")}, control={"head": "cd"}, revision=9,
        head=2, bundles=["h"], holds=[Hold("a", 1, 2, "because", "me", 3)], counts={"records": 3},
    )  # fmt: skip
    assert Index.unpack(iter([index.pack()]), "a") == index
    for data in (b"", b"[]", b"{}", index.pack()[:-1], index.pack().replace(b'"holds"', b'"helds"')):
        with pytest.raises(BackupError, match="cannot be read"):
            Index.unpack(iter([data]), "a")
