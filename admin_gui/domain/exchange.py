"""Rules carried to and from spreadsheets: tab-separated text of the clipboard, and Excel workbooks.

A workbook's first row has the keys of columns, its second their labels; from the third on a rule stands in each.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import openpyxl
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from admin_gui.domain.catalogue import EMPTY
from admin_gui.domain.policy_text import cells, columns, sheet
from admin_gui.domain.policy_text.columns import CellError, ColumnOf
from admin_gui.domain.policy_text.items import apply
from admin_gui.domain.policy_text.sheet import Sheet
from admin_gui.domain.say import Say, Tongue, plain

_MOST_BYTES: Final = 32_000_000
_MOST_SHOWN: Final = 8
_CELL: Final = Say("第 {line} 行“{column}”：{why}", "line {line}, “{column}”: {why}")
_MORE: Final = Say("以及另外 {count} 处", "and {count} more")
_NO_BOOK: Final = Say("这不是 Excel 工作簿（.xlsx）", "this is no Excel workbook (.xlsx)")
_TOO_LARGE: Final = Say("工作簿过大", "the workbook is too large")
_NO_HEAD: Final = Say(
    "第一行应为列的键，如 id、fields", "the first row must have the keys of columns, such as id and fields"
)
_NO_ID: Final = Say("没有编号", "has no id")
_TWICE: Final = Say("编号 `{id}` 出现两次", "the id `{id}` is there twice")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A cell that cannot be taken; `line` is counted from 1."""

    line: int
    column: Say
    why: Say


class ExchangeError(Exception):
    """What cannot be taken over; `say` tells all of it."""

    def __init__(self, wrong: Sequence[Wrong] = (), say: Say | None = None) -> None:
        self.wrong = list(wrong)
        self.say = say if say is not None else _listed(self.wrong)
        super().__init__(self.say.en)


def lines_of(text: str) -> list[list[str]]:
    """Return the cells of a tab-separated text, as spreadsheets put it on the clipboard."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return [list(line) for line in csv.reader(io.StringIO(text), dialect="excel-tab")]


def text_of(lines: Sequence[Sequence[str]]) -> str:
    """Return cells as tab-separated text."""
    made = io.StringIO()
    csv.writer(made, dialect="excel-tab", lineterminator="\n").writerows(lines)
    return made.getvalue()


def write_book(path: Path, wide: Sequence[ColumnOf], found: Sheet, tongue: Tongue) -> None:
    """Write a table into a workbook. Raises OSError."""
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet(found.policy[:31] or "policy")
    page.freeze_panes = "B3"
    for place, column in enumerate(wide):
        page.column_dimensions[get_column_letter(place + 1)].width = 24 if column.key != "priority" else 10
    page.append([column.key for column in wide])
    heads = []
    for column in wide:
        cell = openpyxl.cell.WriteOnlyCell(page, column.say.text(tongue))
        cell.font = Font(bold=True)
        heads.append(cell)
    page.append(heads)
    for row in found.rows:
        page.append([_safe(page, columns.text(row, column)) for column in wide])
    book.save(path)


def read_book(path: Path) -> list[list[str]]:
    """Return the cells of the first page of a workbook, the labels left out. Raises ExchangeError, OSError."""
    if path.stat().st_size > _MOST_BYTES:
        raise ExchangeError(say=_TOO_LARGE)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        lines = [[_cell(value) for value in row] for row in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, IndexError) as error:
        raise ExchangeError(say=_NO_BOOK) from error
    if not lines or "id" not in lines[0]:
        raise ExchangeError(say=_NO_HEAD)
    return [lines[0], *(line for line in lines[2:] if any(line))]


def taken_over(found: Sheet, wide: Sequence[ColumnOf], lines: Sequence[Sequence[str]]) -> str:
    """Return the text with the rules of a workbook: changed, new ones behind those above them, missing ones gone.

    Columns that the workbook lacks stay as they are. Raises ExchangeError with all wrong cells.
    """
    by_key = {column.key: column for column in wide}
    wrong: list[Wrong] = []
    head = []
    for key in lines[0]:
        column = by_key.get(key)
        if column is None and key.startswith("when:"):
            column = by_key[key] = columns.columns((), [key.removeprefix("when:")], EMPTY)[3]
        if column is None and key:
            wrong.append(Wrong(1, plain(key), Say("没有这一列", "there is no such column")))
        head.append(column)
    rules = [_rule(number + 3, head, line, wrong) for number, line in enumerate(lines[1:])]
    _ids(rules, wrong)
    if wrong:
        raise ExchangeError(wrong)
    places = {name: place for place, name in enumerate(found.ids)}
    edits = {}
    for number, said in enumerate(rules):
        row = places.get(said["id"])
        try:
            if row is not None:
                pairs = [(by_key[key], text) for key, text in said.items() if key != "id"]
                changed = [
                    (column, text) for column, text in pairs if text.strip() != columns.text(found.rows[row], column)
                ]
                if changed:
                    edits[row] = [cells.edit_all(found.rows[row], changed)]
            else:
                cells.rule(said, list(by_key.values()))
        except CellError as error:
            wrong.append(
                Wrong(number + 3, by_key[error.key].say if error.key in by_key else plain(said["id"]), error.say)
            )
    if wrong:
        raise ExchangeError(wrong)
    text = apply(found.text, sheet.change(found, edits))
    after = sheet.again(found, text)
    kept = {said["id"] for said in rules}
    text = apply(text, sheet.delete(after, [row for row, name in enumerate(after.ids) if name not in kept]))
    after = sheet.again(after, text)
    above = -1
    for said in rules:
        if said["id"] in places:
            above = after.ids.index(said["id"])
            continue
        text = apply(text, sheet.insert(after, above + 1, [cells.rule(said, list(by_key.values()))]))
        after = sheet.again(after, text)
        above += 1
    return text


def _rule(number: int, head: Sequence[ColumnOf | None], line: Sequence[str], wrong: list[Wrong]) -> dict[str, str]:
    said = {column.key: text for column, text in zip(head, line, strict=False) if column is not None}
    if not said.get("id", "").strip():
        wrong.append(Wrong(number, plain("id"), _NO_ID))
    said["id"] = said.get("id", "").strip()
    return said


def _ids(rules: Sequence[dict[str, str]], wrong: list[Wrong]) -> None:
    seen: set[str] = set()
    for number, said in enumerate(rules):
        if said["id"] and said["id"] in seen:
            wrong.append(Wrong(number + 3, plain("id"), _TWICE.filled(id=said["id"])))
        seen.add(said["id"])


def _listed(wrong: Sequence[Wrong]) -> Say:
    said = [_CELL.filled(line=one.line, column=one.column, why=one.why) for one in wrong[:_MOST_SHOWN]]
    if len(wrong) > _MOST_SHOWN:
        said.append(_MORE.filled(count=len(wrong) - _MOST_SHOWN))
    return Say("；".join(one.zh for one in said), "; ".join(one.en for one in said))


def _safe(page: Any, text: str) -> Any:
    """Return a cell that is a text whatever it begins with: never a formula."""
    if not text:
        return None
    cell = openpyxl.cell.WriteOnlyCell(page, text)
    cell.data_type = "s"
    return cell


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
