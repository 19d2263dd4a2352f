"""What every part of the window is given."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSettings

from admin_gui.i18n import Language
from admin_gui.theme import Theme


@dataclass(frozen=True, slots=True)
class Context:
    """The language, the theme, and what is remembered between runs."""

    language: Language
    theme: Theme
    settings: QSettings
