"""Forecast from the champion, or from a model fitted on the spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from storecast.errors import RequestError
from storecast.forecasting.calendar import Calendar
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.frames import forecast_rows, forecast_table
from storecast.forecasting.panel import Panel, known_ahead
from storecast.forecasting.quality import SalesSource
from storecast.forecasting.state import from_state
from storecast.ports import ModelVersion, Registry

__all__ = ["ForecastRequest", "ForecastResult", "forecast", "serving"]


@dataclass(frozen=True)
class ForecastRequest:
    """``by``: series, store or total; ``like``: key of a series without history -> the series it
    resembles."""

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
    calendar: Calendar,
    events: Sequence[Event] = (),
    advance: Callable[[float], None] = lambda share: None,
) -> ForecastResult:
    """Forecast what follows the sales at ``path``; raises DataError, RequestError or RegistryError."""
    forecaster, made_by, version = serving(source, registry, path, request, calendar, events, advance)
    table = forecast_table(forecaster, request.horizon, request.levels, request.by)
    for key, other in request.like:
        if key in forecaster.keys:
            raise RequestError(
                f"Series {key!r} has a history of its own.",
                where="--like",
                expected="a series that is not in the data",
                found=key,
                remedy="Leave it out of --like.",
            )
        copy = forecast_rows(
            forecaster,
            pd.DataFrame({"unique_id": other, "horizon": np.arange(1, request.horizon + 1)}),
            request.levels,
        )
        table = pd.concat([table, copy.assign(unique_id=key, note=f"no history: as series {other}")])
    return ForecastResult(table.reset_index(drop=True), forecaster, made_by, version)


def _load(registry: Registry, version: ModelVersion) -> Forecaster:
    content = registry.load(version.name, version.version)
    return from_state(content.arrays, content.texts, content.meta)


def serving(
    source: SalesSource,
    registry: Registry,
    path: str,
    request: ForecastRequest,
    calendar: Calendar,
    events: Sequence[Event],
    advance: Callable[[float], None],
) -> tuple[Forecaster, str, int | None]:
    """The champion where it was made from this very data; its kind of model fitted on the data where the data
    is another; what ``request.config`` asks for where there is no champion or a model is named."""
    data = source.read(path)
    champion = registry.champion(request.name) if request.config is None else None
    if champion is not None and champion.tags.get("data_digest") == data.digest and not events:
        loaded = _load(registry, champion)
        if loaded.config.horizon >= request.horizon:
            return loaded, f"champion, version {champion.version} ({loaded.config.model})", champion.version
    config = request.config or ForecasterConfig()
    if champion is not None:
        config = replace(config, model=champion.tags.get("model", config.model))
        made_by = f"{config.model}, as champion version {champion.version}, fitted on this data"
    else:
        made_by = f"{config.model}, fitted on the spot"
    panel = Panel.from_frame(data.panel)
    fitted = Forecaster.fit(
        panel,
        replace(config, horizon=request.horizon),
        calendar,
        events,
        known_future=known_ahead(panel, data.future, request.horizon),
        advance=advance,
    )
    return fitted, made_by, None
