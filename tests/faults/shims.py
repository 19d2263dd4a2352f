"""Libraries that are put before the C library of the service's processes, and disks of our own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.service import ROOT

Need = Callable[[bool, str], None]
DISKLOG = ROOT / "tests" / "integration" / "disklog.c"
BAD_DISK = Path(__file__).with_name("baddisk.c")
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


def build(source: Path, folder: Path, need: Need) -> Path:
    """Compile a library."""
    compiler = shutil.which("cc")
    need(compiler is not None, "there is no C compiler `cc`")
    target = folder / f"{source.stem}.so"
    flags = ("-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC")
    subprocess.run([str(compiler), *flags, "-o", target, source, "-ldl", "-lpthread"], check=True)
    return target


def faketime(need: Need) -> Path:
    """Return the library that tells processes another time."""
    found = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
    need(found is not None, "needs libfaketime; on Debian: apt-get install faketime")
    return found or FAKETIME


class SmallDisk:
    """A file system in memory of a size that can change."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def resize(self, mebibytes: int) -> None:
        self._mount("-o", f"remount,size={mebibytes}m", str(self.path))

    def _mount(self, *arguments: str) -> None:
        subprocess.run(["mount", *arguments], check=True)


@contextlib.contextmanager
def small_disk(path: Path, mebibytes: int, need: Need) -> Iterator[SmallDisk]:
    """Have a small disk at a path."""
    need(os.geteuid() == 0, "needs root to mount a small file system")
    path.mkdir(mode=0o700, parents=True)
    options = f"size={mebibytes}m,mode=0700"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], capture_output=True, check=False)
    need(done.returncode == 0, f"cannot mount: {done.stderr.decode(errors='replace').strip()}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "-l", path], check=True)
