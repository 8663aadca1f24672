"""Forecasts as frames: the table of all, and the rows that somebody asks for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.panel import DS, UNIQUE_ID, Panel, forecast_frame, natural_order

__all__ = ["forecast_rows", "forecast_table", "history_panel"]


def forecast_rows(forecaster: Forecaster, frame: pd.DataFrame, levels: Sequence[float]) -> pd.DataFrame:
    """The rows of ``frame`` (``unique_id`` and ``ds`` or ``horizon``) with their forecasts and bands.

    Raises RequestError for missing columns, an unknown series or a week that was not forecast.
    """
    if UNIQUE_ID not in frame or not {DS, "horizon"} & set(frame):
        raise RequestError(
            "The rows do not say which forecasts they ask for.",
            expected=f"the columns {UNIQUE_ID} and {DS} (or horizon)",
            found=", ".join(map(str, frame.columns)) or "no column",
            remedy=f"Give {UNIQUE_ID} and {DS}, or {UNIQUE_ID} and horizon.",
        )
    keys = frame[UNIQUE_ID].astype(str).to_numpy(dtype=str)
    if "horizon" in frame:
        ahead = pd.to_numeric(frame["horizon"], errors="coerce")
    else:
        days = pd.to_datetime(frame[DS], errors="coerce") - pd.Timestamp(str(forecaster.cutoff))
        ahead = days / pd.Timedelta(weeks=1)
    asked = ahead.to_numpy(np.float64, na_value=np.nan)
    whole = np.isin(asked, np.arange(1, len(forecaster.weeks) + 1))
    row, column = forecaster.locate(keys, np.where(whole, asked, 0.0).astype(np.int64))
    weeks = forecaster.weeks[row].astype("datetime64[ns]")
    out = frame[[UNIQUE_ID]].assign(**{DS: weeks, "storecast": forecaster.point[row, column]})
    for level in levels:
        for side, limit in zip(("lo", "hi"), forecaster.limits(level), strict=True):
            out[f"storecast-{side}-{level:g}"] = limit[row, column]
    return out


def forecast_table(
    forecaster: Forecaster, horizon: int, levels: Sequence[float], by: str = "series"
) -> pd.DataFrame:
    """Long table of the first ``horizon`` weeks at one level of the hierarchy, with a column ``note`` where a
    series' forecast rests on others' history."""
    points = forecaster.points(by)
    keys = forecaster.levels[by].keys
    order = natural_order(keys)
    columns = {"storecast": points[:horizon, order]}
    for level in sorted(levels):
        for side, limit in zip(("lo", "hi"), forecaster.limits(level, by), strict=True):
            columns[f"storecast-{side}-{level:g}"] = limit[:horizon, order]
    table = forecast_frame(keys[order], forecaster.weeks[:horizon], columns)
    if by == "series" and forecaster.notes:
        table["note"] = table[UNIQUE_ID].map(forecaster.notes).fillna("")
    return table


def history_panel(forecaster: Forecaster) -> Panel:
    """What ``forecaster`` was fitted on; without exogenous variables where its model reads none."""
    inputs = forecaster.inputs

    def named(prefix: str) -> dict[str, NDArray[np.generic]]:
        return {n.removeprefix(prefix): v for n, v in inputs.items() if n.startswith(prefix)}

    return Panel(
        weeks=forecaster.history_weeks.astype("datetime64[D]"),
        keys=forecaster.keys,
        values=forecaster.history,
        stores=forecaster.stores,
        blocks=forecaster.blocks,
        static=named("static_"),
        observed={n: v.astype(np.float64) for n, v in named("observed_").items()},
        flagged=inputs["flagged"].astype(bool) if "flagged" in inputs else None,
    )
