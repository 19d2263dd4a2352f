"""Writers in processes of their own: killed, read meanwhile, with a full and with a failing disk."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pdp.snapshot.spool import SpoolAlarm, SpoolReader
from pdp.snapshot.spool.files import list_boots
from tests.integration.needs import missing
from tests.unit.spools import Shipped, files

ROOT = Path(__file__).parent.parent.parent


def start(folder: Path, acks: Path, *arguments: str, before: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    command = [*before, sys.executable, "-m", "tests.integration.spool_writer", str(folder), str(acks), *arguments]
    return subprocess.Popen(command, cwd=ROOT)


def promised(acks: Path) -> set[str]:
    """Return the ids of all appends that returned; a last line that was cut short counts, as its append did return."""
    return {name for name in acks.read_text().split(" ") for name in name.split()} if acks.exists() else set()


def wait_for(acks: Path, size: int, process: subprocess.Popen[bytes]) -> None:
    while not acks.exists() or acks.stat().st_size < size:
        assert process.poll() is None


@pytest.mark.parametrize("seed", range(4))
def test_killed_writers_leave_all_that_they_promised(tmp_path: Path, seed: int) -> None:
    print("seed", seed)
    randomness = random.Random(seed)
    spool, acks = tmp_path / "spool", tmp_path / "acks"
    alarms: list[SpoolAlarm] = []
    reader = SpoolReader([spool], alarm=alarms.append)
    shipped = Shipped()
    for _ in range(5):
        size = acks.stat().st_size if acks.exists() else 0
        process = start(spool, acks, "--seed", str(randomness.randrange(10**9)), "--checkpoint-pages", "8")
        wait_for(acks, size + randomness.randrange(1, 30_000), process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        shipped.take(reader.read(shipped.positions, 200))
        reader.release(shipped.positions)
    shipped.drain(reader)
    assert alarms == []
    assert promised(acks) <= set(shipped.ids)
    assert max(shipped.ids.values()) == 1
    assert len(reader.finished((), shipped.positions)) == len(shipped.positions)
    reader.release(shipped.positions)
    assert list(spool.iterdir()) == []
    reader.close()


@pytest.mark.parametrize("seed", range(6))
def test_killed_writers_whose_log_is_damaged(tmp_path: Path, seed: int) -> None:
    """What was promised and is gone is named, whether the log was cut short or a part of it is wrong."""
    randomness = random.Random(seed)
    spool, acks = tmp_path / "spool", tmp_path / "acks"
    process = start(spool, acks, "--seed", str(seed), "--segment-bytes", "10000000", "--checkpoint-pages", "50")
    wait_for(acks, randomness.randrange(5_000, 60_000), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (log,) = spool.glob("*/*.db-wal")
    at = randomness.randrange(log.stat().st_size)
    with log.open("r+b") as file:
        if seed % 2:
            file.truncate(at)
        else:
            file.seek(at)
            file.write(randomness.randbytes(16))
    alarms: list[SpoolAlarm] = []
    reader = SpoolReader([spool], alarm=alarms.append)
    shipped = Shipped()
    shipped.drain(reader)
    gone = promised(acks) - set(shipped.ids)
    print("seed", seed, "at", at, "gone", len(gone), alarms)
    assert max(shipped.ids.values(), default=1) == 1
    # One append may have been durable without its line in `acks`.
    assert len(gone) <= shipped.missing <= len(gone) + 9
    assert bool(alarms) >= bool(gone)
    reader.release(shipped.positions)
    assert files(spool) == []
    reader.close()


def test_reading_while_others_write(tmp_path: Path) -> None:
    spool, acks = tmp_path / "spool", tmp_path / "acks"
    writers = [start(spool, acks, "--seed", str(seed), "--appends", "1500") for seed in range(2)]
    reader = SpoolReader([spool])
    shipped = Shipped()
    released = rounds = 0
    while any(writer.poll() is None for writer in writers):
        for _ in range(5):
            shipped.take(reader.read(shipped.positions, 150))
        released += reader.release(shipped.positions)
        alive = {boot.boot for boot in list_boots([spool]) if boot.alive}
        assert all(key.boot not in alive or writers[0].poll() is not None for key in reader.finished() if alive)
        rounds += 1
    assert [writer.returncode for writer in writers] == [0, 0]
    assert rounds > 5
    assert released > 5
    shipped.drain(reader)
    assert set(shipped.ids) == promised(acks)
    assert max(shipped.ids.values()) == 1
    reader.release(shipped.positions)
    assert list(spool.iterdir()) == []
    reader.close()


def test_a_killed_reader_is_replaced(tmp_path: Path) -> None:
    """A reader that dies leaves the store where it is; the next one goes on there, with a writer that never stopped."""
    spool, acks = tmp_path / "spool", tmp_path / "acks"
    process = start(spool, acks, "--appends", "1200")
    shipped = Shipped()
    while process.poll() is None:
        reader = SpoolReader([spool])
        shipped.take(reader.read(shipped.positions, 100))
        reader.read(shipped.positions, 100)
        reader.release(shipped.positions)
        reader.close()
    reader = SpoolReader([spool])
    shipped.drain(reader)
    assert set(shipped.ids) == promised(acks)
    assert max(shipped.ids.values()) == 1
    reader.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    target = tmp_path / "small"
    target.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(target)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"cannot mount a small file system: {made.stderr.decode().strip()}")
    yield target
    subprocess.run(["umount", "-l", str(target)], check=True)


@pytest.mark.parametrize("has_second", [False, True])
def test_a_full_disk_refuses_and_takes_nothing_away(tmp_path: Path, small_disk: Path, has_second: bool) -> None:
    spool, second, acks = small_disk / "spool", tmp_path / "second", tmp_path / "acks"
    arguments = ["--refusals", "20", "--appends", "3000", *(["--second", str(second)] if has_second else [])]
    process = start(spool, acks, *arguments)
    assert process.wait() == 0
    alarms: list[SpoolAlarm] = []
    reader = SpoolReader([spool, second], alarm=alarms.append)
    shipped = Shipped()
    while records := reader.read(shipped.positions, 500):
        shipped.take(records)
        reader.release(shipped.positions)
    assert alarms == []
    assert set(shipped.ids) >= promised(acks)
    assert max(shipped.ids.values()) == 1
    assert len(shipped.ids) > (10_000 if has_second else 500)
    reader.release(shipped.positions)
    assert files(spool) == files(second) == []
    reader.close()


@pytest.fixture(scope="session")
def strace() -> str:
    """A tracer that can make system calls fail."""
    found = shutil.which("strace")
    if found is None:
        missing("strace; on Debian: apt-get install strace")
    if subprocess.run([found, "-qq", "-o", os.devnull, "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here")
    return found


@pytest.mark.parametrize(
    ("call", "when"), [("fdatasync", "5"), ("fdatasync", "20+40"), ("pwrite64", "60"), ("fsync", "9")]
)
def test_errors_of_the_disk_cost_no_promise(tmp_path: Path, strace: str, call: str, when: str) -> None:
    spool, second, acks = tmp_path / "spool", tmp_path / "second", tmp_path / "acks"
    log = tmp_path / "trace"
    before = (strace, "-f", "-qq", "-o", str(log), "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={when}")
    process = start(spool, acks, "--appends", "200", "--second", str(second), before=before)
    assert process.wait() == 0
    assert "(INJECTED)" in log.read_text()
    alarms: list[SpoolAlarm] = []
    reader = SpoolReader([spool, second], alarm=alarms.append)
    shipped = Shipped()
    shipped.drain(reader)
    assert alarms == []
    assert promised(acks) == set(shipped.ids)
    assert max(shipped.ids.values()) == 1
    assert len(shipped.ids) > 500
    reader.close()
