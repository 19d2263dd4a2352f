"""The log on the client's disk: nothing that `append` returned for is lost, and what is lost is told."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jingxi_client._frames import HEAD, frame
from jingxi_client._spool import Entry, Spool, SpoolFullError


def text(number: int) -> bytes:
    return f"entry {number}".encode()


def fill(spool: Spool, count: int) -> None:
    for _ in range(count):
        spool.append([text])


def payloads(spool: Spool) -> list[tuple[int, bytes | None]]:
    return [(entry.number, entry.payload) for entry in spool.pending(10_000, 10**9)]


def entries(first: int, last: int) -> list[tuple[int, bytes | None]]:
    return [(number, text(number)) for number in range(first, last + 1)]


def logs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.log"))


def test_entries_are_numbered_and_there_again_after_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    fill(spool, 3)
    assert spool.append([text, text]) == 5
    spool.close()
    again = Spool(tmp_path)
    assert payloads(again) == entries(1, 5)
    assert (again.last, again.waiting, again.reported) == (5, 5, 0)
    assert again.append([text]) == 6
    assert again.damage == []


def test_files_begin_anew_and_go_when_all_of_them_is_reported(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment=40)
    fill(spool, 7)
    assert logs(tmp_path) == ["00000001.log", "00000004.log", "00000007.log"]
    spool.mark(3)
    assert logs(tmp_path) == ["00000004.log", "00000007.log"]
    spool.mark(5)
    assert payloads(spool) == entries(6, 7)
    spool.mark(7)
    assert logs(tmp_path) == []
    spool.close()
    again = Spool(tmp_path, segment=40)
    assert again.append([text]) == 8
    assert payloads(again) == entries(8, 8)


def test_what_is_pending_fits_into_a_call(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment=40)
    fill(spool, 9)
    assert [entry.number for entry in spool.pending(4, 10**6)] == [1, 2, 3, 4]
    assert [entry.number for entry in spool.pending(100, 20)] == [1, 2]
    assert [entry.number for entry in spool.pending(100, 1)] == [1]


@pytest.mark.parametrize("cut", range(1, HEAD + len(text(3)) + 1))
def test_a_torn_last_entry_is_cut_off(tmp_path: Path, cut: int) -> None:
    spool = Spool(tmp_path)
    fill(spool, 3)
    spool.close()
    path = tmp_path / "00000001.log"
    path.write_bytes(path.read_bytes()[:-cut])
    again = Spool(tmp_path)
    assert payloads(again) == entries(1, 2)
    assert again.append([lambda _: b"new"]) == 3
    assert again.damage == []
    again.close()
    assert payloads(Spool(tmp_path)) == [*entries(1, 2), (3, b"new")]


def test_a_file_that_power_left_full_of_zeros_is_cut(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    fill(spool, 2)
    spool.close()
    with (tmp_path / "00000001.log").open("ab") as stream:
        stream.write(bytes(5_000))
    assert payloads(Spool(tmp_path)) == entries(1, 2)


@settings(deadline=None)  # each example syncs a disk many times
@given(st.data())
def test_no_flipped_bit_is_read_as_an_entry(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder, segment=60)
    fill(spool, 12)
    spool.close()
    path = folder / data.draw(st.sampled_from(logs(folder)))
    damaged = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(damaged) - 1))
    damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(bytes(damaged))
    again = Spool(folder, segment=60)
    found = payloads(again)
    assert [number for number, _ in found] == list(range(1, again.last + 1))
    assert all(payload in (text(number), None) for number, payload in found)
    # The last entry of all looks like one that was never finished, all others are told.
    assert len(found) == 12 or (len(found) == 11 and path.name == logs(folder)[-1])
    if any(payload is None for _, payload in found):
        assert again.damage
    number = again.append([text])
    assert number == again.last == len(found) + 1
    again.close()
    reopened = payloads(Spool(folder, segment=60))
    assert reopened[-1] == (number, text(number))
    assert [number for number, _ in reopened] == list(range(1, number + 1))


def test_a_damaged_entry_in_the_middle_skips_to_the_next_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment=60)
    fill(spool, 8)
    spool.close()
    path = tmp_path / "00000001.log"
    data = bytearray(path.read_bytes())
    data[len(frame(text(1))) + HEAD] ^= 1
    path.write_bytes(bytes(data))
    again = Spool(tmp_path, segment=60)
    second = int(logs(tmp_path)[1][:-4])
    assert payloads(again) == [
        *entries(1, 1), *((number, None) for number in range(2, second)), *entries(second, 8),
    ]  # fmt: skip
    assert again.damage == ["`00000001.log` is damaged after entry 1"]


class Disk:
    """Stands for a disk that fails when told."""

    def __init__(self) -> None:
        self.error: OSError | None = None
        self.synced = 0
        self.hold: Callable[[], None] = lambda: None

    def sync(self, fd: int) -> None:
        self.hold()
        if self.error is not None:
            raise self.error
        self.synced += 1
        os.fsync(fd)


def test_what_could_not_be_written_does_not_stand(tmp_path: Path) -> None:
    disk = Disk()
    spool = Spool(tmp_path, sync=disk.sync)
    fill(spool, 2)
    disk.error = OSError(errno.EIO, "input/output error")
    with pytest.raises(OSError, match="input/output"):
        spool.append([lambda _: b"never"])
    disk.error = None
    assert spool.append([lambda _: b"after"]) == 3
    spool.close()
    assert payloads(Spool(tmp_path)) == [*entries(1, 2), (3, b"after")]


def test_a_first_entry_that_could_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    disk = Disk()
    spool = Spool(tmp_path, sync=disk.sync)
    disk.error = OSError(errno.EIO, "input/output error")
    with pytest.raises(OSError, match="input/output"):
        spool.append([text])
    assert spool.waiting == 0
    disk.error = None
    assert spool.append([text]) == 1
    assert payloads(spool) == entries(1, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_an_error_of_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    fill(spool, 1)
    real = os.write
    full = os.open("/dev/full", os.O_WRONLY)

    def half(fd: int, data: bytes) -> int:
        # As a disk does: some of it fits, the rest does not.
        return real(fd, data[:5]) if len(data) > 5 and data.startswith(b"\0\0") else real(full, data)

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="No space left"):
        spool.append([text])
    monkeypatch.undo()
    os.close(full)
    assert spool.append([text]) == 2
    spool.close()
    assert payloads(Spool(tmp_path)) == entries(1, 2)


def test_the_log_is_bounded(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most=100)
    with pytest.raises(SpoolFullError):
        fill(spool, 20)
    kept = spool.last
    assert spool.filling <= 1
    spool.mark(kept)
    assert spool.append([text]) == kept + 1


def test_numbers_follow_the_service_where_it_lost_or_where_this_folder_did(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    fill(spool, 4)
    spool.mark(3)
    spool.mark(1)
    assert spool.pending(9, 10**6)[0] == Entry(2, text(2))
    spool.mark(10)
    assert spool.waiting == 0
    assert spool.append([text]) == 11
    assert payloads(spool) == entries(11, 11)
    spool.mark(9)
    assert payloads(spool) == [(10, None), (11, text(11))]


def test_calls_at_the_same_time_share_a_sync(tmp_path: Path) -> None:
    disk = Disk()
    spool = Spool(tmp_path, sync=disk.sync)
    entered, release = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert release.wait(30)

    disk.hold = hold
    first = threading.Thread(target=spool.append, args=([text],))
    first.start()
    assert entered.wait(30)
    others = [threading.Thread(target=spool.append, args=([text],)) for _ in range(20)]
    for thread in others:
        thread.start()
    while spool.last < 21:  # each has written and waits
        pass
    release.set()
    for thread in [first, *others]:
        thread.join(30)
    assert disk.synced <= 3
    assert payloads(spool) == entries(1, 21)


def test_an_entry_that_is_not_durable_yet_is_not_reported(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([text], durable=False)
    assert payloads(spool) == []
    spool.sync()
    assert payloads(spool) == entries(1, 1)
