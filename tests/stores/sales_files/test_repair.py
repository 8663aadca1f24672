"""Damaged copies of a clean file give the clean panel back, and say what was done."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from storecast.forecasting.quality import Finding, QualityReport
from storecast.stores.sales_files import read_sales
from tests.stores.sales_files.worlds import DAY, FIRST, cells, change, dmy, expected, same, swapped, write

ROWS = cells()
CLEAN = expected(ROWS)
WEEKS = 120


def finding(report: QualityReport, kind: str) -> Finding:
    return next(f for f in report.findings if f.kind == kind)


def by_date(rows: list[list[str]]) -> list[list[str]]:
    """Rows sorted by week, then store."""
    order = sorted(range(len(rows)), key=lambda i: (i % WEEKS, i // WEEKS))
    return [rows[i] for i in order]


def test_a_clean_file_is_read_as_it_is(tmp_path: Path) -> None:
    """A clean store-level file gives its cells, status ok, and no finding at all."""
    data = read_sales(write(tmp_path / "a.csv", ROWS))
    same(data.panel, CLEAN)
    assert (data.shape, data.report.status, data.report.findings) == ("store", "ok", ())
    assert (data.report.rows, data.report.series) == (600, 5)
    assert (str(data.report.first_week), str(data.report.last_week)) == ("2010-02-05", "2012-05-18")
    assert data.report.sales_total == pytest.approx(sum(float(r[2]) for r in ROWS))
    assert data.future.empty


@pytest.mark.parametrize("arrange", ["by store", "by date", "newest first", "shuffled"])
def test_all_swappable_dates_swapped(tmp_path: Path, arrange: str) -> None:
    """Day and month exchanged in every date up to the 12th: the grid gives them back in any order of rows."""
    rows = change(ROWS, range(600), 1, swapped)
    rows = {"by store": rows, "by date": by_date(rows), "newest first": rows[::-1]}.get(
        arrange
    ) or random.Random(4).sample(rows, 600)
    data = read_sales(write(tmp_path / "a.csv", rows))
    same(data.panel, CLEAN)
    assert data.report.status == "repaired"
    truly = sum(swapped(r[1]) != r[1] for r in ROWS)
    assert finding(data.report, "swapped_day_month").count == truly


def test_dates_a_spreadsheet_turned_iso(tmp_path: Path) -> None:
    """Dates up to the 12th stored as real dates with day and month swapped, the others left as text."""
    rows = change(
        ROWS, range(600), 1, lambda t: "-".join([t[6:], *t[:5].split("-")]) if int(t[:2]) <= 12 else t
    )
    same(read_sales(write(tmp_path / "a.csv", rows)).panel, CLEAN)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("count", [1, 12, 80])
def test_some_dates_swapped(tmp_path: Path, seed: int, count: int) -> None:
    """Any number of swapped dates is found, also those that fall on the grid by chance; rows are named."""
    where = random.Random(seed).sample(range(600), count)
    rows = change(ROWS, where, 1, swapped)
    data = read_sales(write(tmp_path / "a.csv", rows))
    same(data.panel, CLEAN)
    truly = sorted(i + 2 for i in where if rows[i][1] != ROWS[i][1])
    found = [f for f in data.report.findings if f.kind == "swapped_day_month"]
    assert [list(f.rows) for f in found] == ([truly] if truly else [])


@pytest.mark.parametrize("step", ["day", "month", "year", "copy"])
@pytest.mark.parametrize("length", [2, 4, 7, 9])
def test_dates_filled_in_by_a_spreadsheet(tmp_path: Path, step: str, length: int) -> None:
    """Dates dragged down by a day, month or year a row, or copied: the weeks missing there come back."""
    start, first = 250, FIRST + 7 * (250 % WEEKS) * DAY
    year, month, day = (int(p) for p in str(first).split("-"))
    rows = [list(row) for row in ROWS]
    for k in range(1, length + 1):
        month_k = (month - 1 + k) % 12 + 1
        year_k = year + (month - 1 + k) // 12
        rows[start + k][1] = {
            "day": dmy(first + k * DAY),
            "month": f"{day:02d}-{month_k:02d}-{year_k}",
            "year": f"{day:02d}-{month:02d}-{year + k}",
            "copy": dmy(first),
        }[step]
    data = read_sales(write(tmp_path / "a.csv", rows))
    same(data.panel, CLEAN)
    kind = "copied_date" if step == "copy" else "drag_filled"
    assert finding(data.report, kind).rows == tuple(range(start + 3, start + 3 + length))


def test_dates_filled_in_across_stores(tmp_path: Path) -> None:
    """In a file sorted by week, dates dragged down over several stores come back."""
    rows = by_date([list(row) for row in ROWS])
    first = FIRST + 7 * 40 * DAY
    for k in range(1, 13):
        rows[200 + k][1] = dmy(first + k * DAY)
    same(read_sales(write(tmp_path / "a.csv", rows)).panel, CLEAN)


@pytest.mark.parametrize("seed", range(5))
def test_blank_and_impossible_dates(tmp_path: Path, seed: int) -> None:
    """A blank date, 31 February and a mistyped day are given the one week missing at their place."""
    where = random.Random(seed).sample(range(600), 15)
    rows = change(ROWS, where[:6], 1, lambda _: "")
    rows = change(rows, where[6:10], 1, lambda _: "31-02-2011")
    for i in where[10:]:
        rows[i][1] = dmy(FIRST + (7 * (i % WEEKS) + 3) * DAY)
    data = read_sales(write(tmp_path / "a.csv", rows))
    same(data.panel, CLEAN)
    assert finding(data.report, "blank_date").rows == tuple(sorted(i + 2 for i in where[:6]))
    assert finding(data.report, "unreadable_date").rows == tuple(sorted(i + 2 for i in where[6:10]))


@pytest.mark.parametrize("place", ["at the end", "beside"])
def test_repeated_rows(tmp_path: Path, place: str) -> None:
    """Rows that repeat another one in everything are dropped and named."""
    where = [5, 77, 300]
    rows = [list(row) for row in ROWS]
    if place == "at the end":
        rows += [rows[i] for i in where]
        lines = (602, 603, 604)
    else:
        for i in reversed(where):
            rows.insert(i, rows[i])
        lines = (8, 81, 305)
    data = read_sales(write(tmp_path / "a.csv", rows))
    same(data.panel, CLEAN)
    assert finding(data.report, "duplicate_row").rows == lines


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("how", ["lost", "times 100"])
def test_lost_decimal_points(tmp_path: Path, seed: int, how: str) -> None:
    """Sales a hundred times too high are put back to the cent, those of a holiday season too."""
    where = [*random.Random(seed).sample(range(600), 25), 46, 98]
    rows = change(ROWS, where, 2, lambda t: t.replace(".", "") if how == "lost" else repr(float(t) * 100))
    data = read_sales(write(tmp_path / "a.csv", rows))
    same(data.panel, CLEAN)
    assert finding(data.report, "lost_decimal_point").rows == tuple(sorted({i + 2 for i in where}))
    assert data.report.status == "repaired"


@pytest.mark.parametrize("column", [4, 5, 6, 7])
def test_lost_decimal_points_of_other_columns(tmp_path: Path, column: int) -> None:
    """Temperature, fuel price, CPI and unemployment get their decimal points back as well."""
    where = [i for i in random.Random(column).sample(range(600), 12) if float(ROWS[i][column]) > 1]
    data = read_sales(write(tmp_path / "a.csv", change(ROWS, where, column, lambda t: t.replace(".", ""))))
    same(data.panel, CLEAN)


def test_a_spike_that_may_be_true_is_kept(tmp_path: Path) -> None:
    """A number with its cents in place is never changed; ten times its neighbours, it is warned of."""
    rows = change(ROWS, [100], 2, lambda t: f"{float(t) * 10 + 0.13:.2f}")
    data = read_sales(write(tmp_path / "a.csv", rows))
    same(data.panel, expected(rows))
    assert [(f.severity, f.kind, f.row) for f in data.report.findings] == [
        ("warned", "suspicious_spike", 102)
    ]


def test_a_yearly_season_is_no_lost_decimal_point(tmp_path: Path) -> None:
    """Weeks of twelve times the level that come back every year are left alone, whole numbers or not."""
    where = [i for i in range(600) if i % WEEKS % 52 == 30]
    rows = change(ROWS, where, 2, lambda t: f"{float(t) * 12:.2f}")
    rows = change(rows, where[:1], 2, lambda t: t.split(".")[0])
    data = read_sales(write(tmp_path / "a.csv", rows))
    same(data.panel, expected(rows))
    assert data.report.status == "ok"


def test_several_damages_at_once(tmp_path: Path) -> None:
    """Swapped and blank dates, lost points and repeated rows in one file are all undone."""
    rng = random.Random(11)
    rows = change(ROWS, rng.sample(range(600), 40), 1, swapped)
    rows = change(rows, rng.sample(range(600), 6), 1, lambda _: "")
    rows = change(rows, rng.sample(range(600), 10), 2, lambda t: t.replace(".", ""))
    rows += [row for row in rng.sample(rows, 5) if row[1]]
    data = read_sales(write(tmp_path / "a.csv", rows))
    same(data.panel, CLEAN)
    assert data.report.status == "repaired"


def test_totals_and_empty_rows_are_left_out(tmp_path: Path) -> None:
    """A line of totals is left out and told; lines of delimiters alone are nothing."""
    rows = [*ROWS[:200], [""] * 8, *ROWS[200:], ["Grand Total", "", "123456.78", "", "", "", "", ""]]
    data = read_sales(write(tmp_path / "a.csv", rows))
    same(data.panel, CLEAN)
    assert finding(data.report, "total_row").rows == (603,)


def test_blank_sales_are_missing_weeks(tmp_path: Path) -> None:
    """A row without sales is a missing week, never zero, and is warned of."""
    rows = change(ROWS, [10, 400], 2, lambda _: "NA")
    data = read_sales(write(tmp_path / "a.csv", rows))
    same(data.panel, expected([r for i, r in enumerate(ROWS) if i not in (10, 400)]))
    assert (data.report.status, finding(data.report, "blank_sales").rows) == ("warned", (12, 402))
    assert finding(data.report, "missing_weeks").count == 2


def test_rows_after_the_last_sale_are_the_future(tmp_path: Path) -> None:
    """Rows without sales after the last sale of all become known future rows, without ``y``."""
    ahead = [
        [str(s), dmy(FIRST + 7 * (WEEKS + k) * DAY), "", "1", "50.5", "3.1", "210.1", "7.1"]
        for s in (1, 2)
        for k in (0, 1)
    ]
    data = read_sales(write(tmp_path / "a.csv", ROWS + ahead))
    same(data.panel, CLEAN)
    assert data.report.status == "ok"
    assert data.future["unique_id"].tolist() == ["1", "1", "2", "2"]
    assert "y" not in data.future
    assert data.future["is_holiday"].all()
    assert data.future["ds"].max() == FIRST + 7 * (WEEKS + 1) * DAY


def test_blank_holiday_flags(tmp_path: Path) -> None:
    """A blank flag is taken from the other stores of that week; no other store: no holiday, and a warning."""
    data = read_sales(write(tmp_path / "a.csv", change(ROWS, [1, 200], 3, lambda _: "")))
    same(data.panel, CLEAN)
    assert data.report.status == "repaired"
    alone = read_sales(write(tmp_path / "b.csv", change(ROWS[:WEEKS], [1], 3, lambda _: "")))
    assert not alone.panel["is_holiday"][1]
    assert alone.report.status == "warned"


def test_returns_and_short_series_are_told(tmp_path: Path) -> None:
    """Negative sales and series of a few weeks are legal, counted and named."""
    rows = change(ROWS[:500], [3, 4], 2, lambda t: "-" + t)
    data = read_sales(write(tmp_path / "a.csv", rows))
    same(data.panel, expected(rows))
    assert data.report.status == "ok"
    assert finding(data.report, "negative_sales").rows == (5, 6)
    assert finding(data.report, "short_series").examples == ("5",)


def test_sales_in_millions_are_warned_of(tmp_path: Path) -> None:
    """A unit so large that cents are coarse is named, its values kept; slow items in whole pieces are no such
    unit."""

    def scaled(by: float, places: int) -> list[list[str]]:
        return change(ROWS, range(len(ROWS)), 2, lambda text: f"{float(text) * by:.{places}f}")

    largest = max(float(row[2]) for row in ROWS)
    millions = read_sales(write(tmp_path / "a.csv", scaled(2.0 / largest, 6)))
    assert finding(millions.report, "large_unit").column == "Weekly_Sales"
    assert millions.report.status == "warned"
    assert 0 < millions.panel["y"].max() <= 2.0
    pieces = read_sales(write(tmp_path / "b.csv", scaled(4.0 / largest, 0)))
    assert not [f for f in pieces.report.findings if f.kind == "large_unit"]
