"""What a version keeps of the way from the one before it: the forecasts in between, for whoever asks why it
moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storecast.errors import StorecastError
from storecast.forecasting.calendar import Calendar, calendar_of, calendar_state
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.lineage import BRIDGE
from storecast.forecasting.panel import Panel
from storecast.forecasting.state import from_state
from storecast.forecasting.updating import update
from storecast.jobs.told import event_state, events_of
from storecast.ports import ModelVersion, Registry

__all__ = ["Lineage", "came_from"]

Float = NDArray[np.float64]
_LINE = ("lineage", "update")


@dataclass(frozen=True)
class Lineage:
    """``arrays`` and ``facts`` that go into a version's artifact."""

    arrays: dict[str, NDArray[np.generic]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Known:
    """What a fit was told beside the sales."""

    calendar: Calendar
    events: Sequence[Event]
    future: Mapping[str, Float]


def came_from(
    registry: Registry,
    parent: ModelVersion | None,
    new: Forecaster,
    panel: Panel,
    calendar: Calendar,
    events: Sequence[Event],
    future: Mapping[str, Float],
) -> Lineage:
    """The lineage of ``new``, fitted on ``panel``, from ``parent``, the champion until now.

    Kept are what the parent makes of the new sales with all it had learnt, under the calendar and events that
    it knew (``actuals``); and, where these have changed, what ``new``'s configuration makes under the old
    ones (``model``). Where one cannot be had, ``why`` says so.
    """
    facts: dict[str, Any] = {"events": event_state(events)}
    if parent is None:
        return Lineage({}, facts)
    try:
        content = registry.load(parent.name, parent.version)
        old = from_state(content.arrays, content.texts, content.meta)
    except (StorecastError, KeyError, TypeError, ValueError) as error:
        why = f"it cannot be read ({type(error).__name__})"
        lost = {"version": parent.version, "digest": parent.digest, "why": why}
        return Lineage({}, facts | {"lineage": lost})
    if _same_forecasts(old, new):  # trained again on the same: what it came from is what that came from
        kept = {name: content.meta[name] for name in _LINE if name in content.meta}
        bridges = {name: array for name, array in content.arrays.items() if name.startswith(BRIDGE)}
        return Lineage(bridges, facts | kept)
    line = {"version": parent.version, "digest": parent.digest}
    known = events_of(content.meta)
    if known is None:
        return Lineage({}, facts | {"lineage": {**line, "why": "the events that it knew are not recorded"}})
    known_calendar = calendar_of(content.meta["calendar"]) if "calendar" in content.meta else calendar
    then = _Known(known_calendar, known, _future_then(old, new, future))
    arrays: dict[str, NDArray[np.generic]] = {}
    why = _not_ahead(old, panel)
    if not why:
        try:
            carried = update(old, panel, then.calendar, then.events, known_future=then.future)
            arrays[f"{BRIDGE}actuals"] = _padded(carried.point, new.point)
        except StorecastError as error:
            why = error.what
    if not _same_known(then, _Known(calendar, events, future)):
        try:
            refitted = Forecaster.fit(panel, new.config, then.calendar, then.events, known_future=then.future)
            arrays[f"{BRIDGE}model"] = refitted.point
        except StorecastError as error:
            why = why or error.what
    return Lineage(arrays, facts | {"lineage": {**line, "why": why}})


def _same_forecasts(old: Forecaster, new: Forecaster) -> bool:
    return (
        np.array_equal(old.keys, new.keys)
        and np.array_equal(old.weeks, new.weeks)
        and np.array_equal(old.point, new.point)
        and np.array_equal(old.history, new.history, equal_nan=True)
    )


def _not_ahead(old: Forecaster, panel: Panel) -> str:
    """Why the earlier model cannot go on with these sales; "" where it can."""
    if panel.weeks[0] != old.history_weeks[0]:
        return "the sales begin in another week"
    if len(panel.weeks) <= len(old.history_weeks):
        return "the sales hold no week that it did not know"
    if not np.isin(old.keys, panel.keys).all():
        return "the sales lack series that it forecast"
    return ""


def _future_then(old: Forecaster, new: Forecaster, future: Mapping[str, Float]) -> dict[str, Float]:
    """Inputs of the weeks ahead as the earlier version knew them, where it did."""
    out = {}
    rows, columns = np.isin(new.weeks, old.weeks), np.isin(new.keys, old.keys)
    for name, values in future.items():
        known = old.inputs.get(f"future_{name}")
        made = values.copy()
        if known is not None:
            mine = np.asarray(known, dtype=np.float64)
            theirs = mine[np.isin(old.weeks, new.weeks)][:, np.isin(old.keys, new.keys)]
            made[np.ix_(rows, columns)] = theirs
        out[name] = made
    return out


def _same_known(then: _Known, now: _Known) -> bool:
    return (
        calendar_state(then.calendar) == calendar_state(now.calendar)
        and event_state(then.events) == event_state(now.events)
        and all(np.array_equal(then.future[n], now.future[n], equal_nan=True) for n in now.future)
    )


def _padded(point: Float, new: Float) -> Float:
    """(H, N) of ``new``'s horizon; weeks that the earlier version does not reach are those of ``new``."""
    out = new.copy()
    rows = min(len(point), len(new))
    out[:rows] = point[:rows]
    return out
