"""`pdp-admin`: the desktop program."""

from __future__ import annotations

import argparse
import gc
import itertools
import signal
import sys
from pathlib import Path

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication

from admin_gui.domain.say import plain
from admin_gui.i18n import Language, language
from admin_gui.services.connection import Endpoint
from admin_gui.theme import Theme, style
from admin_gui.views.window import Window
from admin_gui.widgets.context import Context

_COLLECT_MILLISECONDS = 2_000
_WHOLE_TURNS = 15
"""Closed screens are old by the time they are garbage: every half minute these are looked through too."""


def main(arguments: list[str] | None = None) -> None:
    """Run as a command."""
    options = _parser().parse_args(arguments)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("pdp-admin")
    application.setOrganizationName("Jingxi")
    collect_here(application)
    settings = QSettings()
    tongue = options.lang or settings.value("language") or language.of_system()
    shade = options.theme or settings.value("shade") or style.of_system()
    context = Context(Language(tongue, application), Theme(shade, application), settings)
    sample = sample_bank()
    window = Window(context, sample)
    if options.demo and sample is not None:
        window.open_folder(sample)
    elif options.policies is not None:
        window.open_folder(options.policies)
    elif options.connect:
        window.connect_to(Endpoint(options.connect, options.ca), plain(options.connect))
    window.show()
    signal.signal(signal.SIGINT, lambda *_: window.close())
    sys.exit(application.exec())


def sample_bank() -> Path | None:
    """Return the folder of the sample bank: beside the program's packages, where it is developed or unpacked."""
    found = Path(__file__).resolve().parent.parent / "policies"
    return found if (found / "attributes.yaml").exists() else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pdp-admin", description="Edit, simulate and audit policies.")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--demo", action="store_true", help="begin with the sample bank")
    begin.add_argument("--policies", type=Path, metavar="DIR", help="begin with a policy folder")
    begin.add_argument(
        "--connect", metavar="ADDRESS", help="begin with a service: HOST:PORT or unix:PATH of its staff port"
    )
    parser.add_argument("--ca", type=Path, metavar="FILE", help="certificates that the service's one is verified by")
    parser.add_argument("--lang", choices=["zh", "en"], help="the language (default: the last one, else the system's)")
    parser.add_argument(
        "--theme", choices=["light", "dark"], help="the appearance (default: the last one, else the system's)"
    )
    return parser


def collect_here(application: QApplication) -> None:
    """Collect garbage in the thread of the window alone: elsewhere it would free what belongs to Qt."""
    gc.disable()
    # What was imported stays: not looking through it makes a whole collection short enough not to be noticed.
    gc.freeze()
    turns = itertools.count(1)
    timer = QTimer(application, interval=_COLLECT_MILLISECONDS)
    timer.timeout.connect(lambda: gc.collect(1 if next(turns) % _WHOLE_TURNS else 2))
    timer.start()
    # It also lets Python see signals, such as Ctrl+C.


if __name__ == "__main__":
    main()
