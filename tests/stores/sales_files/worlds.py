"""A small clean world of weekly sales, and ways to write it down as people do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

HEADER = ("Store", "Date", "Weekly_Sales", "Holiday_Flag", "Temperature", "Fuel_Price", "CPI", "Unemployment")
FIRST = np.datetime64("2010-02-05")  # a Friday
DAY = np.timedelta64(1, "D")


def dmy(day: np.datetime64) -> str:
    year, month, date = str(day).split("-")
    return f"{date}-{month}-{year}"


def swapped(text: str) -> str:
    """What a spreadsheet makes of a DD-MM-YYYY date: days up to the 12th change places with the month."""
    day, month, year = text.split("-")
    return f"{month}-{day}-{year}" if int(day) <= 12 else text


def cells(stores: int = 5, weeks: int = 120, seed: int = 3) -> list[list[str]]:
    """Rows of a store-level file (columns of ``HEADER``), sorted by store and week; all sales have cents."""
    rng = np.random.default_rng(seed)
    rows = []
    for store in range(1, stores + 1):
        level = rng.uniform(2e5, 2e6)
        for week in range(weeks):
            season = 1 + 0.1 * np.sin(2 * np.pi * week / 52) + 0.8 * (week % 52 == 46)
            sales = round(level * season * float(rng.lognormal(0, 0.05))) + int(rng.integers(1, 100)) / 100
            warmth = 60 + 25 * np.sin(2 * np.pi * (week - 10) / 52) + 0.01 * store
            numbers = (f"{warmth:.2f}", f"{3 + week / 200:.3f}", f"{200 + week / 50 + store / 1000:.5f}")
            holiday = str(int(week % 52 in (1, 31, 42, 47)))
            day = dmy(FIRST + 7 * week * DAY)
            rows.append([str(store), day, f"{sales:.2f}", holiday, *numbers, f"{8.001 - week / 100:.3f}"])
    return rows


def expected(rows: Iterable[list[str]]) -> pd.DataFrame:
    """The clean panel of store-level ``rows``, built cell by cell."""
    table = sorted((r[0], pd.Timestamp("-".join(reversed(r[1].split("-")))), r) for r in rows)
    return pd.DataFrame(
        {
            "unique_id": pd.Series([t[0] for t in table], dtype="str"),
            "ds": pd.Series([t[1] for t in table]).astype("datetime64[ns]"),
            "y": [float(t[2][2]) for t in table],
            "store": pd.Series([t[0] for t in table], dtype="str"),
            "temperature": [float(t[2][4]) for t in table],
            "fuel_price": [float(t[2][5]) for t in table],
            "cpi": [float(t[2][6]) for t in table],
            "unemployment": [float(t[2][7]) for t in table],
            "is_holiday": [t[2][3] == "1" for t in table],
        }
    )


def write(
    path: Path, rows: Iterable[Iterable[str]], header: Iterable[str] = HEADER, delimiter: str = ","
) -> Path:
    path.write_text("\n".join(delimiter.join(row) for row in [header, *rows]) + "\n", encoding="utf-8")
    return path


def same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Both panels hold the same columns (in any order) and values, to the bit."""
    assert sorted(found.columns) == sorted(wanted.columns)
    pd.testing.assert_frame_equal(found[list(wanted.columns)], wanted, check_exact=True)


def change(
    rows: list[list[str]], where: Iterable[int], column: int, how: Callable[[str], str]
) -> list[list[str]]:
    """A copy of ``rows`` with ``how`` done to one column of the rows ``where``."""
    out = [list(row) for row in rows]
    for i in where:
        out[i][column] = how(out[i][column])
    return out
