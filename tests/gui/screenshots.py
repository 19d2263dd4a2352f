"""Writes the pictures of the guide for the desktop program: every screen, in Chinese and English, light and dark.

    python -m tests.gui.screenshots [--out FOLDER] [--only bank|accounts]

It runs the real program on the sample bank and asks its service some decisions first, so that there are snapshots;
and on a service of its own with people (`account_pictures`).
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import gc
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import grpc
from PySide6.QtCore import QEventLoop, QSettings, Qt
from PySide6.QtGui import QColor, QFontDatabase, QImage
from PySide6.QtWidgets import QApplication, QWidget

from admin_gui.domain.say import Tongue
from admin_gui.i18n import Language
from admin_gui.main import sample_bank
from admin_gui.theme import DARK, LIGHT, Shade, Theme
from admin_gui.views.cluster import ClusterScreen
from admin_gui.views.dictionary import DictionaryScreen
from admin_gui.views.grants import GrantsScreen
from admin_gui.views.policies import PoliciesScreen
from admin_gui.views.simulator import SimulatorScreen
from admin_gui.views.snapshots import SnapshotsScreen
from admin_gui.views.window import Window
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import bundle_pb2, decision_service_pb2, decision_service_pb2_grpc
from tests.gui import account_pictures

_OUT: Final = Path(__file__).resolve().parents[2] / "docs" / "images" / "desktop"
_PATIENCE: Final = 60.0
_SETTLE: Final = 0.6
_COLOURS: Final = 256
_PLAIN: Final = Qt.ImageConversionFlag.ThresholdDither | Qt.ImageConversionFlag.AvoidDither
_TONGUES: Final[tuple[Tongue, ...]] = ("zh", "en")
_SHADES: Final[tuple[Shade, ...]] = ("light", "dark")
_SCENARIO: Final = "authorisation-supervisor/before"
_POLICY: Final = "policies/core-counter.yaml"
_MISTAKES: Final = (
    ("subject.level >= 3", "subject.levle >= 3"), ("mask: amount-rounded", "mask: amount-ronded"),
    ('context.menu == "1201"', 'context.menu == "12O1"'),
)  # fmt: skip


def _small(image: QImage) -> QImage:
    """Return a picture of its own most frequent colours: it has a quarter of the bytes and looks the same."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    named = [QColor(colour).rgb() for tokens in (LIGHT, DARK) for colour in dataclasses.astuple(tokens)]
    counted = collections.Counter(memoryview(image.constBits()).cast("I"))
    table = list(dict.fromkeys([*named, *(colour for colour, _ in counted.most_common(_COLOURS))]))[:_COLOURS]
    return image.convertToFormat(QImage.Format.Format_Indexed8, table, _PLAIN)


class Camera:
    """Drives the window and takes its picture."""

    def __init__(self, application: QApplication, context: Context, window: Window, out: Path) -> None:
        self._application, self._context, self._window, self._out = application, context, window, out

    def until(self, holds: Callable[[], bool]) -> None:
        """Let the program go on until something holds. Raises TimeoutError."""
        end = time.monotonic() + _PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise TimeoutError("the program does not come to what is to be shown")
            self._application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)

    def settle(self) -> None:
        """Let what is still under way come."""
        end = time.monotonic() + _SETTLE
        self.until(lambda: time.monotonic() > end)

    def take(self, name: str, shown: QWidget | None = None) -> None:
        """Write the four pictures of the window, or of a dialog."""
        for tongue in _TONGUES:
            for shade in _SHADES:
                self._context.language.choose(tongue)
                self._context.theme.choose(shade)
                self.settle()
                image = _small((shown or self._window).grab().toImage())
                path = self._out / f"{name}-{tongue}-{shade}.png"
                if not image.save(str(path), "PNG", 0):
                    raise OSError(f"cannot write `{path}`")
        self._context.language.choose("zh")
        self._context.theme.choose("light")


def main() -> None:
    """Write all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=_OUT, metavar="FOLDER", help="(default: docs/images/desktop)")
    parser.add_argument("--only", choices=("bank", "accounts"), help="only those of the sample bank, or of accounts")
    options = parser.parse_args()
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    gc.disable()
    application = QApplication(["pdp-admin"])
    if not QFontDatabase.families(QFontDatabase.WritingSystem.SimplifiedChinese):
        parser.error("no font here has Chinese; install one, such as Debian's fonts-wqy-microhei")
    with tempfile.TemporaryDirectory() as folder:
        settings = QSettings(f"{folder}/settings.ini", QSettings.Format.IniFormat)
        context = Context(Language("zh", application), Theme("light", application), settings)
        if options.only != "accounts":
            window = Window(context, sample_bank())
            window.resize(1360, 840)
            window.show()
            _take_all(Camera(application, context, window, out), window)
            window.close()
        if options.only != "bank":
            account_pictures.take_all(context, lambda window: Camera(application, context, window, out))
    print(f"{len(list(out.glob('*.png')))} pictures in {out}")


def _take_all(camera: Camera, window: Window) -> None:
    camera.take("start")
    window.start.sample.click()
    camera.until(lambda: any(screen.key == "simulator" for screen in window._screens))
    simulator, policies = window.shown_as("simulator"), window.shown_as("policies")
    grants, snapshots = window.shown_as("grants"), window.shown_as("snapshots")
    assert isinstance(simulator, SimulatorScreen)
    assert isinstance(policies, PoliciesScreen)
    assert isinstance(grants, GrantsScreen)
    assert isinstance(snapshots, SnapshotsScreen)
    window.go("simulator")
    camera.until(lambda: simulator.verdicts.rowCount() > 0)
    _ask(window, list(simulator._cases.values())[:60])
    simulator.choose(_SCENARIO)
    camera.settle()
    camera.take("simulator")
    simulator.situation.choose_step("supervisor")
    simulator._run_all()
    camera.until(lambda: simulator.run.rules.rowCount() > 0)
    camera.take("simulator-authorised")
    window.go("policies")
    policies.open_place(f"{_POLICY}:10:1")
    camera.until(lambda: _is_checked(policies))
    _mistake(policies)
    camera.until(lambda: policies.workbench.found.model.rowCount() == len(_MISTAKES))
    camera.take("policies")
    for _ in _MISTAKES:
        policies.workbench.editor.undo()
    camera.until(lambda: policies.workbench.found.model.rowCount() == 0)
    for place, name in ((1, "policies-table"), (2, "policies-sentences")):
        policies.workbench.views.tabs.setCurrentIndex(place)
        camera.until(lambda: _is_described(policies))
        camera.settle()
        camera.take(name)
    policies.workbench.views.tabs.setCurrentIndex(0)
    window.go("grants")
    grants.ask()
    grants.form.lines["resource"].setText("customer:C2009")
    camera.settle()
    camera.take("grants")
    window.go("snapshots")
    camera.until(lambda: snapshots.model.rowCount() > 0)
    snapshots.table.setCurrentIndex(snapshots.model.index(1, 0))
    camera.settle()
    camera.take("snapshots")
    dictionary, cluster = window.shown_as("dictionary"), window.shown_as("cluster")
    assert isinstance(dictionary, DictionaryScreen)
    assert isinstance(cluster, ClusterScreen)
    for key, screen in (("dictionary", dictionary), ("cluster", cluster)):
        window.go(key)
        camera.until(lambda model=screen.model: model.rowCount() > 0)  # type: ignore[misc]
        camera.settle()
        camera.take(key)


def _mistake(policies: PoliciesScreen) -> None:
    """Write what is wrong into the text that is open."""
    document = policies.workbench.editor.document()
    for right, wrong in _MISTAKES:
        document.find(right).insertText(wrong)


def _is_described(policies: PoliciesScreen) -> bool:
    call = policies.workbench.views._call
    return call is not None and call.is_over


def _is_checked(policies: PoliciesScreen) -> bool:
    call = policies.workbench._call
    return call is not None and call.is_over


def _ask(window: Window, cases: list[bundle_pb2.GoldenCase]) -> None:
    """Ask the service real decisions, so that there is something on record."""
    service = window._service
    assert service is not None
    address = json.loads(service._ready_file.read_text(encoding="utf-8"))["address"]
    with grpc.insecure_channel(address) as channel:
        stub = decision_service_pb2_grpc.DecisionServiceStub(channel)
        for case in cases:
            stub.Decide(decision_service_pb2.DecideRequest.FromString(case.request), timeout=_PATIENCE)


if __name__ == "__main__":
    main()
