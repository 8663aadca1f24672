"""What-if on published forecasts: events are arithmetic, inputs move the forecast where it depends on them.

A scenario's error is the base's, as much larger or smaller as its forecast is: both bands and those of the
difference follow from the base's.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.calendar import week_of
from storecast.forecasting.hierarchy import cents
from storecast.ports import ArtifactContent, ReleaseInfo
from storecast.service.champion import Champion, View
from storecast.service.exogenous import INPUTS, cent
from storecast.service.problems import Wrong, invalid
from storecast.service.schemas.whatif import WhatIfEvent, WhatIfRequest

__all__ = ["Outcome", "asks_the_model", "what_if", "what_if_seconds"]

Float = NDArray[np.float64]
_TRIES = 5  # of which the fastest counts: a machine that is busy says nothing about a version
_UNUSED, _LEARNT = "$0, not used by this model", "as this model has learnt it"


@dataclass(frozen=True)
class Outcome:
    """``base``, ``scenario`` and ``difference``: columns in the order of ``column_names``, h dollars each;
    ``effects``: name, dollars over the horizon, words."""

    base: list[list[float]]
    scenario: list[list[float]]
    difference: list[list[float]]
    effects: list[tuple[str, float, str]]


def asks_the_model(champion: Champion, asked: WhatIfRequest) -> bool:
    """Whether the answer takes more than arithmetic."""
    model = champion.exogenous
    return model is not None and any(name in model.names for name in asked.inputs)


def what_if(champion: Champion, asked: WhatIfRequest, levels: tuple[float, ...]) -> Outcome:
    """The answer; raises RequestError for an unknown series and a 422 problem for weeks or inputs that cannot
    be."""
    view = champion.view(asked.by)
    at = view.find(asked.series)
    if asked.horizon > len(champion.weeks):
        raise invalid([Wrong("horizon", f"this version forecasts {len(champion.weeks)} weeks")])
    direct = champion.forecaster.direct
    if champion.exogenous is None and direct is not None and direct.model and asked.inputs:
        detail = "this version reads inputs, and does not carry what to compare them with: train again"
        raise invalid([Wrong("inputs", detail)])
    columns = champion.rows(view.by, at, levels).columns
    if asked.horizon == 1 and view.by == "series" and not asked.events:
        return _one_week(champion, at, asked, [column[0] for column in columns])
    place, weeks = np.full(asked.horizon, at), np.arange(asked.horizon)
    base = list(np.array([column[: asked.horizon] for column in columns]))
    effects: list[tuple[str, float, str]] = []
    now = _with_inputs(champion, view, asked, place, weeks, base, effects)
    order = sorted(enumerate(asked.events), key=lambda e: e[1].kind in ("closure", "opening"))
    for i, event in order:
        factor, words = _factor(champion, event, i, asked.horizon)
        before = now[0].sum()
        now = list(cents(np.array(now) * factor))
        effects.append((f"{event.kind} from {event.first}", _dollars(now[0].sum() - before), words))
    base_, now_, difference = (
        [column.tolist() for column in part] for part in (base, now, _difference(base, now))
    )
    return Outcome(base_, now_, difference, effects)


def _one_week(champion: Champion, at: int, asked: WhatIfRequest, base: list[float]) -> Outcome:
    """The same for the first week of one series without events, without an array being made."""
    now, given, model = base, {}, champion.exogenous
    effects = []
    for name, value in asked.inputs.items():
        number = _by_week(champion, name, value, 1)[0]
        if model is None or name not in model.names:
            effects.append((name, 0.0, _UNUSED))
            continue
        before = now[0]
        if math.isfinite(number):
            given[name] = number
            now = model.one(at, 0, given, base)
        effects.append((name, _dollars(now[0] - before), _LEARNT))
    point, *limits = [cent(new - old) for new, old in zip(now, base, strict=True)]
    pairs = zip(limits[::2], limits[1::2], strict=True)
    difference = [point, *(limit for pair in pairs for limit in sorted(pair))]
    base_, now_, difference_ = ([[value] for value in part] for part in (base, now, difference))
    return Outcome(base_, now_, difference_, effects)


def what_if_seconds(content: ArtifactContent) -> float:
    """How long a what-if on one series takes with the version that ``content`` holds; raises what ``what_if``
    and damaged content raise."""
    info = ReleaseInfo("", 1, "", "", "", "", "", "")
    champion = Champion.from_content(info, content)
    model = champion.exogenous
    asked = WhatIfRequest(
        series=champion.views["series"].names[0],
        horizon=min(13, len(champion.weeks)),
        inputs={} if model is None else dict.fromkeys(model.names, 1.0),
    )
    took = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        what_if(champion, asked, (80.0, 95.0))
        took.append(time.perf_counter() - began)
    return min(took)


def _dollars(value: float) -> float:
    return round(float(value), 2)


def _difference(base: list[Float], scenario: list[Float]) -> list[Float]:
    """Both share one error, so a limit of the difference is the difference of their limits."""
    table = cents(np.array(scenario) - np.array(base))
    table[1:] = np.sort(table[1:].reshape(-1, 2, table.shape[1]), axis=1).reshape(-1, table.shape[1])
    return list(table)


def _with_inputs(
    champion: Champion,
    view: View,
    asked: WhatIfRequest,
    place: NDArray[np.int64],
    weeks: NDArray[np.int64],
    base: list[Float],
    effects: list[tuple[str, float, str]],
) -> list[Float]:
    """The columns with the inputs given, one after the other, each with its effect."""
    now, given, model = base, {}, champion.exogenous
    for name, value in asked.inputs.items():
        values = np.array(_by_week(champion, name, value, asked.horizon))
        if model is None or name not in model.names:
            effects.append((name, 0.0, _UNUSED))
            continue
        given[name] = values
        before = now[0].sum()
        now = model.changed(view, place, weeks, given, base)
        effects.append((name, _dollars(now[0].sum() - before), _LEARNT))
    return now


def _by_week(champion: Champion, name: str, value: float | dict[str, float], horizon: int) -> list[float]:
    """What is given of each week, NaN where nothing is."""
    if name not in INPUTS:
        raise invalid(
            [Wrong(f"inputs.{name[:40]}", f"there is no such input; known are {', '.join(INPUTS)}")]
        )
    if not isinstance(value, dict):
        return [float(value)] * horizon
    out = [math.nan] * horizon
    for date, one in value.items():
        week = champion.week(date, f"inputs.{name}")
        if week >= horizon:
            raise invalid([Wrong(f"inputs.{name}", f"{date} lies beyond the horizon of {horizon} weeks")])
        out[week] = one
    return out


def _factor(champion: Champion, event: WhatIfEvent, number: int, horizon: int) -> tuple[Float, str]:
    """(h,) what the event multiplies sales by, and words about it."""
    ahead = champion.forecaster.weeks.astype("datetime64[D]")
    try:
        first = np.datetime64(event.first, "D")
        last = np.datetime64(event.last, "D") if event.last else max(first, ahead[horizon - 1])
    except ValueError as error:
        raise invalid([Wrong(f"events[{number}]", f"no date: {error}")]) from error
    if last < first:
        raise invalid([Wrong(f"events[{number}].last", f"{last} lies before the first day, {first}")])
    if event.lift is not None and event.kind in ("closure", "opening"):
        raise invalid(
            [Wrong(f"events[{number}].lift", f"a {event.kind} has no lift: it sells nothing or as usual")]
        )
    start, end = week_of(np.array([first, last]), ahead)
    weeks = np.arange(horizon)
    out = np.ones(horizon)
    if event.kind == "opening":
        out[weeks < start] = 0.0
        return out, "sells nothing before"
    within = (weeks >= start) & (weeks <= end)
    if not within.any():
        return out, "outside the weeks asked for"
    if event.kind == "closure":
        out[within] = 0.0
        return out, "sells nothing in these weeks"
    learnt = champion.forecaster.learnt.get("events", {}).get(event.kind)
    if event.lift is None and learnt is None:
        return out, f"no {event.kind} was in the data, so no effect is known: give its lift if you know it"
    lift = event.lift if event.lift is not None else float(learnt)
    out[within] = lift
    return out, f"times {lift:.3g}, {'as given' if event.lift is not None else 'as past ones did'}"
