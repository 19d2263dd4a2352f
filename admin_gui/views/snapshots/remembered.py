"""Filters that somebody asked for before, and those that were given a name."""

from __future__ import annotations

import json
from typing import Final

from PySide6.QtCore import QObject, QSettings, Signal

_HISTORY: Final = "snapshots/history"
_SAVED: Final = "snapshots/saved"
MOST: Final = 50


class Remembered(QObject):
    """Kept in the settings, so that they are there at the next start."""

    changed = Signal()
    """The named ones have changed."""

    def __init__(self, settings: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        history, saved = self._read(_HISTORY), self._read(_SAVED)
        self.history: list[str] = (
            [text for text in history if isinstance(text, str)] if isinstance(history, list) else []
        )
        self.saved: dict[str, str] = {str(k): str(v) for k, v in saved.items()} if isinstance(saved, dict) else {}

    def asked(self, text: str) -> None:
        """Remember a filter that was asked for; the newest stands first, and each once."""
        if text.strip():
            self.history = [text, *(one for one in self.history if one != text)][:MOST]
            self._settings.setValue(_HISTORY, json.dumps(self.history, ensure_ascii=False))

    def save(self, name: str, text: str) -> None:
        """Give a filter a name; another one of this name is replaced."""
        self.saved[name] = text
        self._keep()

    def forget(self, name: str) -> None:
        """Take a named filter away."""
        if self.saved.pop(name, None) is not None:
            self._keep()

    def _keep(self) -> None:
        self._settings.setValue(_SAVED, json.dumps(self.saved, ensure_ascii=False))
        self.changed.emit()

    def _read(self, key: str) -> object:
        try:
            found: object = json.loads(str(self._settings.value(key, "null")))
        except ValueError:
            # What somebody's settings hold is no reason not to start.
            return None
        return found
