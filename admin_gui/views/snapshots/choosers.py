"""Where files come from and go to: the dialogs of the desktop, opened and never executed; tests bring their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

Take = Callable[[Path], object]
_KEYS: Final = "*.pub *.pem"


class Choosers:
    """Asks for paths; `take` is called with what was chosen, and not at all when nothing was."""

    def keys(self, parent: QWidget, title: str, take: Take) -> None:
        """Ask for a file with public keys."""
        dialog = QFileDialog(parent, title, "", _KEYS)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._open(dialog, take)

    def export(self, parent: QWidget, title: str, name: str, suffix: str, take: Take) -> None:
        """Ask where a file goes; whether one that is there is replaced is asked by the dialog."""
        dialog = QFileDialog(parent, title, str(Path.home() / name), f"*.{suffix}")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffix)
        self._open(dialog, take)

    def _open(self, dialog: QFileDialog, take: Take) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: take(Path(name)))
        dialog.open()
