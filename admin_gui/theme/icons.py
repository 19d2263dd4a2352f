"""Our own line drawings, in the colours of now: 24 by 24, two units wide."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

_MOST_KEPT: Final = 200
_LINES: Final[Mapping[str, str]] = {
    "start": "M4 11 12 4l8 7 M6 10v9h12v-9 M10 19v-5h4v5",
    "policies": "M6 3h9l4 4v14H6z M15 3v4h4 M9 12h7 M9 16h7 M9 8h3",
    "simulator": "M9 3h6 M10 3v6L5 19a1.5 1.5 0 0 0 1.4 2h11.2a1.5 1.5 0 0 0 1.4-2L14 9V3 M7.5 15h9",
    "snapshots": "M12 7v5l3 2 M4 12a8 8 0 1 0 2.6-5.9 M4 4v4h4",
    "grants": "M8 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z M12 12h9 M20.500 12v4 M16.500 12v3",
    "dictionary": "M5 4h10a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3z M5 17a3 3 0 0 1 3-3h10 M9 8h5",
    "cluster": "M5 4h14v5H5z M5 15h14v5H5z M8 6.5h.1 M8 17.5h.1 M12 9v6",
    "accounts": "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z M4 20c1-4 4-6 8-6s7 2 8 6",
    "clear": "M2 12c3-5 6-7 10-7s7 2 10 7c-3 5-6 7-10 7s-7-2-10-7z M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
    "masked": "M3 3l18 18 M6 6.5C4.5 7.8 3.2 9.6 2 12c3 5 6 7 10 7 1.7 0 3.2-.4 4.6-1.1 "
    "M10 5.2A9 9 0 0 1 12 5c4 0 7 2 10 7-.7 1.2-1.5 2.3-2.3 3.2",
    "language": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z M3 12h18 M12 3c3 3 3 15 0 18 M12 3c-3 3-3 15 0 18",
    "light": "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z M12 2v3 M12 19v3 M2 12h3 M19 12h3 M5 5l2 2 M17 17l2 2 M19 5l-2 2 "
    "M7 17l-2 2",
    "dark": "M20 14A8 8 0 1 1 10 4a6.500 6.500 0 0 0 10 10z",
    "check": "M5 12.500 10 17.500 19 7",
    "down": "M6 9l6 6 6-6",
    "up": "M6 15l6-6 6 6",
    "run": "M7 4l12 8-12 8z",
    "search": "M10.500 4a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13z M15.500 15.500 21 21",
}


@functools.lru_cache(maxsize=_MOST_KEPT)
def icon(name: str, color: str, selected: str | None = None) -> QIcon:
    """Return a drawing in a colour; `selected` is that of a chosen item.

    The same one for the same question: Qt keeps what it made of each for painting, up to ten megabytes.
    """
    found = QIcon(_pixmap(name, color))
    if selected is not None:
        found.addPixmap(_pixmap(name, selected), QIcon.Mode.Selected)
    return found


def save(name: str, color: str, path: str) -> None:
    """Write a drawing as a PNG, for where a style sheet wants a file. Raises OSError."""
    if not _pixmap(name, color).save(path, "PNG"):
        raise OSError(f"cannot write `{path}`")


@functools.lru_cache(maxsize=_MOST_KEPT)
def dot(color: str, size: int = 9) -> QPixmap:
    """Return a filled circle, pixels wide; the same one for the same question."""
    drawn = QPixmap(size, size)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(color))
    painter.drawEllipse(0, 0, size - 1, size - 1)
    painter.end()
    return drawn


def _pixmap(name: str, color: str, size: int = 40) -> QPixmap:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" '
        f'stroke="{color}" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">'
        f'<path d="{_LINES[name]}"/></svg>'
    )
    pixmap = QPixmap(QSize(size, size))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    pixmap.setDevicePixelRatio(2.0)
    return pixmap
