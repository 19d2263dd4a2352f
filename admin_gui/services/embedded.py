"""A service of one's own: `pdp serve` on a folder, for as long as the program runs."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from admin_gui.domain.failure import Failure

_LAST_WORDS = 30
_START_SECONDS = 60
_STOP_MILLISECONDS = 8_000


class EmbeddedService(QObject):
    """Starts `pdp serve` on loopback. Without `policies` it decides by what is published into `data`."""

    ready = Signal(str)
    """The address of its staff port."""
    failed = Signal(object)
    """A `Failure`: it did not start, or has ended."""

    def __init__(self, policies: Path | None, data: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        # The path of a socket must be short, which a folder of the user's need not be.
        self._folder = tempfile.TemporaryDirectory(prefix="jx-")
        self._data = data or Path(self._folder.name) / "data"
        self._ready_file = Path(self._folder.name) / "ready"
        self._said: deque[str] = deque(maxlen=_LAST_WORDS)
        self._stopping = False
        self._process = QProcess(self)
        program, *arguments = command_line()
        self._process.setProgram(program)
        arguments += ["serve", "--listen", "127.0.0.1:0", "--ready-file", str(self._ready_file)]
        # One person asks, so one worker is enough. However this program ends, so does the service.
        arguments += ["--data", str(self._data), "--node", "desktop", "--drain", "0", "--workers", "1", "--until-eof"]
        arguments += [] if policies is None else ["--policies", str(policies)]
        self._process.setArguments(arguments)
        self._process.readyReadStandardError.connect(self._hear)
        self._process.finished.connect(self._ended)
        self._process.errorOccurred.connect(self._ended)
        self._looking = QTimer(self, interval=50)
        self._looking.timeout.connect(self._look)
        self._patience = QTimer(self, singleShot=True, interval=_START_SECONDS * 1_000)
        self._patience.timeout.connect(self._process.kill)

    def start(self) -> None:
        """Begin; `ready` or `failed` follows."""
        self._process.start()
        self._looking.start()
        self._patience.start()

    def stop(self) -> None:
        """End it and wait until it has ended."""
        self._stopping = True
        self._looking.stop()
        self._patience.stop()
        if self._process.state() is not QProcess.ProcessState.NotRunning:
            self._process.terminate()
            if not self._process.waitForFinished(_STOP_MILLISECONDS):
                self._process.kill()
                self._process.waitForFinished(_STOP_MILLISECONDS)
        self._folder.cleanup()

    def _look(self) -> None:
        socket = self._data / "staff.sock"
        # The decision port says that it is ready; the staff's is there when its file is.
        if self._ready_file.exists() and socket.exists():
            self._looking.stop()
            self._patience.stop()
            self.ready.emit(f"unix:{socket}")

    def _hear(self) -> None:
        text = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        self._said.extend(words for line in text.splitlines() for words in _words(line))

    def _ended(self) -> None:
        self._looking.stop()
        self._patience.stop()
        if self._stopping:
            return
        self._stopping = True
        self._hear()
        self.failed.emit(Failure("UNAVAILABLE", "\n".join(self._said), "NOT_STARTED"))


def command_line() -> list[str]:
    """Return how `pdp` is started: by this interpreter, or, in a folder without one, the program beside this one."""
    if getattr(sys, "frozen", False):
        return [str(Path(sys.executable).with_name("pdp"))]
    # -P: what lies in the working directory is not to be imported.
    return [sys.executable, "-P", "-m", "pdp.cli"]


def _words(line: str) -> Iterator[str]:
    """Yield what warnings and errors of the log say, with what is wrong in a text; lines for people stay."""
    try:
        entry = json.loads(line)
    except ValueError:
        if line.strip():
            yield line
        return
    if isinstance(entry, dict) and entry.get("level") in ("warning", "error"):
        yield str(entry.get("message", line))
        for item in entry.get("diagnostics", ()):
            yield "{file}:{line}:{column}: {message}".format_map(item)
