"""Measures whether the desktop program keeps to its memory while somebody uses it for an hour.

`make bench-desktop-memory` runs it. The real program, in a window that nobody sees, works with a real `pdp serve` of
its own and goes through all screens again and again, about one step a second (`desktop_use.py`). After a round it
counts resident memory, Qt's objects, Python's objects by type, threads, open files and channels. Every few rounds the
folder is opened anew, which makes another service, another connection and other screens.

What is kept when nothing should be grows by every round: the judgement is the slope after the warm-up.
"""

from __future__ import annotations

import argparse
import collections
import gc
import json
import os
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from desktop_use import Day, Step
from PySide6.QtCore import QObject, QSettings, QTimer, qInstallMessageHandler
from PySide6.QtWidgets import QApplication
from report import machine, write_json
from service_usage import resident_bytes, tree

from admin_gui.i18n import Language
from admin_gui.main import collect_here, sample_bank
from admin_gui.theme import Theme
from admin_gui.views.window import Window
from admin_gui.widgets.context import Context

_RESULT = Path(__file__).resolve().parent / "results" / "desktop_memory.json"
MOST_AN_HOUR = 8.0
"""MiB: a working day adds no more than 64."""
_WARM_UP = 0.5
"""This part of the run is for caches, fonts and the allocator to settle."""
_LEAST_ROUNDS = 6
_REOPEN_ROUNDS = 5
_PATIENCE = 300.0
_LOOK_MILLISECONDS = 50
_MIB = 1024 * 1024
_SHOWN_TYPES = 12
_GREW = 1.05


@dataclass(frozen=True, slots=True)
class Sample:
    """What there was at the end of a round; memory in MiB, CPU in seconds since the beginning."""

    minute: float
    resident: float
    service: float
    qt_objects: int
    python_objects: int
    threads: int
    files: int
    channels: int
    cpu: float


class Driver(QObject):
    """Does one step after the other in the program's own event loop, and counts after each round."""

    def __init__(self, application: QApplication, window: Window, day: Day, minutes: float, pace: float) -> None:
        super().__init__()
        self._application, self._window, self._day = application, window, day
        self._seconds, self._pace = minutes * 60, pace
        self.samples: list[Sample] = []
        self._types: list[bytes] = []
        self.steps = 0
        self.stopped = ""
        """Why it ended before its time; what was counted until then is judged all the same."""
        self._began = self._since = time.monotonic()
        self._is_done = False
        self._script = self._all()
        self._step = Step("begin")
        self._timer = QTimer(self, interval=_LOOK_MILLISECONDS)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def _all(self) -> Iterator[Step]:
        yield from self._day.begin()
        number = 0
        while time.monotonic() - self._began < self._seconds or number < _LEAST_ROUNDS:
            yield from self._day.round()
            self._count()
            number += 1
            if number % _REOPEN_ROUNDS == 0:
                yield from self._day.begin()

    def _look(self) -> None:
        now = time.monotonic()
        if not self._is_done:
            self._is_done = self._step.is_over()
            if not self._is_done and now - self._since > _PATIENCE:
                self.stopped = f"`{self._step.name}` was not over within {_PATIENCE:.0f} s"
                self._end()
                return
        if self._is_done and now - self._since >= self._pace:
            self._since, self._is_done = now, False
            self.steps += 1
            following = next(self._script, None)
            if following is None:
                self._end()
            else:
                self._step = following

    def _end(self) -> None:
        self._timer.stop()
        self._window.close()
        self._application.exit()

    def _count(self) -> None:
        types, qt = _python_types(), _qt_types(self._application)
        service = self._window._service
        pid = 0 if service is None else int(service._process.processId())
        own = os.getpid()
        sample = Sample(
            minute=round((time.monotonic() - self._began) / 60, 2),
            resident=round(resident_bytes([own]) / _MIB, 1),
            service=round(resident_bytes(tree(pid)) / _MIB, 1) if pid else 0.0,
            qt_objects=qt.total(),
            python_objects=types.total(),
            threads=sum(1 for _ in Path("/proc/self/task").iterdir()),
            files=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            channels=types["grpc._channel.Channel"],
            cpu=round(time.process_time(), 1),
        )
        self.samples.append(sample)
        # Packed, or what is kept of each round would be what grows.
        self._types.append(
            zlib.compress(json.dumps({**types, **{f"{name} (Qt)": n for name, n in qt.items()}}).encode())
        )
        print(_line(sample), flush=True)

    def types(self) -> list[collections.Counter[str]]:
        """Return how many objects of each type there were after each round."""
        return [collections.Counter(json.loads(zlib.decompress(packed))) for packed in self._types]


def main() -> None:
    """Use the program for so long, print what it held and what grew, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default: 60)")
    parser.add_argument("--pace", type=float, default=1.0, help="seconds from one step to the next (default: 1)")
    parser.add_argument("--out", type=Path, default=_RESULT, help="where the figures go")
    options = parser.parse_args()
    load = os.getloadavg()
    sys.excepthook = _fail
    application = QApplication(["pdp-admin"])
    collect_here(application)
    with tempfile.TemporaryDirectory() as folder:
        settings = QSettings(f"{folder}/settings.ini", QSettings.Format.IniFormat)
        settings.setValue("recovery/folder", f"{folder}/recovery")
        context = Context(Language("zh", application), Theme("light", application), settings)
        window = Window(context, sample_bank())
        window.show()
        print(_HEAD)
        driver = Driver(application, window, Day(window, context), options.minutes, options.pace)
        status = application.exec()
    if driver.stopped:
        print(driver.stopped, file=sys.stderr)
    if status or len(driver.samples) < _LEAST_ROUNDS:
        sys.exit(status or 1)
    found = judge(driver.samples, driver.types())
    print(
        f"\n{driver.steps} steps; after the warm-up {found['growth']:+.1f} ± {found['uncertainty']:.1f} MiB an hour, ",
        end="",
    )
    print(f"{'within' if found['holds'] else 'ABOVE'} {MOST_AN_HOUR:g}")
    for name, counts in found["grew"].items():
        print(f"  {name:<60}{counts['before']:>10,}{counts['after']:>10,}")
    write_json(options.out, {
        "machine": machine(load), "minutes": options.minutes, "pace_seconds": options.pace, "steps": driver.steps,
        "stopped": driver.stopped or None, "judgement": found, "samples": [asdict(sample) for sample in driver.samples],
    })  # fmt: skip
    sys.exit(0 if found["holds"] and not driver.stopped else 1)


def judge(samples: Sequence[Sample], types: Sequence[collections.Counter[str]]) -> dict[str, Any]:
    """Return the growth in MiB an hour by least squares, its standard error, and which objects are more than before."""
    warm = max(1, round(len(samples) * _WARM_UP))
    after = samples[warm:]
    growth, uncertainty = _slope([one.minute / 60 for one in after], [one.resident for one in after])
    third = max(1, len(after) // 3)
    early, late = types[warm : warm + third], types[-third:]
    names = set().union(*early, *late)
    medians = {
        name: tuple(int(statistics.median(one[name] for one in part)) for part in (early, late)) for name in names
    }
    grew = {name: pair for name, pair in medians.items() if pair[1] > max(pair[0] * _GREW, pair[0] + third)}
    most = sorted(grew.items(), key=lambda item: item[1][0] - item[1][1])[:_SHOWN_TYPES]
    return {
        "growth": round(growth, 2),
        "uncertainty": round(uncertainty, 2),
        "most": MOST_AN_HOUR,
        "holds": growth <= MOST_AN_HOUR,
        "resident_after_warm_up": after[0].resident,
        "resident_at_the_end": after[-1].resident,
        "grew": {name: {"before": before, "after": later} for name, (before, later) in most},
    }


def _slope(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """Return the slope of a straight line through points, and its standard error."""
    slope, base = statistics.linear_regression(xs, ys)
    left = sum((y - base - slope * x) ** 2 for x, y in zip(xs, ys, strict=True))
    mean = statistics.fmean(xs)
    spread = sum((x - mean) ** 2 for x in xs)
    return slope, (left / max(len(xs) - 2, 1) / spread) ** 0.5


def _python_types() -> collections.Counter[str]:
    """Return how many objects of each type the collector knows of, garbage that it has not come to among them."""
    found: collections.Counter[type] = collections.Counter(type(one) for one in gc.get_objects())
    return collections.Counter({f"{kind.__module__}.{kind.__qualname__}": count for kind, count in found.items()})


def _qt_types(application: QApplication) -> collections.Counter[str]:
    """Return how many objects of each class there are below windows and the application, in Qt's own words.

    Asking for the objects themselves would give each of them a Python twin, which outlives it.
    """
    said: list[str] = []
    before = qInstallMessageHandler(lambda _kind, _where, text: said.append(text))
    for root in (application, *(window for window in application.topLevelWidgets() if window.parent() is None)):
        root.dumpObjectTree()
    qInstallMessageHandler(before)
    return collections.Counter(line.split("::")[0].strip() for text in said for line in text.splitlines())


_HEAD = (
    f"{'minute':>7}{'MiB':>8}{'service':>9}{'Qt':>8}{'Python':>9}{'threads':>9}{'files':>7}{'channels':>10}{'CPU s':>8}"
)


def _line(one: Sample) -> str:
    return (
        f"{one.minute:>7.1f}{one.resident:>8.1f}{one.service:>9.1f}{one.qt_objects:>8}{one.python_objects:>9}"
        f"{one.threads:>9}{one.files:>7}{one.channels:>10}{one.cpu:>8.1f}"
    )


def _fail(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What goes wrong in a slot is only printed otherwise, and the run would measure a program that stands still."""
    sys.__excepthook__(kind, error, trace)
    QApplication.exit(1)


if __name__ == "__main__":
    main()
