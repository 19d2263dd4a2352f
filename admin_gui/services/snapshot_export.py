"""An export into a file: it takes its name once it is whole, and leaves nothing behind when it was not."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO

from PySide6.QtCore import QObject, Signal

from admin_gui.domain.failure import Failure
from admin_gui.services.calls import Call
from jingxi_client._gen.pdp.v1 import snapshot_service_pb2


class ExportFile(QObject):
    """Writes what an export sends. Only its owner can read the file."""

    progressed = Signal(int, int)
    """Records so far, and how many there will be, about; -1 when that is not known."""
    written = Signal(int)
    """It is on the disk under its name: how many records it holds."""
    failed = Signal(object)
    """A `Failure`; nothing was left behind."""
    cancelled = Signal()

    def __init__(self, call: Call, path: Path, parent: QObject | None = None) -> None:
        """Raises OSError when nothing can be written there; the call is cancelled then."""
        super().__init__(parent)
        self.path = path
        self._call = call
        self._records = 0
        try:
            self._file: IO[bytes] = tempfile.NamedTemporaryFile(  # noqa: SIM115 - it lives as long as the export
                dir=path.parent, prefix=f".{path.name}.", delete=False
            )
        except OSError:
            call.cancel()
            raise
        call.answered.connect(self._came)
        call.ended.connect(self._ended)
        call.failed.connect(self._refused)

    @property
    def is_over(self) -> bool:
        """Whether it was written, has failed or was cancelled."""
        return self._file.closed

    def cancel(self) -> None:
        """End it; nothing is left behind."""
        if not self.is_over:
            self._call.cancel()
            self._discard()
            self.cancelled.emit()

    def _came(self, piece: snapshot_service_pb2.ExportSnapshotsResponse) -> None:
        if self.is_over:
            return
        try:
            self._file.write(piece.data)
        except OSError as error:
            self._fail(error)
            return
        self._records = piece.records
        self.progressed.emit(piece.records, piece.expected)

    def _ended(self) -> None:
        if self.is_over:
            return
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            Path(self._file.name).replace(self.path)
        except OSError as error:
            self._fail(error)
            return
        self.written.emit(self._records)

    def _refused(self, failure: Failure) -> None:
        self._discard()
        self.failed.emit(failure)

    def _fail(self, error: OSError) -> None:
        self._call.cancel()
        self._discard()
        why = (error.strerror or str(error)).lower()
        self.failed.emit(Failure("FAILED_PRECONDITION", f"cannot write `{self.path}`: {why}"))

    def _discard(self) -> None:
        try:
            self._file.close()
        finally:
            Path(self._file.name).unlink(missing_ok=True)
