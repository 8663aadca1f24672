"""Which weeks of which series there are, and what that means for forecasts of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.quality.findings import Finding, counted
from storecast.forecasting.quality.readings import as_days

__all__ = ["coverage_findings"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
_YEAR = 52
_COARSE = 5.0  # a usual sale below this loses 0.1 % and more when it is rounded to cents


def _named(names: NDArray[np.str_], which: NDArray[np.bool_]) -> list[str]:
    return [str(name) for name in names[np.flatnonzero(which)[:5]]]


def _listed(names: NDArray[np.str_], which: NDArray[np.bool_]) -> str:
    more = int(which.sum()) - 5
    return ", ".join(_named(names, which)) + (f" and {more:,} more" if more > 0 else "")


def coverage_findings(
    file: str,
    column: str | None,
    lines: Int,
    names: NDArray[np.str_],
    series: Int,
    days: Int,
    y: Float,
    ahead: NDArray[np.bool_],
    least_weeks: int = 2,
) -> list[Finding]:
    """Findings on sorted rows (n,) whose weeks are settled; ``ahead``: known future rows.

    Refused: no sales at all, a series without any, fewer than ``least_weeks``. Warned: weeks without sales,
    sales in a unit so large that cents are coarse.
    Told: gaps, short and constant series, negative sales, future rows.
    """
    out: list[Finding] = []
    blank = np.isnan(y) & ~ahead
    sold = ~np.isnan(y)
    n_sold = np.bincount(series[sold], minlength=len(names))
    n_blank = np.bincount(series[blank], minlength=len(names))
    empty = (n_sold == 0) & (n_blank > 0)
    fill_in = "fill in the sales, or delete the rows of these series"
    if not sold.any() or empty.any():
        what = (
            "No row has sales." if not sold.any() else (f"Series without any sales: {_listed(names, empty)}.")
        )
        where = lines[np.isin(series, np.flatnonzero(empty))]
        return [
            Finding.at(
                "refused",
                "series_without_sales",
                where,
                column,
                what,
                fill_in,
                file=file,
                examples=_named(names, empty),
                expected="sales in some week of every series",
                found="empty cells only",
            )
        ]
    weeks = np.unique(days[sold])
    if len(weeks) < least_weeks:
        return [
            Finding.at(
                "refused",
                "too_short",
                lines[:1],
                column,
                f"There are sales of one week only ({as_days(weeks)[0]}).",
                "give at least two weeks; good forecasts need two years",
                file=file,
                expected="two weeks or more",
                found=f"{len(y)} rows, one week",
            )
        ]
    if blank.any():
        out.append(
            Finding.at(
                "warned",
                "blank_sales",
                lines[blank],
                column,
                f"{counted(int(blank.sum()), 'row')} without sales: {{rows}}; missing, not zero.",
                "fill in the sales, or 0 where nothing was sold",
                file=file,
            )
        )
    if ahead.any():
        out.append(
            Finding.at(
                "info",
                "future_rows",
                lines[ahead],
                column,
                f"{counted(int(ahead.sum()), 'row')} without sales after the last sale: the known future.",
                "",
                file=file,
            )
        )
    s, d, v = series[sold], days[sold], y[sold]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(s) > 0]))
    ends = np.concatenate([starts[1:], [len(s)]])
    owner = s[starts]
    span = (d[ends - 1] - d[starts]) // 7 + 1
    missing = span - (ends - starts)
    if missing.any():
        who = np.zeros(len(names), dtype=bool)
        who[owner[missing > 0]] = True
        out.append(
            Finding(
                "info",
                "missing_weeks",
                None,
                None,
                f"{counted(int(missing.sum()), 'week')} missing within {int((missing > 0).sum()):,} series;"
                " missing is never read as zero.",
                "add rows with 0 where nothing was sold",
                int(missing.sum()),
                tuple(_named(names, who)),
                file=file,
            )
        )
    short = (ends - starts) < _YEAR
    if short.any():
        who = np.zeros(len(names), dtype=bool)
        who[owner[short]] = True
        out.append(
            Finding(
                "info",
                "short_series",
                None,
                None,
                f"{counted(int(short.sum()), 'series', 'series')} of fewer than {_YEAR} weeks.",
                "",
                int(short.sum()),
                tuple(_named(names, who)),
                file=file,
            )
        )
    flat = (np.maximum.reduceat(v, starts) == np.minimum.reduceat(v, starts)) & (ends - starts >= 8)
    if flat.any():
        who = np.zeros(len(names), dtype=bool)
        who[owner[flat]] = True
        out.append(
            Finding(
                "info",
                "constant_series",
                None,
                column,
                f"Series that never change: {_listed(names, who)}.",
                "check that these are sales",
                int(flat.sum()),
                tuple(_named(names, who)),
                file=file,
            )
        )
    if (negative := y < 0).any():
        out.append(
            Finding.at(
                "info",
                "negative_sales",
                lines[negative],
                column,
                f"{counted(int(negative.sum()), 'week')} of negative sales: more returned than sold.",
                "",
                file=file,
            )
        )
    usual = float(np.median(v[v > 0])) if (v > 0).any() else np.inf
    if usual < _COARSE and (v != np.round(v)).any():
        out.append(
            Finding(
                "warned",
                "large_unit",
                None,
                column,
                f"The usual sale of a week is {usual:.3g}: it looks like thousands or millions, and forecasts"
                " are rounded to 0.01.",
                "give sales in dollars (or pieces), not in thousands or millions",
                file=file,
                expected=f"a usual sale of {_COARSE:g} or more, or whole numbers",
                found=f"{usual:.3g}",
            )
        )
    return out
