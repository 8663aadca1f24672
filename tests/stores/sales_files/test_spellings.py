"""One panel, however it is written down: headers, delimiters, encodings, dates, numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storecast.stores.sales_files import read_sales
from storecast.stores.sales_files.dates import parse_dates
from storecast.stores.sales_files.headers import name_columns
from storecast.stores.sales_files.numbers import parse_flags, parse_numbers
from tests.stores.sales_files.worlds import HEADER, cells, expected, same, write

ROWS = cells(stores=2, weeks=60)
DATES = (
    "%d-%m-%Y",
    "%m/%d/%Y",
    "%Y-%m-%d",
    "%d.%m.%y",
    "%Y%m%d",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%A, %d %B %Y",
    "%Y-%m-%dT00:00:00Z",
    "%Y/%m/%d 00:00:00",
)
HEADERS = {
    "Store": ("Store", "store", " STORE ", "Store ID", "store_nbr"),
    "Date": ("Date", "date ", "DATE", "Week_Ending", "week date"),
    "Weekly_Sales": (
        "Weekly_Sales",
        "weekly sales",
        "WeeklySales",
        "Weekly Sales ($)",
        "Sales",
        "weekly-sales",
    ),
    "Holiday_Flag": ("Holiday_Flag", "IsHoliday", "is_holiday", "HOLIDAY"),
    "Temperature": ("Temperature", "temp", "Temperature (F)"),
    "Fuel_Price": ("Fuel_Price", "FuelPrice", "fuel price"),
    "CPI": ("CPI", "cpi ", "Consumer Price Index"),
    "Unemployment": ("Unemployment", "unemployment_rate", "UNEMPLOYMENT"),
}
NUMBERS = {
    "plain": lambda v: f"{v:.2f}",
    "dollars": lambda v: f"${v:,.2f}",
    "spaced": lambda v: f"{v:,.2f}".replace(",", " ") + " USD",
    "accounts": lambda v: f"({-v:,.2f})" if v < 0 else f"{v:,.2f}",
    "trailing minus": lambda v: f"{-v:.2f}-" if v < 0 else f"{v:.2f}",
}


def spoken(text: str, form: str) -> str:
    return pd.Timestamp("-".join(reversed(text.split("-")))).strftime(form)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_way_of_writing_gives_the_same_panel(tmp_path: Path, data: st.DataObject) -> None:
    """Random panels in any mixture of spellings give the panel they were made from, to the bit."""
    weeks = data.draw(st.integers(9, 40), label="weeks")
    rows = cells(stores=data.draw(st.integers(1, 3)), weeks=weeks, seed=data.draw(st.integers(0, 99)))
    cents = st.integers(-(10**6), 10**8).map(lambda n: n / 100)
    for row in rows:
        row[2] = f"{data.draw(cents):.2f}" if weeks < 14 else row[2]
    wanted = expected(rows)
    header = [data.draw(st.sampled_from(HEADERS[name]), label=name) for name in HEADER]
    delimiter = data.draw(st.sampled_from(",;\t|"), label="delimiter")
    form = data.draw(st.sampled_from(sorted(DATES)), label="date")
    number = NUMBERS[data.draw(st.sampled_from(sorted(NUMBERS)), label="number")]
    flags = data.draw(
        st.sampled_from([("0", "1"), ("FALSE", "TRUE"), ("No", "Yes"), ("f", "t")]), label="flag"
    )
    comma = delimiter == ";" and data.draw(st.booleans(), label="decimal comma")
    written = []
    for row in rows:
        sales = number(float(row[2]))
        cell = [row[0], spoken(row[1], form), sales, flags[int(row[3])], *row[4:]]
        if comma:
            cell = [
                *cell[:2],
                sales.translate(str.maketrans(",.", ".,")),
                cell[3],
                *(c.replace(".", ",") for c in row[4:]),
            ]
        written.append([f'"{c}"' if delimiter in c else c for c in cell])
    if data.draw(st.booleans(), label="shuffled columns"):
        order = data.draw(st.permutations(range(len(header))))
        header, written = [header[i] for i in order], [[row[i] for i in order] for row in written]
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]), label="line end")
    text = end.join(delimiter.join(row) for row in [header, *written]) + data.draw(
        st.sampled_from(["", end, end * 3])
    )
    encoding = data.draw(
        st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
    )
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    read = read_sales(path)
    same(read.panel, wanted)
    assert read.report.status == "ok"


@pytest.mark.parametrize("form", sorted(DATES))
def test_date_spellings(tmp_path: Path, form: str) -> None:
    """Each usual spelling of dates is read."""
    rows = [[row[0], f'"{spoken(row[1], form)}"', *row[2:]] for row in ROWS]
    same(read_sales(write(tmp_path / "a.csv", rows)).panel, expected(ROWS))


def test_spreadsheet_day_numbers(tmp_path: Path) -> None:
    """Dates that lost their format (40214 for 5 February 2010) are read."""
    days = [
        (pd.Timestamp("-".join(reversed(r[1].split("-")))) - pd.Timestamp("1899-12-30")).days for r in ROWS
    ]
    assert days[0] == 40214
    rows = [[r[0], str(d), *r[2:]] for r, d in zip(ROWS, days, strict=True)]
    same(read_sales(write(tmp_path / "a.csv", rows)).panel, expected(ROWS))


@pytest.mark.parametrize("month", [lambda m: m, lambda m: str(int(m)), lambda m: f"{m}.0"])
def test_dates_in_three_columns(tmp_path: Path, month: object) -> None:
    """Year, month and day in columns of their own make a date, also with a month lost to a spreadsheet."""
    assert callable(month)
    rows = [[r[0], r[1][6:], month(r[1][3:5]), r[1][:2], *r[2:]] for r in ROWS]
    same(
        read_sales(write(tmp_path / "a.csv", rows, ["Store", "Year", "Month", "Day", *HEADER[2:]])).panel,
        expected(ROWS),
    )


def test_a_date_column_beats_its_parts(tmp_path: Path) -> None:
    """Year, month and day beside a date are extra columns, named and ignored."""
    rows = [[*r, r[1][6:], r[1][3:5], r[1][:2]] for r in ROWS]
    data = read_sales(write(tmp_path / "a.csv", rows, [*HEADER, "Year", "Month", "Day"]))
    same(data.panel, expected(ROWS))
    assert data.report.findings[0].examples == ("Year", "Month", "Day")


def test_months_by_name_in_a_column(tmp_path: Path) -> None:
    """A month by name in its own column is read."""
    rows = [[r[0], r[1][6:], spoken(r[1], "%b"), r[1][:2], *r[2:]] for r in ROWS]
    same(
        read_sales(write(tmp_path / "a.csv", rows, ["Store", "Year", "Month", "Day", *HEADER[2:]])).panel,
        expected(ROWS),
    )


def test_titles_blank_lines_and_quoted_line_breaks(tmp_path: Path) -> None:
    """Titles above the header, blank lines and cells of two lines do not disturb; rows keep their lines."""
    lines = ["Weekly report", '"printed ""today"""', "", ",".join([*HEADER, "Note"])]
    lines += [
        ",".join([*row, '"two\nlines"' if i == 3 else ""]) + "\n" * (i == 5) for i, row in enumerate(ROWS)
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    same(read_sales(tmp_path / "a.csv").panel, expected(ROWS))
    lines[4 + 10] = lines[4 + 10].replace(ROWS[10][2], "oops")
    (tmp_path / "a.csv").write_text("\n".join(lines))
    with pytest.raises(Exception, match="row 17") as caught:  # 4 lines above, 10 before it, 2 breaks
        read_sales(tmp_path / "a.csv")
    assert type(caught.value).__name__ == "SalesRefusedError"


def test_store_names(tmp_path: Path) -> None:
    """Stores may have any name; 1.0 and 1 are one store."""
    names = {"1": "Zürich; Süd", "2": "2.0"}
    rows = [[names[r[0]], *r[1:]] for r in ROWS]
    (tmp_path / "a.csv").write_bytes(("\n".join(",".join(r) for r in [HEADER, *rows])).encode("cp1252"))
    data = read_sales(tmp_path / "a.csv")
    assert data.panel["unique_id"].unique().tolist() == ["2", "Zürich; Süd"]
    assert [f.kind for f in data.report.findings] == ["encoding"]


def test_departments(tmp_path: Path) -> None:
    """A department column makes series of store and department, each knowing both."""
    rows = [[row[0], dept, *row[1:]] for row in ROWS for dept in ("7", "12")]
    data = read_sales(write(tmp_path / "a.csv", rows, ["Store", "Dept", *HEADER[1:]]))
    assert data.panel["unique_id"].unique().tolist() == ["1_12", "1_7", "2_12", "2_7"]
    one = data.panel[data.panel["unique_id"] == "2_7"]
    assert (one["store"].unique().tolist(), one["dept"].unique().tolist()) == (["2"], ["7"])
    assert one["y"].tolist() == [float(r[2]) for r in ROWS[60:]]


def test_long_form(tmp_path: Path) -> None:
    """unique_id, ds, y with store, department, type and size; extra columns are named."""
    rows = [[f"s{r[0]}/7", str(expected([r])["ds"][0])[:10], r[2], r[0], "7", "A", "1500", "x"] for r in ROWS]
    header = ["unique_id", "ds", "y", "store", "dept", "type", "size", "colour"]
    data = read_sales(write(tmp_path / "a.csv", rows, header))
    assert data.shape == "long"
    assert list(data.panel.columns) == ["unique_id", "ds", "y", "store", "dept", "size", "type"]
    assert data.panel["size"].unique().tolist() == [1500.0]
    assert data.panel["type"].unique().tolist() == ["A"]
    assert data.report.findings[0].examples == ("colour",)
    bare = read_sales(write(tmp_path / "b.csv", [r[:3] for r in rows], header[:3])).panel
    assert list(bare.columns) == ["unique_id", "ds", "y"]
    assert bare["y"].tolist() == data.panel["y"].tolist()


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [
        ("1,234,567.89", ".", 1234567.89),
        ("$1,234", ".", 1234),
        ("€ 12.50", ".", 12.5),
        ("(1,234.50)", ".", -1234.5),
        ("-$5", ".", -5),
        ("1 234 567", ".", 1234567),
        ("1'234.5", ".", 1234.5),
        ("1\u00a0234.5", ".", 1234.5),
        ("12-", ".", -12),
        ("+7", ".", 7),
        ("1e3", ".", 1000),
        ("8.1%", ".", 8.1),
        ("12,34,567", ".", 1234567),
        (".5", ".", 0.5),
        ("5.", ".", 5),
        ("−3", ".", -3),
        ("1.234,5", ",", 1234.5),
        ("1234,5", ",", 1234.5),
        ("1.234.567", ",", 1234567),
        ("-0,5", ",", -0.5),
        ("12 USD", ".", 12),
        ("Rs. 12", ".", 12),
    ],
)
def test_number_spellings(text: str, mark: str, value: float) -> None:
    """Currencies, separators, brackets and signs, under either decimal mark."""
    import pyarrow as pa

    values, bad = parse_numbers(pa.array([text, "NA", "", "#N/A", "null"]), mark)
    assert values[0] == value
    assert np.isnan(values[1:]).all()
    assert not bad.any()


@pytest.mark.parametrize(
    "text", ["1,23,4.5", "12a", "1.2.3", "--1", "1,2", "0x10", "1_000", "(5", "5)", "e5", "$"]
)
def test_no_numbers(text: str) -> None:
    """What might be several numbers, or none, is not read as one."""
    import pyarrow as pa

    values, bad = parse_numbers(pa.array([text, "1"]), ".")
    assert bad.tolist() == [True, False]
    assert np.isnan(values[0])


def test_flag_spellings() -> None:
    """Yes and no in many words; blank is unknown."""
    import pyarrow as pa

    values, bad = parse_flags(pa.array(["TRUE", "no", "1.0", "Y", "", "False", "maybe"]))
    assert values[:4].tolist() == [1, 0, 1, 1]
    assert np.isnan(values[4])
    assert values[5] == 0
    assert bad.tolist() == [False] * 6 + [True]


def test_readings_of_a_date() -> None:
    """A numeric date has two readings; a spelled-out or year-first one has one, and its swapped twin."""
    import pyarrow as pa

    dates = parse_dates("f", "Date", pa.array(["05-02-2010", "2010-02-05", "19/02/2010", "31-02-2010"]))
    day = lambda text: int(np.datetime64(text).astype(np.int64))  # noqa: E731
    unknown = np.iinfo(np.int64).min
    assert dates.day_first.tolist() == [day("2010-02-05"), day("2010-02-05"), day("2010-02-19"), unknown]
    assert dates.month_first.tolist() == [day("2010-05-02"), day("2010-02-05"), unknown, unknown]
    assert dates.swapped.tolist() == [unknown, day("2010-05-02"), unknown, unknown]
    assert dates.fixed.tolist() == [False, True, False, False]


def test_the_likeliest_spelling_wins() -> None:
    """Of several columns that could be the sales, the exact name is taken and the others are ignored."""
    columns, _ = name_columns("f", ["Store", "Date", "Sales", "\ufeffWeekly_Sales", "Unnamed: 0"])
    assert columns.spelled["y"] == "Weekly_Sales"
    assert columns.ignored == ("Sales", "Unnamed: 0")
