"""Why a forecast is what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from storecast.errors import RegistryError
from storecast.forecasting.calendar import Calendar, calendar_state
from storecast.forecasting.change import Change, change_with
from storecast.forecasting.events import Event
from storecast.forecasting.explain import Explanation
from storecast.forecasting.explain import explain as reasons
from storecast.forecasting.lineage import Table
from storecast.forecasting.lineage import path as line_of
from storecast.forecasting.overrides import counting
from storecast.forecasting.panel import Panel, known_ahead
from storecast.forecasting.quality import SalesData, SalesSource
from storecast.forecasting.state import to_state
from storecast.jobs.champion import Serving, serving
from storecast.jobs.checks import check_events, check_horizon
from storecast.jobs.forecast import ForecastRequest
from storecast.jobs.lineage import came_from
from storecast.ports import ModelVersion, Registry, ReleaseInfo
from storecast.ports.moves import replaced_at
from storecast.ports.records import Override

__all__ = ["Moved", "Planners", "explain", "explain_change"]


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


@dataclass(frozen=True)
class Planners:
    """What planners said until ``now`` (microseconds since 1970): all their ``rows``, undone ones too;
    ``published``: the pointer to what serves, which knows when a version was replaced."""

    rows: Sequence[Override]
    now: int
    published: ReleaseInfo | None = None


def explain_change(
    source: SalesSource,
    registry: Registry,
    path: str,
    request: ForecastRequest,
    key: str,
    weeks: Iterable[int],
    since: str,
    planners: Planners,
    calendar: Calendar | None = None,
    events: Sequence[Event] = (),
    advance: Callable[[float], None] = lambda share: None,
    *,
    level: str | None = None,
) -> Moved:
    """Why the forecasts of ``key`` for ``weeks`` ahead moved since the version ``since``: its number, or
    ``last`` for the champion before this one, or for the champion where the data is newer than it.

    Planners' overrides are a part of their own: as they counted when the earlier version was replaced, and as
    they count now. Raises RegistryError where there is no such version, RequestError for a week that both do
    not forecast.
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
        after = _on_the_spot(registry, request, made, data, panel)
    tables = line_of(table(before), after, find)
    days = [str(np.datetime64(made.forecaster.weeks[h - 1], "D")) for h in weeks]
    moment = _answered_until(registry, request.name, before, planners)
    then = counting((row for row in planners.rows if row.at < moment), moment)
    now = counting(planners.rows, planners.now)
    place = after.level_of(key) if level is None else level
    changes = [change_with(tables, key, day, place, then=then, now=now) for day in days]
    return Moved(tuple(changes), before.version, made.made_by)


def _answered_until(registry: Registry, name: str, before: ModelVersion, planners: Planners) -> int:
    """When ``before`` answered last, microseconds since 1970: now, where it serves still."""
    info = planners.published
    if info is not None:
        return planners.now if info.version == before.version else replaced_at(info, before.version)
    ends = [move.at for move in registry.history(name) if move.previous == before.version]
    return int(datetime.fromisoformat(ends[-1]).timestamp() * 1e6) if ends else planners.now


def _on_the_spot(
    registry: Registry, request: ForecastRequest, made: Serving, data: SalesData, panel: Panel
) -> Table:
    """What was fitted just now, with the forecasts on the way from the champion."""
    champion = registry.champion(request.name)
    future = known_ahead(panel, data.future, request.horizon)
    line = came_from(registry, champion, made.forecaster, panel, made.calendar, made.events, future)
    facts = {**line.facts, "data_digest": data.digest, "calendar": calendar_state(made.calendar)}
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
