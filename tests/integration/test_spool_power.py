"""Power cuts at any moment: what `append` promised is there, once, and the chains hold."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pdp.snapshot.spool import SpoolAlarm, SpoolReader
from tests.integration.disk import Disk, Step, read_log
from tests.integration.needs import missing
from tests.unit.spools import Shipped

HERE = Path(__file__).parent
CUTS = 60


@pytest.fixture(scope="session")
def shim(tmp_path_factory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        missing("a C compiler; on Debian: apt-get install gcc libc6-dev")
    target = tmp_path_factory.mktemp("shim") / "disklog.so"
    command = [compiler, "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o", target, HERE / "disklog.c"]
    subprocess.run([*command, "-ldl", "-lpthread"], check=True)
    return target


def record(shim: Path, folder: Path, *arguments: str, fail: str = "") -> list[Step]:
    """Let a writer work below `folder / "disk"` and return what it did to the disk."""
    root = folder / "disk"
    root.mkdir()
    environment = {
        **os.environ,
        "LD_PRELOAD": str(shim),
        "SPOOL_LOG": str(folder / "log"),
        "SPOOL_ROOT": str(root),
        "SPOOL_FAIL": fail,
        "SPOOL_FAIL_END": "-wal",
    }
    command = [sys.executable, "-m", "tests.integration.spool_writer", str(root / "spool"), str(root / "acks")]
    subprocess.run([*command, *arguments], check=True, env=environment, cwd=HERE.parent.parent, timeout=120)
    return list(read_log(folder / "log"))


def check_cuts(folder: Path, steps: list[Step], seed: int) -> None:
    """Cut the power after steps chosen at random, and look at what is left each time."""
    randomness = random.Random(seed)
    cuts = sorted(randomness.sample(range(len(steps)), min(CUTS, len(steps))))
    disk = Disk(folder / "disk")
    promised: list[str] = []
    written: set[str] = set()
    done = 0
    for cut in [*cuts, len(steps)]:
        for step in steps[done:cut]:
            disk.play(step)
            if step.path.name == "acks" and step.operation == "w":
                promised += step.data.decode().split()
        done = cut
        image = folder / f"image-{cut}"
        disk.cut(image, randomness)
        alarms: list[SpoolAlarm] = []
        reader = SpoolReader([image / "spool", image / "second"], alarm=alarms.append)
        shipped = Shipped()
        shipped.drain(reader)
        print(f"seed {seed}, cut after {cut} of {len(steps)}: {len(promised)} promised, {len(shipped.ids)} there")
        assert alarms == []
        assert not set(promised) - set(shipped.ids)
        assert max(shipped.ids.values(), default=1) == 1
        reader.release(shipped.positions)
        reader.close()
        written |= set(shipped.ids)
        shutil.rmtree(image)
    assert len(promised) > 100
    assert len(written) >= len(promised)


@pytest.mark.parametrize("seed", range(3))
def test_what_was_promised_survives_a_power_cut(shim: Path, tmp_path: Path, seed: int) -> None:
    steps = record(shim, tmp_path, "--appends", "150", "--seed", str(seed))
    assert {step.operation for step in steps} >= set("cmwsru")
    check_cuts(tmp_path, steps, seed)


@pytest.mark.parametrize("seed", range(3))
def test_what_was_promised_after_a_failed_fsync_survives_too(shim: Path, tmp_path: Path, seed: int) -> None:
    fail = random.Random(seed).randint(3, 120)
    second = str(tmp_path / "disk" / "second")
    arguments = ("--appends", "150", "--seed", str(seed), "--second", second)
    steps = record(shim, tmp_path, *arguments, fail=str(fail))
    check_cuts(tmp_path, steps, seed)


def test_the_simulated_disk_forgets(shim: Path, tmp_path: Path) -> None:
    """Without the spool's synchronisations, records are lost: the test above can fail."""
    steps = [step for step in record(shim, tmp_path, "--appends", "150") if step.operation != "s"]
    with pytest.raises(AssertionError):
        check_cuts(tmp_path, steps, 1)
