"""Texts that a spreadsheet would take for formulas."""

from __future__ import annotations

import pytest

from storecast.formulas import neutral
from storecast.service.series_rows import csv_cell
from storecast.webapp.sheets import as_csv


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1", "  =1", "|cmd", "%0A"])
def test_what_a_spreadsheet_evaluates_becomes_a_text(text: str) -> None:
    """By an apostrophe before it, once, and in the service's CSV as in the app's."""
    assert neutral(text) == neutral(neutral(text)) == f"'{text}"
    assert csv_cell(text).strip('"') == f"'{text}"
    assert f"'{text}".encode() in as_csv([{"name": text}])


@pytest.mark.parametrize("text", ["", "1_2", "a=b", "Store 7", "é"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    """Names of series are names of series."""
    assert neutral(text) == csv_cell(text) == text
