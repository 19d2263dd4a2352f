"""A QR code, drawn dark on light whatever the theme: many readers take no other."""

from __future__ import annotations

from typing import Final

import segno
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

_QUIET_ZONE: Final = 4
"""Modules around the code, as ISO/IEC 18004 wants."""


class QrCode(QWidget):
    """Shows a text as a QR code; nothing before it has one."""

    def __init__(self, pixels: int = 196, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pixels = pixels
        self._rows: tuple[bytes, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_text(self, text: str) -> None:
        """Show this from now on; nothing for no text."""
        self._rows = tuple(bytes(row) for row in segno.make(text, micro=False).matrix) if text else ()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """See Qt."""
        return QSize(self._pixels, self._pixels)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """See Qt."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.white)
        if not self._rows:
            return
        count = len(self._rows) + 2 * _QUIET_ZONE
        # Whole pixels a module: a blurred edge is what readers stumble over.
        size = max(1, min(self.width(), self.height()) // count)
        left, top = (self.width() - size * len(self._rows)) // 2, (self.height() - size * len(self._rows)) // 2
        for y, row in enumerate(self._rows):
            for x, dark in enumerate(row):
                if dark:
                    painter.fillRect(QRect(left + x * size, top + y * size, size, size), Qt.GlobalColor.black)
