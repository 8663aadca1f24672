"""XLSX workbooks: the one sheet that holds sales, its cells as text or typed columns."""

from __future__ import annotations

import io
import warnings
import zipfile
from datetime import date, datetime
from typing import Any
from xml.etree.ElementTree import ParseError

import numpy as np
import pyarrow as pa

from storecast.forecasting.quality import refuse
from storecast.stores.sales_files.containers import DAMAGED_ZIP, MAX_UNPACKED, RawFile
from storecast.stores.sales_files.headers import name_columns
from storecast.stores.sales_files.tables import Table, find_header

__all__ = ["read_workbook"]

_HEADER_WITHIN = 30
# What openpyxl lets through from the libraries below it when a workbook is not what it should be.
_DAMAGE = (*DAMAGED_ZIP, ParseError, AttributeError, TypeError)
_EMPTY_ROWS = 1000  # so many empty rows in a row end a sheet


def _text(cell: object) -> str:
    """A cell as a CSV would hold it."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return (
            cell.date().isoformat()
            if cell.time().isoformat() == "00:00:00"
            else cell.isoformat(" ", "seconds")
        )
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell)


def _column(cells: list[object]) -> Any:
    """Numbers as numbers where the whole column is of them, else text."""
    if all(c is None or (isinstance(c, int | float) and not isinstance(c, bool)) for c in cells) and any(
        c is not None for c in cells
    ):
        return pa.array([None if c is None else float(c) for c in cells], pa.float64())  # type: ignore[arg-type]
    return pa.array([_text(c) for c in cells], pa.string())


def _is_sales(header: list[str]) -> bool:
    at = name_columns("", header)[0].at
    return "y" in at and ("ds" in at or "year" in at) and ("store" in at or "unique_id" in at)


def _rows(sheet: Any, most: int | None = None) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    empty = 0
    for row in sheet.iter_rows(values_only=True):
        rows.append(row)
        empty = 0 if any(cell is not None for cell in row) else empty + 1
        if empty >= _EMPTY_ROWS or (most is not None and len(rows) >= most):
            break
    return rows


def _table(file: str, rows: list[tuple[object, ...]]) -> Table:
    head = [[_text(cell) for cell in row] for row in rows[:_HEADER_WITHIN]]
    at = find_header(head)
    header = head[at]
    while header and not header[-1].strip():
        header.pop()
    width = len(header)
    body = [
        (n, row)
        for n, row in enumerate(rows[at + 1 :], start=at + 2)
        if any(_text(c).strip() for c in row[:width])
    ]
    if not body:
        raise refuse(
            "no_rows",
            f"{file} has a header and no rows.",
            "give a sheet with sales in it",
            file=file,
            expected="one row a series and week",
            found=", ".join(header),
        )
    columns = tuple(_column([row[k] if k < len(row) else None for _, row in body]) for k in range(width))
    return Table(file, tuple(header), columns, np.array([n for n, _ in body], dtype=np.int64), at + 1, "")


def read_workbook(raw: RawFile, sheet: str | None = None) -> Table:
    """The sheet whose header names sales, a date and a store; ``sheet`` picks one by name.

    Raises ``SalesRefusedError`` where several sheets hold sales, or none.
    """
    import openpyxl  # here, because it takes longer to import than a CSV to read

    try:
        with zipfile.ZipFile(io.BytesIO(raw.content)) as archive:
            if (size := sum(e.file_size for e in archive.infolist())) > MAX_UNPACKED:
                raise refuse(
                    "zip_too_big",
                    f"{raw.name} unpacks to {size:,} bytes.",
                    "save the sales sheet as CSV",
                    file=raw.name,
                )
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"{damaged} is damaged")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and drawings that do not matter here
            book = openpyxl.load_workbook(io.BytesIO(raw.content), read_only=True, data_only=True)
            names = book.sheetnames
            if sheet is not None and sheet not in names:
                raise refuse(
                    "no_such_sheet",
                    f"{raw.name} has no sheet {sheet!r}.",
                    "give --sheet one of these names",
                    file=raw.name,
                    expected=", ".join(names),
                    found=sheet,
                )
            heads = {
                n: [[_text(c) for c in row] for row in _rows(book[n], _HEADER_WITHIN)]
                for n in names
                if hasattr(book[n], "iter_rows")
            }
            fitting = [n for n, rows in heads.items() if rows and _is_sales(rows[find_header(rows)])]
            if sheet is None and len(fitting) > 1:
                raise refuse(
                    "several_sheets",
                    f"{raw.name} has several sheets of sales.",
                    f"say which with --sheet, for example --sheet {fitting[0]!r}",
                    file=raw.name,
                    expected="one sheet of sales",
                    found=", ".join(fitting),
                )
            filled = [n for n, rows in heads.items() if any(any(row) for row in rows)]
            if not filled:
                raise refuse(
                    "empty_file",
                    f"{raw.name} has nothing in its sheets.",
                    "save the sales into a sheet",
                    file=raw.name,
                    expected="a header and rows",
                    found=", ".join(names),
                )
            chosen = sheet or (fitting or filled)[0]
            if chosen not in filled:
                raise refuse(
                    "empty_file",
                    f"The sheet {chosen!r} of {raw.name} is empty.",
                    "name another with --sheet",
                    file=raw.name,
                    expected=", ".join(filled),
                    found=chosen,
                )
            rows = _rows(book[chosen])
            book.close()
    except _DAMAGE as error:
        raise refuse(
            "damaged_workbook",
            f"{raw.name} cannot be read as a workbook: {error}",
            "open it in a spreadsheet program and save it again, or save it as CSV",
            file=raw.name,
        ) from error
    return _table(f"{raw.name} [{chosen}]" if len(names) > 1 else raw.name, rows)
