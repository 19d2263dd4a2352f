"""Measures how soon the desktop program shows what somebody wants to see, in a window that nobody sees.

`make bench-desktop` runs it in about half a minute. The service is a double on a real socket in a process of its own,
with ten million records, that answers at once: what is measured is the program. Each figure is the time from the wish
to the moment when the rows are painted.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PySide6.QtCore import QDateTime, QEventLoop, QSettings
from PySide6.QtWidgets import QApplication
from report import machine, write_json

from admin_gui.domain.rights import EVERYTHING
from admin_gui.i18n import Language
from admin_gui.services.connection import Connection, Endpoint
from admin_gui.theme import Theme
from admin_gui.views.routes import Routes
from admin_gui.views.screen import Desk
from admin_gui.views.snapshots import SnapshotsScreen
from admin_gui.widgets.context import Context
from tests.gui.snapshot_service import NEWEST, FakeSnapshots, serving

_RESULT = Path(__file__).resolve().parent / "results" / "desktop.json"
RECORDS = 10_000_000
TARGET_MILLISECONDS = 300
_PATIENCE = 60.0


def main() -> None:
    """Measure, print a table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="how often each thing is done")
    parser.add_argument("--out", type=Path, default=_RESULT, help="where the figures go")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        _serve()
        return
    load = os.getloadavg()
    application = QApplication([])
    gc.disable()
    with _service() as address, tempfile.TemporaryDirectory() as folder:
        figures = measure(application, address, Path(folder), options.rounds)
    print(f"{'what':<20}{'median':>10}{'worst':>10}{'CPU':>10}{'target':>10}   milliseconds, {RECORDS:,} records")
    for name, found in figures.items():
        figures_of = "".join(f"{found[kind]:>10.1f}" for kind in ("median", "worst", "cpu"))
        print(f"{name:<20}{figures_of}{TARGET_MILLISECONDS:>10}")
    write_json(options.out, {"machine": machine(load), "records": RECORDS, "milliseconds": figures})


def measure(application: QApplication, address: str, folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Return median and worst by the clock, and the median of the program's CPU time, of each thing in milliseconds."""
    settings = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
    context = Context(Language("zh", application), Theme("light", application), settings)
    took: dict[str, list[tuple[float, float]]] = {}
    connection = Connection(Endpoint(address))
    for number in range(rounds):
        settings.clear()
        screen = SnapshotsScreen(Desk(context, connection, EVERYTHING, Routes(connection)))
        screen.resize(1360, 840)
        screen.show()
        application.processEvents()
        for name, wall, cpu in _round(application, screen, (number + 1) * RECORDS // (rounds + 1)):
            took.setdefault(name, []).append((wall, cpu))
        screen.leave()
        screen.deleteLater()
        application.processEvents()
    connection.close()
    return {
        name: {
            "median": statistics.median(wall for wall, _ in found),
            "worst": max(wall for wall, _ in found),
            "cpu": statistics.median(cpu for _, cpu in found),
        }
        for name, found in took.items()
    }


def _round(application: QApplication, screen: SnapshotsScreen, record: int) -> Iterator[tuple[str, float, float]]:
    """Do each thing once; the jump goes to this record. Yields what took how many milliseconds of the clock and CPU."""
    model, bar = screen.model, screen.bar

    def timed(act: Callable[[], object], done: Callable[[], bool]) -> tuple[float, float]:
        begin, used = time.perf_counter(), time.process_time()
        act()
        _until(application, done)
        screen.table.viewport().repaint()
        return (time.perf_counter() - begin) * 1_000, (time.process_time() - used) * 1_000

    def first_is(number: int) -> bool:
        row = model.row(0)
        return row is not None and row.id == f"d{number:08}"

    yield "first rows", *timed(screen.load, lambda: first_is(0))
    bar.time.setDateTime(QDateTime.fromSecsSinceEpoch(NEWEST - record))
    yield "jump to a time", *timed(bar.jump, lambda: first_is(record))
    yield "another filter", *timed(lambda: bar.ask_for("flagged"), lambda: first_is(0))
    before = model.known
    yield "the next page", *timed(screen.table.scrollToBottom, lambda: model.known > before)


def _until(application: QApplication, done: Callable[[], bool]) -> None:
    end = time.perf_counter() + _PATIENCE
    application.processEvents()
    while not done():
        if time.perf_counter() > end:
            raise TimeoutError("nothing was shown within a minute")
        application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 20)


@contextmanager
def _service() -> Iterator[str]:
    command = [sys.executable, str(Path(__file__).resolve()), "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def _serve() -> None:
    with serving(FakeSnapshots(RECORDS)) as address:
        print(address, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
