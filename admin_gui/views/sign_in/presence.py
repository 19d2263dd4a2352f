"""Whether somebody is there: a session ends when nobody uses the program for a while, and after its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtGui import QCursor, QGuiApplication, QWindow

WARN_SECONDS: Final = 60
"""How long before the lock it is told."""
WARN_END_SECONDS: Final = 300
"""How long before a session's end it is told."""
_TICK_MILLISECONDS: Final = 1_000
_MOST_BETWEEN: Final = 300.0
_USES: Final = frozenset({
    QEvent.Type.KeyPress, QEvent.Type.MouseButtonPress, QEvent.Type.Wheel, QEvent.Type.TouchBegin,
    QEvent.Type.InputMethod,
})  # fmt: skip


class Presence(QObject):
    """Watches what people do with the window; what it asks the service by itself is no use of it."""

    idle = Signal()
    """Nobody was there for as long as the service lets a session be unused."""
    idle_soon = Signal(int)
    """In so many seconds it is `idle`; 0 when somebody came back."""
    ends_soon = Signal(int)
    """In so many seconds the session is over, used or not; told once."""
    used = Signal()
    """Somebody is there, and the service is to know, now and then, lest it ends the session under their hands."""

    def __init__(
        self, idle_seconds: float, left_seconds: float, parent: QObject, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(parent)
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._last = self._told = clock()
        self._ends = self._last + left_seconds
        self._warned = self._warned_end = False
        self._timer = QTimer(self, interval=_TICK_MILLISECONDS)
        self._timer.timeout.connect(self.look)
        self._timer.start()
        self._place = QCursor.pos()
        application = QGuiApplication.instance()
        if isinstance(application, QGuiApplication):
            application.focusWindowChanged.connect(self._attend)
        for window in QGuiApplication.topLevelWindows():
            self._attend(window)

    def stop(self) -> None:
        """Watch no more."""
        self._timer.stop()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """See Qt."""
        del watched
        if event.type() in _USES:
            self.touch()
        return False

    def _attend(self, window: QWindow | None) -> None:
        # What comes to windows is what people do; a filter on everything would see each repaint as well.
        if window is not None:
            window.removeEventFilter(self)
            window.installEventFilter(self)

    def touch(self) -> None:
        """Somebody is there."""
        self._last = self._clock()

    def look(self) -> None:
        """Tell what is to be told now."""
        now, place = self._clock(), QCursor.pos()
        if place != self._place:
            self._place, self._last = place, now
        quiet = now - self._last
        if self._idle_seconds and quiet >= self._idle_seconds:
            self.stop()
            self.idle.emit()
            return
        warn = bool(self._idle_seconds) and quiet >= self._idle_seconds - min(WARN_SECONDS, self._idle_seconds / 2)
        if warn:
            self.idle_soon.emit(int(self._idle_seconds - quiet + 0.999))
        elif self._warned:
            self.idle_soon.emit(0)
        self._warned = warn
        if not self._warned_end and self._ends - now <= WARN_END_SECONDS:
            self._warned_end = True
            self.ends_soon.emit(max(0, int(self._ends - now)))
        between = min(_MOST_BETWEEN, self._idle_seconds / 3) if self._idle_seconds else _MOST_BETWEEN
        if self._last > self._told and now - self._told >= between:
            self._told = now
            self.used.emit()
