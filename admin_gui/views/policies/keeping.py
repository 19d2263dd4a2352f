"""Keeps unsaved texts on this machine, and offers them again after a crash."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QLockFile, QObject, QStandardPaths, QTimer
from PySide6.QtWidgets import QWidget

from admin_gui.domain.recovery import Origin, Recovery, Unsaved, unsaved_of
from admin_gui.domain.say import Say
from admin_gui.domain.times import clock
from admin_gui.domain.workspace import Workspace
from admin_gui.widgets.ask import Ask
from admin_gui.widgets.context import Context

FOLDER: Final = "recovery/folder"
"""The setting that names another folder for unsaved texts."""
_PAUSE_MILLISECONDS: Final = 400
_FOUND: Final = Say("发现未保存的修改", "Unsaved changes were found")
_ABOUT: Final = Say(
    "程序上次未正常结束。{when} 时 {what} 有 {count} 个文件的修改未保存：{files}。",
    "The program did not end as it should. At {when}, {count} files of {what} had unsaved changes: {files}.",
)
_RESTORE: Final = Say("恢复修改", "Restore them")
_DISCARD: Final = Say("丢弃", "Discard")
_DRAFT: Final = Say("草稿 {name}", "draft {name}")
_FOLDER_WORD: Final = Say("此目录", "this folder")


def recovery_of(context: Context) -> Recovery:
    """Return where unsaved texts are kept: in this user's data of the program, unless a setting says otherwise."""
    named = context.settings.value(FOLDER)
    place = named or QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppLocalDataLocation)
    return Recovery(Path(str(place)) / "unsaved")


class Keeper(QObject):
    """Writes the unsaved texts of one workspace a moment after each change, and removes them once they are saved."""

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._recovery = recovery_of(context)
        self._origin: Origin | None = None
        self._workspace: Workspace | None = None
        self._version: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self._lock: QLockFile | None = None
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MILLISECONDS)
        self._pause.timeout.connect(self.write)

    def found(self, origin: Origin) -> Unsaved | None:
        """Return what a program that has ended left of an origin; None also while another one is at it."""
        found = self._recovery.find(origin)
        if found is None or (self._origin != origin and not self._is_free(origin)):
            return None
        return found

    def found_drafts(self, where: str) -> list[Unsaved]:
        """Return what programs that have ended left of drafts at a service."""
        return [one for one in self._recovery.drafts(where) if self._is_free(one.origin)]

    def follow(
        self, origin: Origin, workspace: Workspace, version: Callable[[], tuple[int, int]] = lambda: (0, 0)
    ) -> None:
        """Keep what is unsaved of this workspace from now on; `version` tells version and base of a draft.

        A second program at the same texts keeps nothing: the first one's are not overwritten.
        """
        self.end()
        self._recovery.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = self._lock_of(origin)
        if lock.tryLock(0):
            self._origin, self._workspace, self._version, self._lock = origin, workspace, version, lock

    def touch(self) -> None:
        """Something was changed or saved."""
        self._pause.start()

    def write(self) -> None:
        """Keep what is unsaved now, or forget what was kept when nothing is."""
        self._pause.stop()
        if self._origin is None or self._workspace is None:
            return
        if self._workspace.changed:
            version, base = self._version()
            self._recovery.keep(unsaved_of(self._origin, self._workspace, time.time_ns(), version=version, base=base))
        else:
            self._recovery.forget(self._origin)

    def forget(self, origin: Origin) -> None:
        """Nobody wants what was kept of an origin."""
        self._recovery.forget(origin)

    def set_aside(self, origin: Origin) -> Path | None:
        """Keep it under another name, which is returned."""
        return self._recovery.set_aside(origin)

    def end(self) -> None:
        """Follow nothing any more; what is unsaved stays kept."""
        if self._pause.isActive():
            self.write()
        if self._lock is not None:
            self._lock.unlock()
        self._origin = self._workspace = self._lock = None

    def drop(self) -> None:
        """Follow nothing any more, and forget what is unsaved: whoever wrote it has said so."""
        self._pause.stop()
        if self._origin is not None:
            self._recovery.forget(self._origin)
        self.end()

    def _is_free(self, origin: Origin) -> bool:
        lock = self._lock_of(origin)
        free = lock.tryLock(0)
        lock.unlock()
        return free

    def _lock_of(self, origin: Origin) -> QLockFile:
        lock = QLockFile(f"{self._recovery.path_of(origin)}.lock")
        # A lock is stale when its process has ended, and not because it is old.
        lock.setStaleLockTime(0)
        return lock


def offer(context: Context, parent: QWidget, unsaved: Unsaved) -> Ask:
    """Return the question, open: `answered` restores, `chosen` discards, `cancelled` decides nothing."""
    what = _DRAFT.filled(name=unsaved.origin.name) if unsaved.origin.kind == "draft" else _FOLDER_WORD
    files = sorted(unsaved.texts)
    about = _ABOUT.filled(
        when=clock(unsaved.time_nanos), what=what, count=len(files),
        files=", ".join(files[:5]) + (" …" if len(files) > 5 else ""),
    )  # fmt: skip
    ask = Ask(context, parent, _FOUND, about, _RESTORE, others={"discard": _DISCARD})
    ask.open()
    return ask
