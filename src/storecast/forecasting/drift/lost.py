"""Series, stores and whole weeks that are missing although they were there, and were there a year ago."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.calendar import Calendar
from storecast.forecasting.drift.config import DriftConfig
from storecast.forecasting.drift.evidence import Evidence
from storecast.forecasting.drift.groups import groups, most
from storecast.forecasting.drift.runs import lengths, run_p_values
from storecast.forecasting.panel import Panel
from storecast.forecasting.timeline import make_timeline

__all__ = ["lost_evidence", "selling_weeks"]

Bool = NDArray[np.bool_]
_REGULAR = 0.9  # share of weeks with sales from which a zero is a closed week and not a slow one


def selling_weeks(panel: Panel, learn: int) -> Bool:
    """(T, N) weeks with a row; in a series that sold in nearly all of its first ``learn`` weeks' rows, a row
    of zero is none."""
    known = np.isfinite(panel.values)
    sold = np.nan_to_num(panel.values) != 0
    rows = np.maximum(known[:learn].sum(axis=0), 1)
    regular = (known & sold)[:learn].sum(axis=0) >= _REGULAR * rows
    out: Bool = known & (sold | ~regular)
    return out


def lost_evidence(
    panel: Panel, calendar: Calendar, looks: int, config: DriftConfig, closed: Bool
) -> list[Evidence]:
    """Evidence of lost series at the last ``looks`` weeks; ``size`` is how many weeks they are missing. Weeks
    that are known to be ``closed`` (T, N) are not missed."""
    rows = len(panel.weeks)
    there = selling_weeks(panel, rows - looks) | closed
    low = make_timeline(panel.weeks, 1, calendar).low[0]
    a_year_ago = np.ones_like(there)
    seen = low >= 0
    a_year_ago[seen] = there[low[seen]] | there[np.minimum(low[seen] + 1, rows - 1)]
    begun = np.zeros_like(there)
    begun[1:] = np.maximum.accumulate(there, axis=0)[:-1]
    before = begun & a_year_ago
    out = []
    for group in groups(panel):
        gone, possible = most(~there, before, group, config)
        run = lengths(gone)[rows - looks :]
        began = np.arange(rows - looks, rows)[:, None] + 1 - run
        p = run_p_values(gone, possible, looks, config)
        size = run.astype(np.float64)
        out.append(Evidence("lost-series", group.level, "sales", group.keys, group.of, p, size, began))
    return out
