"""Texts follow the language: what is bound is written again when it changes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from PySide6.QtCore import QLibraryInfo, QLocale, QObject, QTranslator, Signal
from PySide6.QtWidgets import QApplication

from admin_gui.domain.say import Say, Tongue


class Language(QObject):
    """The language that is spoken now."""

    changed = Signal()

    def __init__(self, tongue: Tongue, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tongue: Tongue = tongue
        self._qt = QTranslator(self)
        self._apply()

    def choose(self, tongue: Tongue) -> None:
        """Speak this language from now on."""
        if tongue != self.tongue:
            self.tongue = tongue
            self._apply()
            self.changed.emit()

    def __call__(self, say: Say) -> str:
        """Return a text as it is said now."""
        return say.text(self.tongue)

    def bind(self, owner: QObject, write: Callable[[str], object], say: Say | Callable[[], Say]) -> None:
        """Write a text now and at each change of language, for as long as `owner` lives."""

        def again() -> None:
            write(self(say() if callable(say) else say))

        def forget() -> None:
            with contextlib.suppress(RuntimeError):  # at the end of the program this may be gone first
                self.changed.disconnect(again)

        again()
        self.changed.connect(again)
        owner.destroyed.connect(forget)

    def _apply(self) -> None:
        """Let Qt's own dialogs speak it too."""
        application = QApplication.instance()
        QLocale.setDefault(QLocale("zh_CN" if self.tongue == "zh" else "en_US"))
        if application is None:
            return
        application.removeTranslator(self._qt)
        if self.tongue == "zh":
            folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
            if self._qt.load("qtbase_zh_CN", folder):
                application.installTranslator(self._qt)


def of_system() -> Tongue:
    """Return the language of the system, Chinese where it is any Chinese and English elsewhere."""
    return "zh" if QLocale.system().language() == QLocale.Language.Chinese else "en"
