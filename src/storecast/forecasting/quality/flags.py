"""Holiday flags without gaps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.panel import IS_HOLIDAY
from storecast.forecasting.quality.findings import Finding
from storecast.forecasting.quality.readings import as_days
from storecast.forecasting.quality.rows import SalesRows

__all__ = ["fill_flags"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]


def fill_flags(rows: SalesRows, days: Int, findings: list[Finding]) -> Float:
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
