"""A folder of backups: which belong together, which can be removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdp.errors import BackupError
from pdp.server.backup import shelf
from pdp.server.backup.keys import BackupKey
from pdp.server.backup.sealed import SealedReader, SealedWriter
from pdp.server.backup.shelf import FULL, INCREMENTAL, Backup

KEY = BackupKey.of(b"k" * 32)


def put(folder: Path, now: int, after: Backup | None = None) -> Backup:
    """Put an empty backup on the shelf."""
    kind = FULL if after is None else INCREMENTAL
    path = folder / f"{shelf.name_of(kind, now * 10**9)}{shelf.SUFFIX}"
    header = {
        "kind": kind, "chain": f"c{now}" if after is None else after.chain, "node": "n1", "version": "1",
        "sequence": 1 if after is None else after.sequence + 1, "previous": "" if after is None else after.digest,
        "created_nanos": now * 10**9, "hash": "sha256", "node_only": False,
    }  # fmt: skip
    with SealedWriter(path, KEY, header) as writer:
        writer.next_section()
        writer.next_section()
        writer.commit()
    with SealedReader(path) as reader:
        return Backup.of(reader)


def test_backups_stand_in_chains(tmp_path: Path) -> None:
    first = put(tmp_path, 1)
    second = put(tmp_path, 2, first)
    third = put(tmp_path, 3)
    fourth = put(tmp_path, 4, second)
    chains, problems = shelf.read(tmp_path)
    assert [chain.backups for chain in chains] == [(first, second, fourth), (third,)]
    assert problems == []
    assert shelf.newest(tmp_path).last == third
    assert shelf.newest(tmp_path, second.name).backups == (first, second)
    assert first.name == "19700101T000001.000000Z-full"
    assert first.created == "1970-01-01T00:00:01Z"


def test_a_missing_link_ends_a_chain(tmp_path: Path) -> None:
    first = put(tmp_path, 1)
    second = put(tmp_path, 2, first)
    third = put(tmp_path, 3, second)
    second.path.unlink()
    (chain,), problems = shelf.read(tmp_path)
    assert chain.backups == (first,)
    assert problems == [
        f"the backup `{third.name}` does not follow `{first.name}`: one between is missing or exchanged"
    ]
    with pytest.raises(BackupError, match="one between is missing"):
        shelf.newest(tmp_path, third.name)


def test_an_exchanged_link_ends_a_chain(tmp_path: Path) -> None:
    first = put(tmp_path, 1)
    second = put(tmp_path, 2, first)
    put(tmp_path, 4, second)
    name = second.path
    name.unlink()
    put(tmp_path, 3, first).path.rename(name)
    (chain,), problems = shelf.read(tmp_path)
    assert len(chain.backups) == 2
    assert len(problems) == 1


def test_what_lost_its_full_backup_is_named(tmp_path: Path) -> None:
    first = put(tmp_path, 1)
    second = put(tmp_path, 2, first)
    first.path.unlink()
    chains, problems = shelf.read(tmp_path)
    assert chains == []
    assert problems == [f"the backup `{second.name}` follows one that is not there; it cannot be restored"]
    with pytest.raises(BackupError, match="there is no full backup"):
        shelf.newest(tmp_path)


def test_what_is_no_backup_is_named(tmp_path: Path) -> None:
    put(tmp_path, 1)
    (tmp_path / f"x{shelf.SUFFIX}").write_bytes(b"jingxi backup 1\n\xff\xff\xff\xff")
    (tmp_path / "readme").touch()
    chains, problems = shelf.read(tmp_path)
    assert len(chains) == 1
    assert problems == [f"the header of the backup `{tmp_path}/x{shelf.SUFFIX}` is damaged"]


def test_old_chains_go_as_a_whole(tmp_path: Path) -> None:
    first = put(tmp_path, 1)
    second = put(tmp_path, 2, first)
    third, fourth = put(tmp_path, 3), put(tmp_path, 4)
    chains, _ = shelf.read(tmp_path)
    assert shelf.prune(chains, 3) == []
    assert shelf.prune(chains, 2) == [second, first]
    assert [chain.first for chain in shelf.read(tmp_path)[0]] == [third, fourth]


def test_one_at_a_time(tmp_path: Path) -> None:
    left = tmp_path / f".x{shelf.SUFFIX}.part"
    left.touch()
    with shelf.locked(tmp_path):
        assert not left.exists(), "what was left by one that was killed goes"
        with pytest.raises(BackupError, match="another backup is being made"), shelf.locked(tmp_path):
            pytest.fail("two at once")
    with shelf.locked(tmp_path):
        pass
