"""Forecast from the champion, or from a model fitted on the spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.calendar import Calendar
from storecast.forecasting.events import Event, apply_events
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.frames import forecast_rows, forecast_table
from storecast.forecasting.panel import UNIQUE_ID, Panel, known_columns
from storecast.forecasting.quality import SalesSource
from storecast.jobs.champion import serving
from storecast.jobs.checks import check_events, check_horizon
from storecast.ports import Registry

__all__ = ["ForecastRequest", "ForecastResult", "forecast"]


@dataclass(frozen=True)
class ForecastRequest:
    """``config`` None: the champion of ``name`` decides; ``by``: series, store or total; ``like``: key of a
    series without history -> the series it resembles."""

    name: str = "storecast"
    config: ForecasterConfig | None = None
    horizon: int = 13
    levels: tuple[float, ...] = (80.0, 95.0)
    by: str = "series"
    like: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ForecastResult:
    """``table``: ``unique_id, ds, storecast, storecast-lo-80, ...`` and ``note`` where a forecast rests on
    another's history; ``made_by``: in words, which model and why; ``version`` None where fitted on the
    spot."""

    table: pd.DataFrame
    forecaster: Forecaster
    made_by: str
    version: int | None


def forecast(
    source: SalesSource,
    registry: Registry,
    path: str,
    request: ForecastRequest,
    calendar: Calendar | None = None,
    events: Sequence[Event] = (),
    advance: Callable[[float], None] = lambda share: None,
) -> ForecastResult:
    """Forecast what follows the sales at ``path``; ``calendar`` None: the champion's, else the US retail
    calendar. Raises DataError, RequestError, RegistryError or ArtifactError."""
    check_horizon(request.horizon)
    data = source.read(path)
    panel = Panel.from_frame(data.panel)
    _check_like(request, set(panel.keys.tolist()))
    check_events(events, panel, [new for new, _ in request.like])
    made = serving(
        data, panel, registry, request.name, request.config, request.horizon, calendar, events, advance
    )
    table = forecast_table(
        made.forecaster, request.horizon, request.levels, _level(made.forecaster, request.by)
    )
    for key, other in request.like:
        weeks = pd.DataFrame({UNIQUE_ID: other, "horizon": np.arange(1, request.horizon + 1)})
        copy = forecast_rows(made.forecaster, weeks, request.levels)
        copy.loc[_closed(key, panel, request.horizon, events), known_columns(request.levels)] = 0.0
        copy = copy.assign(unique_id=key, note=f"no history: as series {other}")
        table = pd.concat([table, copy], ignore_index=True)
    if "note" in table:
        table["note"] = table["note"].fillna("")
    return ForecastResult(table, made.forecaster, made.made_by, made.version)


def _closed(key: str, panel: Panel, horizon: int, events: Sequence[Event]) -> NDArray[np.bool_]:
    """(H,) the weeks ahead in which a series without history is not open, by events of its own."""
    own = [event for event in events if event.series == key]
    names = np.array([key])
    nothing = np.full((len(panel.weeks), 1), np.nan)
    return apply_events(nothing, panel.weeks, horizon, own, names, names, np.array([""])).closed[:, 0]


def _level(forecaster: Forecaster, by: str) -> str:
    """The level of the hierarchy that is meant: where each series is a store, those are its stores."""
    return "series" if by == "store" and "store" not in forecaster.levels else by


def _check_like(request: ForecastRequest, keys: set[str]) -> None:
    if request.like and request.by != "series":
        raise RequestError(
            "A series without history can be forecast only as a series.",
            where="--like",
            expected="--by series",
            found=f"--by {request.by}",
            remedy="Leave out --by, or --like.",
        )
    for new, old in request.like:
        if new in keys:
            raise RequestError(
                f"Series {new!r} has a history of its own.",
                where=f"--like {new}={old}",
                expected="NEW=OLD, NEW a series that is not in the data",
                found=f"{new} in the data",
                remedy="Leave it out of --like.",
            )
        if old not in keys:
            raise RequestError(
                f"There is no series {old!r} to forecast {new!r} like.",
                where=f"--like {new}={old}",
                expected=f"NEW=OLD, OLD one of {len(keys)} series such as {', '.join(sorted(keys)[:3])}",
                found=old,
                remedy="Check the spelling.",
            )
