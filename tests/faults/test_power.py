"""The power goes while the whole service works: of what was not synchronised any part is gone.

Every process of the service logs what it does to the data folder. At points chosen at random a disk is made of the log
as a power cut could have left it, a service is started on it, and every answer that had been given by then must be in
its store.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

import pytest

from pdp.v1 import decision_service_pb2 as messages
from tests.faults.checker import check_folder
from tests.faults.conftest import SEED, Results
from tests.faults.load import Load
from tests.faults.service import Service, running
from tests.faults.shims import DISKLOG, build
from tests.integration.disk import Disk, Step, read_log

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

CUTS = 5
SECONDS = 5.0


class StampedLoad(Load):
    """Remembers how long the log was when an answer had come."""

    def __init__(self, log: Path, address: str, **options: float) -> None:
        super().__init__(address, **options)  # type: ignore[arg-type]
        self.stamps: dict[str, int] = {}
        self._log = log

    def _got(self, response: messages.DecideResponse) -> None:
        super()._got(response)
        self.stamps[response.decision_id] = self._log.stat().st_size


@pytest.mark.parametrize("transport", ["grpc", "native"])
def test_power_cuts(
    transport: str, tmp_path: Path, draw: random.Random, results: Results, need: Callable[[bool, str], None]
) -> None:
    log = tmp_path / "disk.log"
    service = Service(tmp_path / "run", transport=transport)
    with running(service):
        service.finish()
    before = list(as_it_is(service.data))
    service.environment = {
        "LD_PRELOAD": str(build(DISKLOG, tmp_path, need)), "SPOOL_LOG": str(log), "SPOOL_ROOT": str(service.data),
        "SPOOL_FAIL": "", "SPOOL_FAIL_END": "-",
    }  # fmt: skip
    with running(service):
        load = StampedLoad(log, service.address, seed=SEED, rate=120).start()
        time.sleep(SECONDS)
        load.stop()
        service.kill_all()
    steps = list(read_log(log))
    first, last = min(load.stamps.values()), max(load.stamps.values())
    cuts = sorted(draw.randint(first, last) for _ in range(CUTS))
    disk = Disk(service.data)
    for step in before:
        disk.play(step)
    at = done = 0
    for number, cut in enumerate(cuts, 1):
        while done < len(steps) and at + size(steps[done]) <= cut:
            disk.play(steps[done])
            at += size(steps[done])
            done += 1
        image = tmp_path / f"image-{number}"
        disk.cut(image, draw)
        own(image)
        promised = {name: load.answers[name] for name, stamp in load.stamps.items() if stamp <= at}
        after = Service(tmp_path / f"after-{number}", transport=transport, data=image)
        begun = time.monotonic()
        with running(after):
            recovered = time.monotonic() - begun
            after.finish()
        checked = check_folder(after.store_url, image, promised, SEED)
        # Answers that came after the cut may have left records, too.
        results.add(
            f"power cut {number}, {transport}", checked, recovered, steps=done, of_steps=len(steps),
            log_bytes=log.stat().st_size, quarantined=after.quarantined(),
        )  # fmt: skip
        assert not after.quarantined()
        shutil.rmtree(image)


def as_it_is(folder: Path) -> Iterator[Step]:
    """Yield the steps that make a folder as it is, all of it synchronised."""
    for path in sorted(folder.iterdir()):
        name = PurePath(path)
        if path.is_dir():
            yield Step("m", 0, name, b"")
            yield from as_it_is(path)
        else:
            yield Step("c", 0, name, b"")
            yield Step("w", 0, name, path.read_bytes())
            yield Step("s", 0, name, b"")
    yield Step("s", 0, PurePath(folder), b"")


def size(step: Step) -> int:
    """Return the length of an entry of the log."""
    return 25 + len(str(step.path).encode()) + len(step.data)


def own(folder: Path) -> None:
    """Let nobody else read an image: a disk keeps modes, and this one does not know them."""
    folder.chmod(0o700)
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
