"""Events of single series (closures, promotions) and holiday calendars, read from small files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from storecast.forecasting.quality import UNKNOWN, DateReadings, Finding, SalesRefusedError, refuse
from storecast.stores.sales_files.containers import is_workbook, open_files
from storecast.stores.sales_files.dates import parse_dates
from storecast.stores.sales_files.numbers import as_text
from storecast.stores.sales_files.sheets import read_workbook
from storecast.stores.sales_files.tables import Table, read_csv, read_parquet

__all__ = ["EVENT_KINDS", "read_calendar", "read_events"]

EVENT_KINDS = ("closure", "opening", "promotion", "holiday")

_EVENT_COLUMNS = {
    "series": ("series", "uniqueid", "store", "seriesid"),
    "block": ("block", "dept", "department"),
    "first_week": ("firstweek", "first", "from", "start", "startdate", "firstdate"),
    "last_week": ("lastweek", "last", "to", "until", "end", "enddate", "lastdate"),
    "kind": ("kind", "type", "event"),
}
_CALENDAR_COLUMNS = {"name": ("name", "holiday", "event"), "date": ("date", "ds", "day")}


def _table(path: str | Path) -> Table:
    raw = open_files(Path(path))[0]
    if raw.content.startswith(b"PAR1"):
        return read_parquet([raw])
    return read_workbook(raw) if is_workbook(raw.content) else read_csv(raw)


def _columns(table: Table, wanted: Mapping[str, tuple[str, ...]], needed: Sequence[str]) -> dict[str, int]:
    """Position of each wanted column that is there; refused where a needed one is missing."""
    keys = [re.sub(r"[\W_]", "", cell).casefold() for cell in table.header]
    at = {
        name: keys.index(next(s for s in spellings if s in keys))
        for name, spellings in wanted.items()
        if any(s in keys for s in spellings)
    }
    if missing := [name for name in needed if name not in at]:
        raise refuse(
            "missing_column",
            f"{table.file} has no column {' and no column '.join(missing)}.",
            f"name the columns {', '.join(wanted)}",
            file=table.file,
            rows=[table.header_line],
            expected=", ".join(needed),
            found=", ".join(table.header),
        )
    return at


def _dates(
    table: Table, at: dict[str, int], names: Sequence[str], dayfirst: bool | None
) -> list[np.ndarray[Any, Any]]:
    """The date columns ``names`` as days (n,), NaT where blank; one order for all."""
    read: list[DateReadings] = [
        parse_dates(table.file, table.header[at[n]], table.columns[at[n]]) for n in names
    ]
    if dayfirst is None:
        only_day = any(
            bool((~r.fixed & (r.day_first != UNKNOWN) & (r.month_first == UNKNOWN)).any()) for r in read
        )
        only_month = any(
            bool((~r.fixed & (r.day_first == UNKNOWN) & (r.month_first != UNKNOWN)).any()) for r in read
        )
        both = any(bool((~r.fixed & (r.day_first != r.month_first)).any()) for r in read)
        if both and only_day == only_month:
            raise refuse(
                "ambiguous_date_order",
                f"The order of day and month cannot be told from the dates in {table.file}.",
                "write them as YYYY-MM-DD",
                file=table.file,
                expected="one order of day and month for the whole file",
                found="both orders" if only_day else "dates that may be either",
            )
        dayfirst = only_day
    out = []
    for name, readings in zip(names, read, strict=True):
        days = (readings.day_first if dayfirst else readings.month_first)[readings.codes]
        wrong = (days == UNKNOWN) & ~readings.blank[readings.codes]
        if wrong.any():
            texts = [readings.texts[c] for c in readings.codes[wrong][:5]]
            raise refuse(
                "unreadable_date",
                f"{table.header[at[name]]} holds what is no date: {{rows}}.",
                "write dates as YYYY-MM-DD",
                file=table.file,
                rows=table.lines[wrong].tolist(),
                column=table.header[at[name]],
                expected="a date",
                found=", ".join(texts),
            )
        out.append(days.astype("datetime64[D]"))
    return out


def _refuse_rows(
    table: Table, wrong: np.ndarray[Any, Any], kind: str, column: str, what: str, remedy: str
) -> None:
    if wrong.any():
        raise SalesRefusedError(
            [Finding.at("refused", kind, table.lines[wrong].tolist(), column, what, remedy, file=table.file)]
        )


def _words(table: Table, at: dict[str, int], name: str) -> pd.Series:
    if name not in at:
        return pd.Series([""] * len(table.lines), dtype="str")
    texts = [re.sub(r"^(\d+)\.0+$", r"\1", str(t)) for t in as_text(table.columns[at[name]]).to_pylist()]
    return pd.Series(texts, dtype="str")


def read_events(path: str | Path, *, dayfirst: bool | None = None) -> pd.DataFrame:
    """Events, one row each: ``series``, ``block`` (text, "" = all), ``first_week``, ``last_week``, ``kind``.

    A row names a series (``unique_id``) or a block (a department), or neither for all. Weeks are dates in
    them, datetime64[ns]; a blank last week is NaT: to the end. ``kind`` is one of ``EVENT_KINDS``. Raises
    ``SalesRefusedError`` (a ``DataError``) naming row and column.
    """
    table = _table(path)
    at = _columns(table, _EVENT_COLUMNS, ("first_week", "kind"))
    names = [n for n in ("first_week", "last_week") if n in at]
    days = dict(zip(names, _dates(table, at, names, dayfirst), strict=True))
    kinds = _words(table, at, "kind").str.lower()
    first = days["first_week"]
    last = days.get("last_week", np.full(len(first), np.datetime64("NaT", "D")))
    column = table.header[at["kind"]]
    _refuse_rows(
        table,
        ~kinds.isin(EVENT_KINDS).to_numpy(),
        "unknown_kind",
        column,
        f"Events of an unknown kind: {{rows}} ({', '.join(kinds[~kinds.isin(EVENT_KINDS)].unique()[:3])}).",
        f"use one of {', '.join(EVENT_KINDS)}",
    )
    column = table.header[at["first_week"]]
    _refuse_rows(
        table, np.isnat(first), "blank_date", column, "Events have no first week: {rows}.", "fill it in"
    )
    _refuse_rows(
        table,
        last < first,  # NaT compares as False
        "reversed_weeks",
        column,
        "Events end before they begin: {rows}.",
        "exchange the first and the last week",
    )
    return pd.DataFrame(
        {
            "series": _words(table, at, "series"),
            "block": _words(table, at, "block"),
            "first_week": first.astype("datetime64[ns]"),
            "last_week": last.astype("datetime64[ns]"),
            "kind": kinds,
        }
    )


def read_calendar(path: str | Path, *, dayfirst: bool | None = None) -> pd.DataFrame:
    """Holidays, one row a holiday and year, sorted: ``name`` (text) and ``date`` (datetime64[ns]).

    Raises ``SalesRefusedError`` (a ``DataError``) for blank or unreadable names and dates.
    """
    table = _table(path)
    at = _columns(table, _CALENDAR_COLUMNS, ("name", "date"))
    (days,) = _dates(table, at, ["date"], dayfirst)
    names = _words(table, at, "name")
    _refuse_rows(table, np.isnat(days), "blank_date", "date", "Holidays have no date: {rows}.", "fill it in")
    _refuse_rows(
        table, (names == "").to_numpy(), "blank_key", "name", "Holidays have no name: {rows}.", "fill it in"
    )
    frame = pd.DataFrame({"name": names, "date": days.astype("datetime64[ns]")})
    return frame.drop_duplicates().sort_values(["date", "name"], ignore_index=True)
