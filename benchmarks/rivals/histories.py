"""What the rivals are given: regular histories, and holidays as weeks. Runs in their environment too."""

from __future__ import annotations

import holidays
import numpy as np
import pandas as pd

__all__ = ["holiday_weeks", "regular", "week_holding"]


def regular(frame: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame:
    """``unique_id, ds, y`` up to ``cutoff``, a row for every week from each series' first to the cutoff.

    These packages ask for that. A missing week is interpolated between its neighbours and the last value
    is carried to the cutoff, as their users do.
    """
    past = frame.loc[frame["ds"] <= cutoff, ["unique_id", "ds", "y"]]
    wide = past.pivot(index="ds", columns="unique_id", values="y")
    wide = wide.reindex(pd.date_range(past["ds"].min(), cutoff, freq="7D", name="ds"))
    filled = wide.interpolate(method="linear", limit_area="inside").ffill()
    long = filled.melt(ignore_index=False, value_name="y").dropna(subset=["y"]).reset_index()
    return long.sort_values(["unique_id", "ds"], ignore_index=True)[["unique_id", "ds", "y"]]


def week_holding(days: pd.DatetimeIndex, weeks: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The anchor date of the week that each day falls in; an anchor ends its week."""
    ahead = np.asarray((weeks[0] - days).days) % 7
    return days + pd.to_timedelta(ahead, unit="D")


def holiday_weeks(weeks: pd.DatetimeIndex) -> pd.DataFrame:
    """``holiday, ds`` for Prophet: the US federal holidays, as ``add_country_holidays`` has them, at the
    anchors of their weeks; in weekly data Prophet sees none on any other date."""
    years = range(weeks[0].year - 1, weeks[-1].year + 2)
    federal = holidays.country_holidays("US", years=years, observed=False)
    named = pd.DataFrame([(name, day) for day, name in federal.items()], columns=["holiday", "day"])
    named["ds"] = week_holding(pd.DatetimeIndex(named["day"]), weeks)
    return named[["holiday", "ds"]].drop_duplicates().reset_index(drop=True)
