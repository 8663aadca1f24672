"""From the rows of a file, parsed but not yet trusted, to a clean panel and what was found on the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast.forecasting.panel import DS, IS_HOLIDAY, Y
from storecast.forecasting.quality.coverage import coverage_findings
from storecast.forecasting.quality.decimals import repair_decimals
from storecast.forecasting.quality.duplicates import conflict_findings, find_duplicates
from storecast.forecasting.quality.evidence import DatedRows
from storecast.forecasting.quality.findings import Finding, counted
from storecast.forecasting.quality.flags import fill_flags
from storecast.forecasting.quality.grid import settle_dates
from storecast.forecasting.quality.readings import UNKNOWN, as_days, decide_order
from storecast.forecasting.quality.rows import SalesRows, to_frame

__all__ = ["Cleaned", "clean_rows"]

Int = NDArray[np.int64]

_ABSURD = 1e15  # beyond it a float no longer holds cents
_NO_DATA_WEEKS = 104  # an empty stretch of so many weeks in the whole panel: a mistyped year


@dataclass(frozen=True)
class Cleaned:
    """``panel`` and ``future`` (without ``y``) sorted by series and week; both empty where refused."""

    findings: list[Finding]
    panel: pd.DataFrame = field(default_factory=pd.DataFrame)
    future: pd.DataFrame = field(default_factory=pd.DataFrame)

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


def _drop_repeated(rows: SalesRows, key: Int, findings: list[Finding]) -> NDArray[np.bool_]:
    """The rows to keep: all but those that repeat another of their series and ``key`` in everything."""
    repeated, first = find_duplicates(rows.series, key, rows.columns)
    if repeated.any():
        lines, origin = rows.lines[repeated], rows.lines[first[repeated]]
        findings.append(
            Finding.at(
                "repaired",
                "duplicate_row",
                lines,
                None,
                f"{counted(len(lines), 'row')} repeated another one in everything and dropped: {{rows}}.",
                "delete them from the file",
                file=rows.file,
                examples=[f"row {b} repeats row {a}" for a, b in zip(origin[:5], lines[:5], strict=True)],
            )
        )
    return ~repeated


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


def _one_date(rows: SalesRows, least_weeks: int) -> list[Finding]:
    """A refusal where all rows have one and the same date, or none, and more weeks are asked for."""
    given = rows.dates.codes[~rows.dates.blank[rows.dates.codes]]
    if len(given) and (least_weeks < 2 or (given != given[0]).any()):
        return []
    what = (
        f"All rows have the same date, {rows.dates.texts[given[0]]}." if len(given) else "No row has a date."
    )
    return [
        Finding.at(
            "refused",
            "too_short",
            rows.lines[:1],
            rows.spelled.get(DS),
            what,
            "give at least two weeks; good forecasts need two years",
            file=rows.file,
            expected="two weeks or more",
            found=counted(len(rows.lines), "row"),
        )
    ]


def _settle(
    rows: SalesRows, dayfirst: bool | None, least_weeks: int, findings: list[Finding]
) -> tuple[SalesRows, Int]:
    """Rows sorted by series and week, repeated ones dropped, and the days of their weeks."""
    blank = rows.dates.blank[rows.dates.codes]
    # A blank date repeats nothing: every such row gets a key of its own.
    rows = rows.take(
        _drop_repeated(rows, np.where(blank, -np.arange(len(blank)) - 1, rows.dates.codes), findings)
    )
    if too_short := _one_date(rows, least_weeks):
        findings += too_short
        return rows, np.zeros(len(rows.lines), dtype=np.int64)
    column = rows.spelled.get(DS)
    order = decide_order(rows.dates, dayfirst, rows.lines, column)
    if isinstance(order, Finding):
        findings.append(order)
        return rows, np.zeros(len(rows.lines), dtype=np.int64)
    days, found = settle_dates(
        DatedRows(rows.file, column, rows.lines, rows.series, rows.names, rows.dates), order
    )
    findings += found
    if ((np.diff(rows.series) < 0) | ((np.diff(rows.series) == 0) & (np.diff(days) < 0))).any():
        rank = np.lexsort((days, rows.series))
        rows, days = rows.take(rank), days[rank]
    if any(f.severity == "refused" for f in findings):
        return rows, days
    keep = _drop_repeated(rows, days, findings)
    return rows.take(keep), days[keep]


def clean_rows(rows: SalesRows, *, dayfirst: bool | None = None, least_weeks: int = 2) -> Cleaned:
    """Settle the dates, drop and repair what one reading alone explains, and report all the rest.

    Nothing is filled: a missing week stays missing. Rows without sales after the last sale of all are the
    known future. Where a finding refuses the data, both frames are empty. ``least_weeks``: 1 where the rows
    go on what is known already, such as the new week's.
    """

    def refused() -> bool:
        return any(f.severity == "refused" for f in findings)

    findings = _value_findings(rows)
    rows, days = _settle(rows, dayfirst, least_weeks, findings)
    if refused():
        return Cleaned(findings)
    y, column = rows.columns[Y], rows.spelled.get(DS)
    _, first = find_duplicates(rows.series, days, {})
    findings += conflict_findings(rows.file, column, rows.lines, rows.names, rows.series, days, y, first)
    findings += _stray_years(rows, days)
    if refused():
        return Cleaned(findings)
    rows = repair_decimals(rows, days, findings)
    if IS_HOLIDAY in rows.columns:
        rows = replace(rows, columns={**rows.columns, IS_HOLIDAY: fill_flags(rows, days, findings)})
    y, column = rows.columns[Y], rows.spelled.get(Y)
    sold = ~np.isnan(y)
    ahead = ~sold & (days > (days[sold].max() if sold.any() else UNKNOWN)) & bool(sold.any())
    findings += coverage_findings(
        rows.file, column, rows.lines, rows.names, rows.series, days, y, ahead, least_weeks
    )
    if refused():
        return Cleaned(findings)
    return Cleaned(findings, to_frame(rows, days, sold), to_frame(rows, days, ahead).drop(columns=Y))
