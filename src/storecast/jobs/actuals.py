"""Take true sales in, so that what was forecast can be judged by them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.errors import DataError
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.panel import DS, UNIQUE_ID, Y
from storecast.forecasting.quality import QualityReport, SalesSource
from storecast.forecasting.state import from_state
from storecast.jobs.publish import served
from storecast.ports import Releases
from storecast.ports.records import Actual, Actuals, ActualsChange

__all__ = ["ActualsTaken", "take_actuals"]


@dataclass(frozen=True)
class ActualsTaken:
    """What was done with a file: ``report`` on it, ``change`` in rows, ``first`` and ``last`` week, and
    ``strangers``, series that what serves does not forecast."""

    report: QualityReport
    change: ActualsChange
    first: str
    last: str
    strangers: tuple[str, ...]


def take_actuals(
    source: SalesSource, actuals: Actuals, releases: Releases, path: str, *, who: str
) -> ActualsTaken:
    """Store the sales at ``path`` as actuals; the same file twice changes nothing, a corrected one replaces.

    Raises DataError where the file is refused, or its weeks are not those that are forecast; LogError where
    the database is away.
    """
    data = source.read(path)
    frame = data.panel
    now = served(releases)
    strangers: tuple[str, ...] = ()
    if now is not None:
        content = releases.load(now)
        forecaster = from_state(content.arrays, content.texts, content.meta)
        days = frame[DS].to_numpy(dtype="datetime64[D]")
        _check_weeks(days, forecaster, path)
        found = np.unique(frame[UNIQUE_ID].to_numpy(dtype=str))
        strangers = tuple(found[~np.isin(found, forecaster.keys)].tolist())
    weeks = frame[DS].dt.strftime("%Y-%m-%d").tolist()
    rows = zip(frame[UNIQUE_ID].astype(str).tolist(), weeks, frame[Y].tolist(), strict=True)
    change = actuals.put((Actual(*row) for row in rows), who=who)
    return ActualsTaken(data.report, change, min(weeks), max(weeks), strangers)


def _check_weeks(days: NDArray[np.datetime64], forecaster: Forecaster, path: str) -> None:
    last = forecaster.cutoff
    end = forecaster.weeks[-1].astype("datetime64[D]")
    late = days[days > end]
    if late.size:  # they stay: sales that are missing would never be noticed again
        raise DataError(
            "Some of these sales are of weeks after the last that is forecast.",
            where=path,
            expected=f"weeks up to {end}",
            found=f"{late.max()}",
            remedy="Correct the dates; where they are right, update first: storecast update.",
        )
    off = days[((days - last).astype(np.int64) % 7) != 0]
    if off.size:
        raise DataError(
            "The weeks of these sales are not those that are forecast.",
            where=path,
            expected=f"weeks every 7 days from or to {last}",
            found=f"{off[0]}",
            remedy="Correct the dates, or say the order of day and month with --dayfirst or --monthfirst.",
        )
