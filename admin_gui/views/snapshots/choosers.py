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

    def keys(self, parent: QWidget, title: str, take: Callable[[list[Path]], object]) -> None:
        """Ask for files with public keys, one or several."""
        dialog = QFileDialog(parent, title, "", _KEYS)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(lambda names: take([Path(name) for name in names]))
        self._open(dialog)

    def export(self, parent: QWidget, title: str, name: str, suffix: str, take: Take) -> None:
        """Ask where a file goes; whether one that is there is replaced is asked by the dialog."""
        dialog = QFileDialog(parent, title, str(Path.home() / name), f"*.{suffix}")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffix)
        dialog.fileSelected.connect(lambda chosen: take(Path(chosen)))
        self._open(dialog)

    def _open(self, dialog: QFileDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
