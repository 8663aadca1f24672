"""Why a forecast is what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from storecast.errors import RegistryError
from storecast.forecasting.calendar import US_RETAIL, Calendar, calendar_of, calendar_state
from storecast.forecasting.change import Change, change
from storecast.forecasting.events import Event
from storecast.forecasting.explain import Explanation
from storecast.forecasting.explain import explain as reasons
from storecast.forecasting.lineage import Table
from storecast.forecasting.lineage import path as line_of
from storecast.forecasting.panel import Panel, known_ahead
from storecast.forecasting.quality import SalesData, SalesSource
from storecast.forecasting.state import to_state
from storecast.jobs.champion import Serving, serving
from storecast.jobs.checks import check_events, check_horizon
from storecast.jobs.forecast import ForecastRequest
from storecast.jobs.lineage import came_from
from storecast.ports import ModelVersion, Registry

__all__ = ["Moved", "explain", "explain_change"]


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


@dataclass(frozen=True)
class Moved:
    """``changes`` since version ``since``, to what ``made_by`` says in words."""

    changes: tuple[Change, ...]
    since: int
    made_by: str


def explain_change(
    source: SalesSource,
    registry: Registry,
    path: str,
    request: ForecastRequest,
    key: str,
    weeks: Iterable[int],
    since: str,
    calendar: Calendar | None = None,
    events: Sequence[Event] = (),
    advance: Callable[[float], None] = lambda share: None,
    *,
    level: str | None = None,
) -> Moved:
    """Why the forecasts of ``key`` for ``weeks`` ahead moved since the version ``since``: its number, or
    ``last`` for the champion before this one, or for the champion where the data is newer than it.

    Planners' overrides are not in it: the service, which answers with them, tells their part. Raises
    RegistryError where there is no such version, RequestError for a week that both do not forecast.
    """
    check_horizon(request.horizon)
    data = source.read(path)
    panel = Panel.from_frame(data.panel)
    check_events(events, panel)
    made = serving(
        data, panel, registry, request.name, request.config, request.horizon, calendar, events, advance
    )
    versions = registry.versions(request.name)
    before = _before(registry, request.name, versions, made.version, since)

    def table(version: ModelVersion) -> Table:
        content = registry.load(request.name, version.version)
        return Table.of(version.version, version.digest, content.arrays, content.meta)

    def find(digest: str) -> Table | None:
        return next((table(version) for version in versions if version.digest == digest), None)

    if made.version is not None:
        after = table(next(version for version in versions if version.version == made.version))
    else:
        after = _on_the_spot(registry, request, made, data, panel, calendar, events)
    tables = line_of(table(before), after, find)
    days = [str(np.datetime64(made.forecaster.weeks[h - 1], "D")) for h in weeks]
    return Moved(tuple(change(tables, key, day, level=level) for day in days), before.version, made.made_by)


def _on_the_spot(
    registry: Registry,
    request: ForecastRequest,
    made: Serving,
    data: SalesData,
    panel: Panel,
    calendar: Calendar | None,
    events: Sequence[Event],
) -> Table:
    """What was fitted just now, with the forecasts on the way from the champion."""
    champion = registry.champion(request.name)
    known: Calendar = calendar or US_RETAIL
    if champion is not None and calendar is None:
        known = calendar_of(registry.load(request.name, champion.version).meta["calendar"])
    future = known_ahead(panel, data.future, request.horizon)
    line = came_from(registry, champion, made.forecaster, panel, known, events, future)
    facts = {**line.facts, "data_digest": data.digest, "calendar": calendar_state(known)}
    arrays, _, meta = to_state(made.forecaster)
    return Table.of(0, "", {**arrays, **line.arrays}, {**meta, **facts})


def _before(
    registry: Registry, name: str, versions: Sequence[ModelVersion], served: int | None, since: str
) -> ModelVersion:
    numbers = {version.version: version for version in versions}
    wanted: int | None = None
    if since != "last":
        wanted = int(since) if since.isdecimal() else None
    elif served is None:
        champion = registry.champion(name)
        wanted = champion.version if champion else None
    else:
        moves = [move.previous for move in registry.history(name) if move.version == served]
        wanted = moves[-1] if moves else None
    if wanted is None or wanted not in numbers:
        raise RegistryError(
            f"{name} has no version to compare with",
            where=f"--since {since}",
            expected=f"last, or one of {', '.join(map(str, numbers))}" if numbers else "a registered version",
            found=since,
            remedy="See `storecast models list`.",
        )
    return numbers[wanted]
