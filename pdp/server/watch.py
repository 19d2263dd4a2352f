"""Notices that policy files or a grants file changed.

The system's file events are a hint that makes it quick; comparing what `stat` says every few seconds is the guarantee,
for network file systems, replaced symbolic links and lost events.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from watchfiles import awatch

from pdp.server import logs

SUFFIXES = (".yaml", ".yml")
# A burst of events counts as one change once it is quiet for the step, at the latest after the debounce (ms).
_STEP, _DEBOUNCE = 60, 600

Fingerprint = tuple[tuple[str, int, int, int], ...]

log = logging.getLogger(__name__)


def fingerprint(path: Path) -> Fingerprint:
    """Return what tells one state of the policy files below a folder, or of one file, from another."""
    return tuple(sorted(_stats(path)))


def _stats(path: Path) -> Iterator[tuple[str, int, int, int]]:
    files = [path] if path.is_file() else _policy_files(path)
    for file in files:
        # A file may vanish between the listing and here: the next look sees it gone.
        with contextlib.suppress(OSError):
            stat = file.stat()
            yield str(file), stat.st_mtime_ns, stat.st_size, stat.st_ino


def _policy_files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            if name.endswith(SUFFIXES):
                yield Path(parent, name)


class FileWatch:
    """Calls back when what is at a path changed."""

    def __init__(self, path: Path, poll_seconds: float) -> None:
        self._path = path
        self._poll_seconds = poll_seconds
        self._seen: Fingerprint | None = None
        self._hint = asyncio.Event()

    async def mark(self) -> None:
        """Remember the present state as the one that is being read. Call it before reading."""
        self._seen = await asyncio.to_thread(fingerprint, self._path)

    async def run(self, changed: Callable[[], Awaitable[object]], stop: asyncio.Event) -> None:
        """Await `changed` after each change until `stop` is set. One call at a time; none is lost."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(stop))
            tasks.create_task(self._wake(stop))
            while not stop.is_set():
                if await self._is_changed() and not stop.is_set():
                    await self.mark()
                    await changed()

    async def _is_changed(self) -> bool:
        try:
            await asyncio.wait_for(self._hint.wait(), self._poll_seconds)
        except TimeoutError:
            return await asyncio.to_thread(fingerprint, self._path) != self._seen
        self._hint.clear()
        # Two writes within one tick of the clock leave the same times, so an event counts without comparing.
        return True

    async def _wake(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._hint.set()

    async def _listen(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            # A file is watched through its folder: editors and deployments replace it by another one.
            target = await asyncio.to_thread(_folder_of, self._path)
            try:
                await self._listen_to(target, stop)
            except OSError as error:
                logs.event(
                    log, logging.DEBUG, "watch.polling", "no file events; comparing file times instead",
                    path=str(target), reason=type(error).__name__,
                )  # fmt: skip
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self._poll_seconds)

    async def _listen_to(self, target: Path, stop: asyncio.Event) -> None:
        recursive = not await asyncio.to_thread(self._path.is_file)
        events = awatch(
            target, recursive=recursive, stop_event=stop, step=_STEP, debounce=_DEBOUNCE,
            yield_on_timeout=True, rust_timeout=int(self._poll_seconds * 1000),
        )  # fmt: skip
        async with contextlib.aclosing(events):
            async for changes in events:
                if any(self._concerns(Path(name)) for _, name in changes):
                    self._hint.set()
                # A symbolic link that now leads elsewhere leaves the events with the old folder.
                if await asyncio.to_thread(_folder_of, self._path) != target:
                    return

    def _concerns(self, changed: Path) -> bool:
        return not self._path.is_file() or changed.name == self._path.name


def _folder_of(path: Path) -> Path:
    real = path.resolve()
    return real.parent if path.is_file() else real
