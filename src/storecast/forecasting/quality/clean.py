"""From the rows of a file, parsed but not yet trusted, to a clean panel and what was found on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast.forecasting.panel import DEPT, DS, IS_HOLIDAY, STORE, UNIQUE_ID, Y
from storecast.forecasting.quality.coverage import coverage_findings
from storecast.forecasting.quality.decimals import lost_decimals
from storecast.forecasting.quality.duplicates import conflict_findings, find_duplicates
from storecast.forecasting.quality.findings import Finding
from storecast.forecasting.quality.grid import DatedRows, settle_dates
from storecast.forecasting.quality.readings import UNKNOWN, DateReadings, as_days, decide_order

__all__ = ["Cleaned", "SalesRows", "clean_rows"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]

_ABSURD = 1e15  # beyond it a float no longer holds cents
_NO_DATA_WEEKS = 104  # an empty stretch of so many weeks in the whole panel: a mistyped year
_DECIMALS = (Y, "temperature", "fuel_price", "cpi", "unemployment")


@dataclass(frozen=True)
class SalesRows:
    """The n rows of a file as parsed: numbers are numbers, dates still have several readings.

    ``lines`` (n,) file lines; ``series`` (n,) codes into ``names`` (N,), which are sorted; ``columns``: name
    of the panel -> (n,) float, NaN = not given (``y`` may be absent: then nothing but dates is checked;
    ``is_holiday`` 0 or 1; ``type``: codes into ``labels``); ``attributes``: ``store``, ``dept`` -> (N,) text;
    ``spelled``: name of the panel -> column as the file spells it.
    """

    file: str
    lines: Int
    series: Int
    names: NDArray[np.str_]
    dates: DateReadings
    columns: Mapping[str, Float]
    labels: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    attributes: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    spelled: Mapping[str, str] = field(default_factory=dict)

    def take(self, keep: NDArray[np.generic]) -> SalesRows:
        """The rows of a mask or index."""
        d = self.dates
        dates = DateReadings(
            d.codes[keep], d.texts, d.day_first, d.month_first, d.swapped, d.fixed, d.forms, d.blank
        )
        return SalesRows(
            self.file,
            self.lines[keep],
            self.series[keep],
            self.names,
            dates,
            {k: v[keep] for k, v in self.columns.items()},
            self.labels,
            self.attributes,
            self.spelled,
        )


@dataclass(frozen=True)
class Cleaned:
    """``panel`` and ``future`` (without ``y``) sorted by series and week; both empty where refused."""

    panel: pd.DataFrame
    future: pd.DataFrame
    findings: list[Finding]

    @property
    def refused(self) -> bool:
        """Whether some finding refuses the data."""
        return any(f.severity == "refused" for f in self.findings)


def _value_findings(rows: SalesRows) -> list[Finding]:
    out = []
    for name, values in rows.columns.items():
        bad = np.isinf(values) | (np.abs(values) > _ABSURD)
        if bad.any():
            lines = rows.lines[bad]
            out.append(
                Finding.at(
                    "refused",
                    "absurd_value",
                    lines,
                    rows.spelled.get(name, name),
                    f"Infinite or absurd values in {rows.spelled.get(name, name)}: {{rows}}.",
                    "write the right number, or leave the cell empty where it is not known",
                    file=rows.file,
                    examples=[f"row {n}: {v:g}" for n, v in zip(lines[:5], values[bad][:5], strict=True)],
                    expected=f"finite numbers below {_ABSURD:g}",
                    found=f"{values[bad][0]:g}",
                )
            )
    return out


def _drop_repeated(rows: SalesRows, key: Int, findings: list[Finding]) -> SalesRows:
    """Without the rows that repeat another one in everything."""
    judged = key != UNKNOWN
    repeated, first = find_duplicates(
        rows.series, np.where(judged, key, -np.arange(len(key)) - 1), rows.columns
    )
    if not repeated.any():
        return rows
    lines = rows.lines[repeated]
    examples = [
        f"row {b} repeats row {a}" for a, b in zip(rows.lines[first[repeated]][:5], lines[:5], strict=True)
    ]
    findings.append(
        Finding.at(
            "repaired",
            "duplicate_row",
            lines,
            None,
            f"{len(lines):,} rows repeated another one in everything and were dropped: {{rows}}.",
            "delete them from the file",
            file=rows.file,
            examples=examples,
        )
    )
    return rows.take(~repeated)


def _stray_years(rows: SalesRows, days: Int) -> list[Finding]:
    """Rows years away from all the others: a mistyped year."""
    weeks = np.unique(days)
    gaps = np.diff(weeks)
    if not len(gaps) or gaps.max() <= 7 * _NO_DATA_WEEKS:
        return []
    edge = weeks[int(gaps.argmax())]
    side = days <= edge
    stray = side if side.sum() * 2 < len(days) else ~side
    return [
        Finding.at(
            "refused",
            "stray_date",
            rows.lines[stray],
            rows.spelled.get(DS),
            f"Dates lie {int(gaps.max()) // 364} years away from all the others: {{rows}}.",
            "correct the year in these rows",
            file=rows.file,
            expected=f"dates within {_NO_DATA_WEEKS} weeks of others",
            found=f"{as_days(days[stray][:1])[0]} in row {rows.lines[stray][0]}",
        )
    ]


def _repair_decimals(rows: SalesRows, days: Int, findings: list[Finding]) -> SalesRows:
    """Sorted rows with lost decimal points put back."""
    columns = dict(rows.columns)
    for name in _DECIMALS:
        if name not in columns:
            continue
        spelled, values = rows.spelled.get(name, name), columns[name]
        found = lost_decimals(rows.series, days, values)
        if len(found.rows):
            fixed = values.copy()
            fixed[found.rows] = values[found.rows] / 10.0**found.power
            lines = rows.lines[found.rows]
            examples = [
                f"row {n}: {values[i]:.0f} read as {fixed[i]}"
                for n, i in zip(lines[:5], found.rows, strict=False)
            ]
            columns[name] = fixed
            findings.append(
                Finding.at(
                    "repaired",
                    "lost_decimal_point",
                    lines,
                    spelled,
                    f"{len(lines):,} values of {spelled} had lost"
                    " their decimal point ({rows}); put back where one place alone fits the weeks around.",
                    "correct the values in the file",
                    file=rows.file,
                    examples=examples,
                )
            )
        if len(found.suspects):
            lines = rows.lines[found.suspects]
            findings.append(
                Finding.at(
                    "warned",
                    "suspicious_spike",
                    lines,
                    spelled,
                    f"{len(lines):,} values of {spelled} are ten or more"
                    " times those around, as if a decimal point were lost ({rows}); kept as they are.",
                    "check these values in the file",
                    file=rows.file,
                    examples=[
                        f"row {n}: {values[i]:g}" for n, i in zip(lines[:5], found.suspects, strict=False)
                    ],
                )
            )
    return SalesRows(
        rows.file,
        rows.lines,
        rows.series,
        rows.names,
        rows.dates,
        columns,
        rows.labels,
        rows.attributes,
        rows.spelled,
    )


def _fill_flags(rows: SalesRows, days: Int, findings: list[Finding]) -> Float:
    """The holiday flag without gaps: a flag belongs to a week, so other rows of that week know it."""
    flag = rows.columns[IS_HOLIDAY]
    gaps = np.isnan(flag)
    week, at = np.unique(days, return_inverse=True)
    given = np.bincount(at[~gaps], minlength=len(week))
    yes = np.bincount(at[~gaps], weights=flag[~gaps], minlength=len(week))
    column = rows.spelled.get(IS_HOLIDAY, IS_HOLIDAY)
    mixed = (yes > 0) & (yes < given)
    if mixed.any():
        findings.append(
            Finding.at(
                "warned",
                "holiday_flags_differ",
                [],
                column,
                f"{int(mixed.sum())} weeks are a holiday in some rows"
                f" and not in others, first {as_days(week[mixed][:1])[0]}; each row keeps its own.",
                "give every row of a week the same flag",
                file=rows.file,
            )
        )
    if not gaps.any():
        return flag
    known = (given > 0) & ~mixed
    filled = np.where(gaps, np.where(known[at], yes[at] > 0, 0.0), flag)
    lost = gaps & ~known[at]
    if (gaps & ~lost).any():
        findings.append(
            Finding.at(
                "repaired",
                "blank_holiday_flag",
                rows.lines[gaps & ~lost],
                column,
                "Blank holiday flags ({rows}) were taken from the other rows of the week.",
                "fill in the flags",
                file=rows.file,
            )
        )
    if lost.any():
        findings.append(
            Finding.at(
                "warned",
                "blank_holiday_flag",
                rows.lines[lost],
                column,
                "Blank holiday flags that no other row of the week tells ({rows}); taken as no holiday.",
                "fill in the flags",
                file=rows.file,
            )
        )
    return filled


def _frame(rows: SalesRows, days: Int, keep: NDArray[np.bool_]) -> pd.DataFrame:
    """The long frame of the sorted rows in ``keep``."""
    series = rows.series[keep]
    # UNIQUE_ID stands first, as in the docstring of ``panel``.
    data: dict[str, object] = {
        UNIQUE_ID: pd.Series(rows.names.tolist(), dtype="str").take(series).array,
        DS: as_days(days[keep]).astype("datetime64[ns]"),
    }
    for name, values in rows.columns.items():
        column = values[keep]
        if name in rows.labels:
            words = pd.Series([*rows.labels[name].tolist(), ""], dtype="str")
            data[name] = words.take(np.where(np.isnan(column), len(words) - 1, column).astype(np.int64)).array
        else:
            data[name] = column.astype(bool) if name == IS_HOLIDAY else column
        if name == Y:
            for key in (STORE, DEPT):
                if key in rows.attributes:
                    data[key] = pd.Series(rows.attributes[key].tolist(), dtype="str").take(series).array
    return pd.DataFrame(data)


def clean_rows(rows: SalesRows, *, dayfirst: bool | None = None) -> Cleaned:
    """Settle the dates, drop and repair what one reading alone explains, and report all the rest.

    Nothing is filled: a missing week stays missing. Rows without sales after the last sale of all are the
    known future. Where a finding refuses the data, both frames are empty.
    """
    findings = _value_findings(rows)
    nothing = pd.DataFrame()
    date = rows.spelled.get(DS)
    key = np.where(rows.dates.blank, UNKNOWN, np.arange(len(rows.dates.texts)))[rows.dates.codes]
    rows = _drop_repeated(rows, key, findings)
    order = decide_order(rows.dates, dayfirst, date)
    if isinstance(order, Finding):
        return Cleaned(nothing, nothing, [*findings, order])
    dated = DatedRows(rows.file, date, rows.lines, rows.series, rows.names, rows.dates)
    days, found = settle_dates(dated, order)
    findings += found
    if any(f.severity == "refused" for f in findings):
        return Cleaned(nothing, nothing, findings)
    if ((np.diff(rows.series) < 0) | ((np.diff(rows.series) == 0) & (np.diff(days) < 0))).any():
        rank = np.lexsort((days, rows.series))
        rows, days = rows.take(rank), days[rank]
    before = rows
    rows = _drop_repeated(rows, days, findings)
    if rows is not before:
        days = days[~find_duplicates(before.series, days, before.columns)[0]]
    y = rows.columns[Y]
    _, first = find_duplicates(rows.series, days, {})
    findings += conflict_findings(rows.file, date, rows.lines, rows.names, rows.series, days, y, first)
    findings += _stray_years(rows, days)
    if any(f.severity == "refused" for f in findings):
        return Cleaned(nothing, nothing, findings)
    rows = _repair_decimals(rows, days, findings)
    if IS_HOLIDAY in rows.columns:
        flags = _fill_flags(rows, days, findings)
        rows = SalesRows(
            rows.file,
            rows.lines,
            rows.series,
            rows.names,
            rows.dates,
            {**rows.columns, IS_HOLIDAY: flags},
            rows.labels,
            rows.attributes,
            rows.spelled,
        )
    sold = ~np.isnan(rows.columns[Y])
    last = days[sold].max() if sold.any() else UNKNOWN
    ahead = ~sold & (days > last) & bool(sold.any())
    findings += coverage_findings(
        rows.file, rows.spelled.get(Y), rows.lines, rows.names, rows.series, days, rows.columns[Y], ahead
    )
    if any(f.severity == "refused" for f in findings):
        return Cleaned(nothing, nothing, findings)
    future = _frame(rows, days, ahead)
    return Cleaned(_frame(rows, days, sold), future.drop(columns=Y), findings)
