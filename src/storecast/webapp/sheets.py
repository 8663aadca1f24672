"""Tables as files. A cell that a spreadsheet would take for a formula is made a plain text."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from storecast.formulas import neutral

__all__ = ["Table", "as_csv", "as_xlsx"]

Cell = str | int | float | date | None
Table = Sequence[Mapping[str, Cell]]
_WIDEST = 60


def _columns(table: Table) -> list[str]:
    return list(dict.fromkeys(name for row in table for name in row))


def as_csv(table: Table) -> bytes:
    """CSV in UTF-8, with a mark at its begin by which spreadsheets know that."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    columns = _columns(table)
    writer.writerow([neutral(name) for name in columns])
    for row in table:
        cells = [row.get(name) for name in columns]
        writer.writerow([neutral(c) if isinstance(c, str) else "" if c is None else c for c in cells])
    return b"\xef\xbb\xbf" + file.getvalue().encode("utf-8")


def as_xlsx(sheets: Mapping[str, Table]) -> bytes:
    """A workbook of several sheets; names of columns stay in sight."""
    book = Workbook(write_only=True)
    for title, table in sheets.items():
        sheet = book.create_sheet(title[:31])
        sheet.freeze_panes = "A2"
        _fill(sheet, table)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _fill(sheet: WriteOnlyWorksheet, table: Table) -> None:
    columns = _columns(table)
    for i, name in enumerate(columns):
        longest = max([len(name), *(len(str(row.get(name, ""))) for row in table)])
        sheet.column_dimensions[_letter(i)].width = min(longest + 3, _WIDEST)
    sheet.append([_cell(sheet, name, bold=True) for name in columns])
    for row in table:
        sheet.append([_cell(sheet, row.get(name)) for name in columns])


def _letter(index: int) -> str:
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(65 + rest) + text
    return text


def _cell(sheet: WriteOnlyWorksheet, value: Cell, *, bold: bool = False) -> WriteOnlyCell:
    if isinstance(value, str):
        text = ILLEGAL_CHARACTERS_RE.sub("\ufffd", neutral(value))
        cell = WriteOnlyCell(sheet, None)
        cell.data_type = "s"  # a text, whatever it looks like
        cell._value = text
    else:
        cell = WriteOnlyCell(sheet, value)
        if isinstance(value, float):
            cell.number_format = "#,##0.00"
        elif isinstance(value, date):
            cell.number_format = "yyyy-mm-dd"
    if bold:
        cell.font = Font(bold=True)
    return cell
