"""A window that nobody sees, and the texts that it shows."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QSettings
from PySide6.QtWidgets import QApplication

from admin_gui.domain.failure import Failure
from admin_gui.i18n import Language
from admin_gui.services.embedded import EmbeddedService
from admin_gui.theme import Theme
from admin_gui.views.window import Window
from admin_gui.widgets.context import Context

POLICIES = Path(__file__).resolve().parent.parent.parent / "policies"


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    return ["pdp-admin"]


@pytest.fixture(autouse=True)
def collected_here() -> Iterator[None]:
    """Garbage goes in the thread of the window, or it would free what belongs to Qt elsewhere."""
    gc.disable()
    yield
    # What has closed goes now: each window that stays is styled anew by every test that follows.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.enable()
    gc.collect()


@pytest.fixture(scope="session")
def bank(qapp: QApplication) -> Iterator[str]:
    """The staff port of a service on the sample bank, which no test changes."""
    with serving(qapp, POLICIES) as address:
        yield address


@contextmanager
def serving(qapp: QApplication, folder: Path) -> Iterator[str]:
    """Start a service on a policy folder; give the address of its staff port."""
    service = EmbeddedService(folder)
    told: list[str | Failure] = []
    service.ready.connect(told.append)
    service.failed.connect(told.append)
    service.start()
    while not told:
        qapp.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    [address] = told
    assert isinstance(address, str), address
    yield address
    service.stop()


@pytest.fixture
def context(qapp: QApplication, tmp_path: Path) -> Context:
    settings = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    settings.setValue("recovery/folder", str(tmp_path / "recovery"))
    return Context(Language("zh", qapp), Theme("light", qapp), settings)


@pytest.fixture
def window(context: Context) -> Iterator[Window]:
    made = Window(context, POLICIES)
    made.show()
    yield made
    made.close()
    made.deleteLater()
