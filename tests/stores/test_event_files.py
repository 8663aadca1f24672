"""Events files and holiday calendars: read as meant, or refused by row and column."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from storecast.errors import DataError
from storecast.stores.event_files import EVENT_KINDS, read_calendar, read_events

EVENTS = """series,block,first_week,last_week,kind
12,,2011-03-04,2011-09-02,closure
1_7,,2012-01-06,,Opening
,7,2011-11-18,2011-11-25,promotion
,,2011-07-01,2011-07-01,holiday
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_events(tmp_path: Path) -> None:
    """Series, block or all; a blank last week is open; kinds in any case."""
    events = read_events(write(tmp_path / "e.csv", EVENTS))
    assert events["series"].tolist() == ["12", "1_7", "", ""]
    assert events["block"].tolist() == ["", "", "7", ""]
    assert events["kind"].tolist() == list(EVENT_KINDS)
    assert events["first_week"].tolist()[0] == pd.Timestamp("2011-03-04")
    assert events["last_week"].isna().tolist() == [False, True, False, False]
    assert str(events["first_week"].dtype) == "datetime64[ns]"


def test_events_in_other_words(tmp_path: Path) -> None:
    """Other headers, delimiters and day-first dates; no last week at all."""
    path = write(tmp_path / "e.csv", "Store;From;To;Type\n3;04-03-2011;28-03-2011;closure\n")
    events = read_events(path)
    assert events["first_week"][0] == pd.Timestamp("2011-03-04")
    assert events["last_week"][0] == pd.Timestamp("2011-03-28")
    assert events["block"].tolist() == [""]
    one = read_events(write(tmp_path / "f.csv", "series,first_week,kind\n3,2011-03-04,opening\n"))
    assert one["last_week"].isna().all()


def test_events_in_a_workbook(tmp_path: Path) -> None:
    """An XLSX sheet with typed dates and numbers for stores."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (
        ["series", "first_week", "last_week", "kind"],
        [12, pd.Timestamp("2011-03-04"), None, "closure"],
    ):
        book.active.append(row)
    book.save(tmp_path / "e.xlsx")
    events = read_events(tmp_path / "e.xlsx")
    assert events["series"].tolist() == ["12"]
    assert events["first_week"][0] == pd.Timestamp("2011-03-04")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("closure", "fire", r"unknown kind: row 2 \(fire\)"),
        ("2011-03-04", "soon", "no date: row 2"),
        ("2011-03-04", "", "no first week: row 2"),
        ("2011-09-02", "2010-09-02", "end before they begin: row 2"),
        ("kind", "colour", "no column kind"),
        ("first_week", "colour", "no column first_week"),
    ],
)
def test_bad_events(tmp_path: Path, old: str, new: str, says: str) -> None:
    """What is wrong is named by row, with a remedy."""
    with pytest.raises(DataError, match=says) as caught:
        read_events(write(tmp_path / "e.csv", EVENTS.replace(old, new, 1)))
    assert caught.value.remedy


def test_dates_of_unclear_order(tmp_path: Path) -> None:
    """Dates that may be either order are refused, and read once the order is given."""
    path = write(tmp_path / "e.csv", "series,first_week,last_week,kind\n3,04-03-2011,05-03-2011,closure\n")
    with pytest.raises(DataError, match="order of day and month"):
        read_events(path)
    assert read_events(path, dayfirst=True)["first_week"][0] == pd.Timestamp("2011-03-04")
    assert read_events(path, dayfirst=False)["first_week"][0] == pd.Timestamp("2011-04-03")


def test_calendar(tmp_path: Path) -> None:
    """Names and dates, sorted, repeated rows once."""
    text = "Holiday,Date\nThanksgiving,2011-11-24\nEaster,2010-04-04\nEaster,2010-04-04\n"
    calendar = read_calendar(write(tmp_path / "c.csv", text))
    assert calendar["name"].tolist() == ["Easter", "Thanksgiving"]
    assert calendar["date"].tolist() == [pd.Timestamp("2010-04-04"), pd.Timestamp("2011-11-24")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,date\n,2011-01-01\n", "no name: row 2"),
        ("name,date\nX,2011-02-30\n", "no date: row 2"),
        ("name,date\nX,\n", "no date: row 2"),
        ("name,when\nX,2011-02-03\n", "no column date"),
    ],
)
def test_bad_calendar(tmp_path: Path, text: str, says: str) -> None:
    """A holiday without a name or a day is refused by its row."""
    with pytest.raises(DataError, match=says):
        read_calendar(write(tmp_path / "c.csv", text))


def test_no_such_file(tmp_path: Path) -> None:
    """A missing file is one clear message."""
    with pytest.raises(DataError, match="no file"):
        read_events(tmp_path / "e.csv")
