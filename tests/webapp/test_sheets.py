"""Files for spreadsheets: whole, and without anything that is evaluated."""

from __future__ import annotations

import csv
import io
from datetime import date

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.formulas import neutral
from storecast.webapp.sheets import Table, as_csv, as_xlsx

_EVIL = [
    "=1+1",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "|cmd",
    "%0A",
    '=HYPERLINK("http://x")',
]


@pytest.mark.parametrize("text", _EVIL)
def test_no_cell_is_a_formula(text: str) -> None:
    """A text that begins like a formula gets an apostrophe before it, in names of columns as well."""
    table: Table = [{text: text, "n": 1.5}]
    cell = list(csv.reader(io.StringIO(as_csv(table).decode("utf-8-sig"))))
    assert cell[0][0].startswith("'")
    assert cell[1][0].startswith("'")
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx({"T": table})))
    for row in book["T"].iter_rows():
        for found in row:
            assert found.data_type in ("s", "n")
    assert str(book["T"]["A2"].value).startswith("'")


@given(st.text(max_size=30))
def test_every_text_survives_or_is_made_harmless(text: str) -> None:
    """Whatever a series is called, a workbook can be made and read, and holds no formula."""
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx({"T": [{"name": text}]})))
    assert all(cell.data_type != "f" for row in book["T"].iter_rows() for cell in row)
    assert neutral(neutral(text)) == neutral(text)


def test_numbers_and_dates_stay_what_they_are() -> None:
    """Negative numbers are numbers, dates are dates, gaps are empty."""
    table: Table = [
        {"week": date(2012, 11, 2), "y": -12.25, "z": None},
        {"week": date(2012, 11, 9), "y": 3.5, "z": 7},
    ]
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx({"A" * 40: table})))
    sheet = book.worksheets[0]
    assert sheet.title == "A" * 31
    assert [c.value for c in sheet["B"]] == ["y", -12.25, 3.5]
    assert sheet["A2"].value.date() == date(2012, 11, 2)
    assert sheet["C2"].value is None
    rows = list(csv.DictReader(io.StringIO(as_csv(table).decode("utf-8-sig"))))
    assert rows[0] == {"week": "2012-11-02", "y": "-12.25", "z": ""}
