"""Why a forecast is what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from storecast.forecasting.calendar import Calendar
from storecast.forecasting.events import Event
from storecast.forecasting.explain import Explanation
from storecast.forecasting.explain import explain as reasons
from storecast.forecasting.panel import Panel
from storecast.forecasting.quality import SalesSource
from storecast.jobs.champion import serving
from storecast.jobs.checks import check_events, check_horizon
from storecast.jobs.forecast import ForecastRequest
from storecast.ports import Registry

__all__ = ["explain"]


def explain(
    source: SalesSource,
    registry: Registry,
    path: str,
    request: ForecastRequest,
    key: str,
    weeks: Iterable[int],
    calendar: Calendar | None = None,
    events: Sequence[Event] = (),
    advance: Callable[[float], None] = lambda share: None,
    *,
    level: str | None = None,
) -> tuple[tuple[Explanation, ...], str]:
    """Explanations of ``key`` (a series, a store or total; by default the lowest ``level`` that knows it) for
    ``weeks`` ahead, and in words which model made the forecasts."""
    check_horizon(request.horizon)
    data = source.read(path)
    panel = Panel.from_frame(data.panel)
    check_events(events, panel)
    made = serving(
        data, panel, registry, request.name, request.config, request.horizon, calendar, events, advance
    )
    return tuple(reasons(made.forecaster, key, list(weeks), level=level)), made.made_by
