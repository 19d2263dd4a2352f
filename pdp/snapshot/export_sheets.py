"""Records as an Excel workbook."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from pdp.snapshot.export_rows import cells, headings
from pdp.snapshot.store.base import StoredRecord

SHEET_ROWS: Final = 1_000_000
"""Rows of one sheet, less than Excel's 1,048,576."""
_MAX_CELL = 32_767
_CHUNK = 64 * 1024


class Sheets:
    """An Excel workbook. Its rows wait in a file of the system's until the end, for a zip file has no earlier one."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._book = Workbook(write_only=True)
        self._sheet: Any = None
        self._rows = 0

    def begin(self) -> bytes:
        """Begin the first sheet; nothing can leave yet."""
        self._next_sheet()
        return b""

    def add(self, record: StoredRecord) -> bytes:
        """Add a row; nothing can leave yet."""
        if self._rows >= SHEET_ROWS:
            self._next_sheet()
        self._append(cells(record))
        return b""

    def end(self) -> Iterator[bytes]:
        """Yield the whole file."""
        with tempfile.TemporaryFile() as file:
            self._book.save(file)
            file.seek(0)
            while data := file.read(_CHUNK):
                yield data

    def close(self) -> None:
        """Let go of the file of rows, also after a failure."""
        for sheet in self._book.worksheets:
            if not sheet.closed:
                sheet.close()
        self._book.close()

    def _next_sheet(self) -> None:
        self._sheet = self._book.create_sheet()
        self._sheet.freeze_panes = "A2"
        self._rows = 0
        self._append(headings(self._language))

    def _append(self, values: Iterable[Any]) -> None:
        self._rows += 1
        row = []
        for value in values:
            if isinstance(value, str):
                cell = WriteOnlyCell(self._sheet, ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)[:_MAX_CELL])
                cell.data_type = "s"  # a text that begins with `=` is no formula
                row.append(cell)
            else:
                row.append(value)
        self._sheet.append(row)
