"""The same week twice in a series: dropped where the rows agree in everything, else refused."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.quality.findings import Finding
from storecast.forecasting.quality.readings import as_days

__all__ = ["conflict_findings", "find_duplicates"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

_FINER = 0.2  # share of rows in conflict from which the file is something finer than weeks
_SHOWN = 5


def find_duplicates(series: Int, key: Int, columns: Mapping[str, Float]) -> tuple[Bool, Int]:
    """Rows that repeat an earlier one of the same ``series`` and ``key`` in every column (n,), and for each
    row the first row of its series and key (itself where it is the first).
    """
    n = len(series)
    first = np.arange(n)
    repeated = np.zeros(n, dtype=bool)
    if ((np.diff(series) > 0) | ((np.diff(series) == 0) & (np.diff(key) > 0))).all():
        return repeated, first
    rank = np.lexsort((key, series))
    s, k = series[rank], key[rank]
    new = np.concatenate([[True], (np.diff(s) != 0) | (np.diff(k) != 0)])
    first[rank] = rank[np.maximum.accumulate(np.where(new, np.arange(n), 0))]
    again = np.flatnonzero(first != np.arange(n))
    if len(again):
        origin = first[again]
        same = np.ones(len(again), dtype=bool)
        for values in columns.values():
            a, b = values[again], values[origin]
            same &= (a == b) | (np.isnan(a) & np.isnan(b))
        repeated[again[same]] = True
    return repeated, first


def conflict_findings(
    file: str,
    column: str | None,
    lines: Int,
    names: NDArray[np.str_],
    series: Int,
    days: Int,
    y: Float,
    first: Int,
) -> list[Finding]:
    """Refusals of rows that stand for the same week of a series and differ; ``first`` of find_duplicates."""
    again = np.flatnonzero(first != np.arange(len(first)))
    if not len(again):
        return []
    rows = np.union1d(lines[again], lines[first[again]])
    shown = [
        f"rows {lines[first[i]]} and {lines[i]}: {names[series[i]]}, {as_days(days[i : i + 1])[0]}, "
        f"{y[first[i]]:,.2f} and {y[i]:,.2f}"
        for i in again[:_SHOWN]
    ]
    if len(again) > _FINER * len(first):
        return [
            Finding.at(
                "refused",
                "several_rows_per_week",
                rows,
                column,
                "Most weeks of a series have several rows that differ: these look like sales by department,"
                " item or transaction.",
                "sum the sales to one row a series and week, or add the column that tells the"
                " series apart (Dept, or unique_id)",
                file=file,
                examples=shown,
                expected="one row a series and week",
                found=shown[0],
            )
        ]
    return [
        Finding.at(
            "refused",
            "conflicting_duplicate",
            rows,
            column,
            "The same series and week stands in several rows that differ: {rows}.",
            "delete the wrong rows",
            file=file,
            examples=shown,
            expected="one row a series and week",
            found="; ".join(shown),
        )
    ]
