"""Why a forecast is what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from storecast.forecasting.calendar import Calendar
from storecast.forecasting.explain import Explanation
from storecast.forecasting.explain import explain as reasons
from storecast.forecasting.quality import SalesSource
from storecast.jobs.forecast import ForecastRequest, serving
from storecast.ports import Registry

__all__ = ["explain"]


def explain(
    source: SalesSource,
    registry: Registry,
    path: str,
    request: ForecastRequest,
    key: str,
    weeks: Iterable[int],
    calendar: Calendar,
    advance: Callable[[float], None] = lambda share: None,
) -> tuple[list[Explanation], str]:
    """Explanations of ``key`` (a series, store or the total, by ``request.by``) for ``weeks`` ahead, and in
    words which model made the forecasts."""
    forecaster, made_by, _ = serving(source, registry, path, request, calendar, (), advance)
    return reasons(forecaster, key, list(weeks), level=request.by), made_by
