"""What cannot be taken is refused in one message: what, where, expected, found, remedy."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from storecast.errors import DataError
from storecast.forecasting.quality import SalesRefusedError
from storecast.stores.sales_files import read_sales
from tests.stores.sales_files.worlds import DAY, FIRST, HEADER, cells, change, dmy, write

ROWS = cells(stores=3, weeks=110)


def refused(path: Path, kind: str, dayfirst: bool | None = None) -> SalesRefusedError:
    """The refusal of ``path``; its first reason is of ``kind`` and every reason has a remedy."""
    with pytest.raises(SalesRefusedError) as caught:
        read_sales(path, dayfirst=dayfirst)
    error = caught.value
    assert isinstance(error, DataError)
    reasons = [f for f in error.findings if f.severity == "refused"]
    assert reasons[0].kind == kind
    assert all(f.what and f.remedy for f in reasons)
    assert error.remedy in error.message()
    return error


def series(store: str, days: list[np.datetime64]) -> list[list[str]]:
    return [
        [store, dmy(day), f"{1000 + k}.50", "0", "50.5", "3.1", "210.1", "7.1"] for k, day in enumerate(days)
    ]


@pytest.mark.parametrize("column", ["Store", "Date", "Weekly_Sales"])
def test_missing_column(tmp_path: Path, column: str) -> None:
    """A missing column is named, with the columns there are."""
    at = HEADER.index(column)
    rows = [row[:at] + row[at + 1 :] for row in ROWS]
    error = refused(write(tmp_path / "a.csv", rows, [h for h in HEADER if h != column]), "missing_column")
    assert column in error.what
    assert "Unemployment" in error.found


@pytest.mark.parametrize(
    ("column", "typed"), [("Weekly_Sales", "Weekly_Slaes"), ("Date", "Dat"), ("Store", "Stroe")]
)
def test_mistyped_column(tmp_path: Path, column: str, typed: str) -> None:
    """A mistyped column is recognized in the remedy and never guessed."""
    error = refused(
        write(tmp_path / "a.csv", ROWS, [typed if h == column else h for h in HEADER]), "missing_column"
    )
    assert repr(typed) in error.remedy
    assert column in error.remedy


def test_mistyped_extra_column_is_warned_of(tmp_path: Path) -> None:
    """A mistyped column one can do without is ignored with a warning that says what it looks like."""
    header = [{"Temperature": "Temprature", "CPI": "Region"}.get(h, h) for h in HEADER]
    report = read_sales(write(tmp_path / "a.csv", ROWS, header)).report
    by_kind = {f.kind: f for f in report.findings}
    assert report.status == "warned"
    assert "Temperature" in by_kind["unknown_column"].what
    assert by_kind["extra_columns"].examples == ("Region",)


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    """Two columns that are the same thing are refused with both spellings."""
    error = refused(
        write(tmp_path / "a.csv", ROWS, [h if h != "CPI" else "weekly sales" for h in HEADER]),
        "duplicate_column",
    )
    assert "weekly sales" in error.what
    assert "Weekly_Sales" in error.what


@pytest.mark.parametrize("text", ["abc", "12x", "1.2.3", "--5", "1,2,3", "$"])
def test_unreadable_number(tmp_path: Path, text: str) -> None:
    """What is no number is named by row, column and text."""
    rows = change(ROWS, [17], 2, lambda _: f'"{text}"')
    error = refused(write(tmp_path / "a.csv", rows), "unreadable_value")
    assert (error.findings[0].row, error.findings[0].column) == (19, "Weekly_Sales")
    assert repr(text) in error.found


def test_unreadable_flag(tmp_path: Path) -> None:
    """A holiday flag that is neither yes nor no is named."""
    error = refused(write(tmp_path / "a.csv", change(ROWS, [3], 3, lambda _: "maybe")), "unreadable_value")
    assert (error.findings[0].row, error.findings[0].column) == (5, "Holiday_Flag")


@pytest.mark.parametrize("text", ["inf", "-Infinity", "1e400", "9e17"])
@pytest.mark.parametrize("column", [2, 5])
def test_infinite_and_absurd_values(tmp_path: Path, text: str, column: int) -> None:
    """Infinite and absurd values are refused by row and column."""
    error = refused(write(tmp_path / "a.csv", change(ROWS, [40, 42], column, lambda _: text)), "absurd_value")
    assert (error.findings[0].rows, error.findings[0].column) == ((42, 44), HEADER[column])


@pytest.mark.parametrize("apart", [1, 7, 300])
def test_same_week_twice(tmp_path: Path, apart: int) -> None:
    """Two rows of one store and week that differ are both named."""
    rows = [list(row) for row in ROWS]
    again = [*rows[20][:2], "5.00", *rows[20][3:]]
    rows.insert(20 + apart, again)
    error = refused(write(tmp_path / "a.csv", rows), "conflicting_duplicate")
    assert error.findings[0].rows == (22, 22 + apart)


def test_several_rows_a_week_throughout(tmp_path: Path) -> None:
    """A file finer than weeks says so, instead of listing every row."""
    rows = [[*r[:2], f"{float(r[2]) / k:.2f}", *r[3:]] for r in ROWS for k in (1, 2, 3)]
    assert "transaction" in refused(write(tmp_path / "a.csv", rows), "several_rows_per_week").what


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("daily", [FIRST + k * DAY for k in range(400)]),
        ("monthly", [np.datetime64(f"{2010 + k // 12}-{k % 12 + 1:02d}-01") for k in range(48)]),
        ("fortnightly", [FIRST + 14 * k * DAY for k in range(60)]),
        ("four-weekly", [FIRST + 28 * k * DAY for k in range(40)]),
        ("quarterly", [np.datetime64(f"{2010 + k // 4}-{3 * (k % 4) + 1:02d}-01") for k in range(20)]),
        ("yearly", [np.datetime64(f"{y}-02-13") for y in range(1990, 2010)]),
    ],
)
def test_other_frequencies(tmp_path: Path, name: str, days: list[np.datetime64]) -> None:
    """Data of another frequency are refused by its name."""
    assert (
        name in refused(write(tmp_path / "a.csv", series("1", days) + series("2", days)), "not_weekly").what
    )


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ([FIRST + k * DAY for k in range(300)], "9: daily"),
        ([FIRST + (1 + 7 * k) * DAY for k in range(110)], "9: weekly on another weekday"),
    ],
)
def test_mixed_frequencies(tmp_path: Path, days: list[np.datetime64], found: str) -> None:
    """One series off the others' weekly grid is named with its own frequency."""
    error = refused(write(tmp_path / "a.csv", ROWS + series("9", days)), "mixed_frequencies")
    assert error.found == found
    assert error.findings[0].row == 332


def test_no_order_of_day_and_month(tmp_path: Path) -> None:
    """Dates that are weekly under both orders are refused with the options that settle it, which then do."""
    # The 3rd of December 2010 and the 12th of March 2010 are both Fridays; 7 January and 1 July 2011 too.
    rows = series("1", [np.datetime64(d) for d in ("2010-03-12", "2010-12-03", "2011-01-07", "2011-07-01")])
    path = write(tmp_path / "a.csv", rows)
    error = refused(path, "ambiguous_date")
    assert "--dayfirst" in error.remedy
    days = read_sales(path, dayfirst=True).panel["ds"].dt.strftime("%m-%d").tolist()
    assert days == ["03-12", "12-03", "01-07", "07-01"]
    days = read_sales(path, dayfirst=False).panel["ds"].dt.strftime("%m-%d").tolist()
    assert days == ["03-12", "12-03", "01-07", "07-01"]


def test_the_wrong_order_asked_for(tmp_path: Path) -> None:
    """An order of day and month that most dates speak against is refused, not forced upon them."""
    assert (
        "--monthfirst" in refused(write(tmp_path / "a.csv", ROWS), "wrong_date_order", dayfirst=False).remedy
    )


def test_dates_in_a_shuffled_file(tmp_path: Path) -> None:
    """Blank dates cannot be told where rows are in no order: refused with every row."""
    rows = random.Random(1).sample(ROWS, len(ROWS))
    error = refused(write(tmp_path / "a.csv", change(rows, [4, 90], 1, lambda _: "")), "blank_date")
    assert error.findings[0].rows == (6, 92)


def test_a_blank_date_beside_a_gap(tmp_path: Path) -> None:
    """A blank date with two weeks missing at its place is refused, not guessed."""
    rows = change(ROWS, [50], 1, lambda _: "")
    del rows[51]
    assert refused(write(tmp_path / "a.csv", rows), "blank_date").findings[0].row == 52


def test_dates_filled_in_beyond_repair(tmp_path: Path) -> None:
    """A spreadsheet's run of days at a place where weeks are missing too is refused with its rows."""
    rows = [list(row) for row in ROWS]
    for k in range(1, 6):
        rows[30 + k][1] = dmy(FIRST + (7 * 30 + k) * DAY)
    del rows[36:38]
    assert refused(write(tmp_path / "a.csv", rows), "drag_filled").findings[0].rows == (33, 34, 35, 36, 37)


def test_a_mistyped_year(tmp_path: Path) -> None:
    """A date many years away, though on the grid, is refused."""
    far = FIRST - 7 * 52 * 12 * DAY
    error = refused(write(tmp_path / "a.csv", [*ROWS, *series("1", [far])]), "stray_date")
    assert str(far) in error.found


def test_series_without_sales(tmp_path: Path) -> None:
    """A series with rows but no sales is refused by name; so is a file without any."""
    rows = change(ROWS, range(110, 220), 2, lambda _: "")
    assert "2" in refused(write(tmp_path / "a.csv", rows), "series_without_sales").findings[0].examples
    assert "No row" in refused(write(tmp_path / "b.csv", change(ROWS, range(330), 2, lambda _: "NaN")),
                               "series_without_sales").what  # fmt: skip


@pytest.mark.parametrize("rows", [ROWS[:1], ROWS[::110]])
def test_one_week_only(tmp_path: Path, rows: list[list[str]]) -> None:
    """One row, or one week of every store, is too short."""
    refused(write(tmp_path / "a.csv", rows), "too_short")


@pytest.mark.parametrize("text", ["", "\n\n", "   "])
def test_empty_file(tmp_path: Path, text: str) -> None:
    """A file of nothing is called empty."""
    (tmp_path / "a.csv").write_text(text)
    refused(tmp_path / "a.csv", "empty_file")


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
def test_header_alone(tmp_path: Path, end: str) -> None:
    """A header without rows is refused."""
    (tmp_path / "a.csv").write_text(",".join(HEADER) + end)
    refused(tmp_path / "a.csv", "no_rows")


def test_no_header(tmp_path: Path) -> None:
    """Rows without a header are recognized as such."""
    assert "header" in refused(write(tmp_path / "a.csv", ROWS[1:], ROWS[0]), "missing_column").what


@pytest.mark.parametrize("cut", [["9"], []])
def test_uneven_rows(tmp_path: Path, cut: list[str]) -> None:
    """A row with another number of fields than the header is named."""
    rows = [list(row) for row in ROWS]
    rows[8] = [*rows[8], "9"] if cut else rows[8][:3]
    assert refused(write(tmp_path / "a.csv", rows), "uneven_rows").findings[0].row == 10


def test_blank_store(tmp_path: Path) -> None:
    """A row without a store is named."""
    assert (
        refused(write(tmp_path / "a.csv", change(ROWS, [9], 0, lambda _: " ")), "blank_key").findings[0].row
        == 11
    )


@pytest.mark.parametrize(
    ("header", "row", "looks"),
    [
        ("Order ID,Order Date,Customer ID,Sales,Quantity", "CA-1,05/02/2010,C7,261.96,2", "transactions"),
        ("Store,Date,Temperature,MarkDown1,CPI,IsHoliday", "1,2010-02-05,42,NA,211,FALSE", "features.csv"),
        ("Store,Type,Size", "1,A,151315", "stores.csv"),
        ("Store,Dept,Date,IsHoliday", "1,1,2012-11-02,FALSE", "test.csv"),
    ],
)
def test_other_data(tmp_path: Path, header: str, row: str, looks: str) -> None:
    """Other data under a familiar name are refused by what they look like."""
    (tmp_path / "Walmart_Sales.csv").write_text(f"{header}\n{row}\n{row}\n")
    assert looks in refused(tmp_path / "Walmart_Sales.csv", "missing_column").what


def test_transactions_with_clock_times(tmp_path: Path) -> None:
    """Moments in time are no weeks."""
    rows = [["1", f"2010-02-{5 + k % 20:02d} {k % 24:02d}:{k % 60:02d}:00", "9.50"] for k in range(300)]
    refused(write(tmp_path / "a.csv", rows, ["Store", "Date", "Sales"]), "moments")


def test_a_series_of_two_stores(tmp_path: Path) -> None:
    """In the long form a series has one store; two are refused with the rows."""
    rows = [["a", str(FIRST + 7 * k * DAY), "9.5", "s1" if k < 8 else "s2"] for k in range(10)]
    error = refused(write(tmp_path / "a.csv", rows, ["unique_id", "ds", "y", "store"]), "two_parents")
    assert error.findings[0].rows == (10, 11)


def test_several_reasons_are_told_at_once(tmp_path: Path) -> None:
    """All unreadable cells are told in one go."""
    rows = change(change(ROWS, [1], 2, lambda _: "x"), [2], 5, lambda _: "y")
    error = refused(write(tmp_path / "a.csv", rows), "unreadable_value")
    assert [f.column for f in error.findings] == ["Weekly_Sales", "Fuel_Price"]
    assert "Fuel_Price" in str(error)
