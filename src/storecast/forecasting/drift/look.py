"""The look for drift: every kind of evidence, one budget, and alarms that each name one fault once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.calendar import US_RETAIL, Calendar
from storecast.forecasting.drift.alarms import raise_alarms
from storecast.forecasting.drift.config import DriftConfig
from storecast.forecasting.drift.dates import shifted_evidence
from storecast.forecasting.drift.evidence import Evidence
from storecast.forecasting.drift.expected import compare
from storecast.forecasting.drift.groups import Group, groups, most
from storecast.forecasting.drift.inputs import by_store, input_evidence, last_year
from storecast.forecasting.drift.levels import level_evidence, sales_parts
from storecast.forecasting.drift.lost import lost_evidence
from storecast.forecasting.drift.report import Alarm, Check, DriftReport
from storecast.forecasting.drift.residuals import residual_evidence
from storecast.forecasting.drift.stuck import gone_evidence, repeats, stuck_evidence
from storecast.forecasting.drift.units import log_ratio, slipped, unit_evidence
from storecast.forecasting.events import Event, apply_events
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.panel import Panel

__all__ = ["drift", "gather", "limits"]

Bool = NDArray[np.bool_]
_SALES = "sales"
_WORLD = ("lost-series", "level", "input")


def drift(
    panel: Panel,
    *,
    forecaster: Forecaster | None = None,
    weeks: int | None = None,
    calendar: Calendar = US_RETAIL,
    events: Sequence[Event] = (),
    config: DriftConfig = DriftConfig(),  # noqa: B008  frozen
) -> DriftReport:
    """Look at the new weeks of ``panel`` as if once each week, and say what has drifted.

    The new weeks are those after ``forecaster``'s cutoff, whose residuals are then looked at too, or the last
    ``weeks``; without any the report is empty. Closures in ``events`` are no losses. Raises RequestError
    where there is no new week, or no history before the new ones.
    """
    rows = len(panel.weeks)
    looks = weeks if weeks is not None else _new_weeks(panel, forecaster)
    if weeks is None and looks == 0:
        return _nothing_new(panel, config)
    if not 1 <= looks < rows:
        raise RequestError(
            "There are no new weeks to look at.",
            expected=f"1 to {rows - 1} new weeks, and history before them",
            found=f"{looks} of {rows} weeks",
            remedy="Give sales with weeks after the model's cutoff.",
        )
    evidence = gather(panel, looks, forecaster=forecaster, calendar=calendar, events=events, config=config)
    limit = limits(evidence, config)
    new = panel.weeks[rows - looks :]
    unjudged = Counter[str]()
    for found in evidence:
        if found.level == "series" and found.column == _SALES and found.kind in ("level", "residual"):
            unjudged[found.kind] += int((~np.isfinite(found.p_value[-1])).sum())
    return DriftReport(
        first=str(new[0]),
        last=str(new[-1]),
        looks=looks,
        series=len(panel.keys),
        budget=config.budget,
        alarms=tuple(
            alarm
            for alarm in raise_alarms(evidence, limit, panel.weeks, config)
            if forecaster is None or not _learnt(alarm, new[0])
        ),
        checks=tuple(
            Check(e.kind, e.level, e.column, at, e.keys, e.p_value[-1], e.size[-1], e.deviation)
            for e, at in zip(evidence, limit, strict=True)
        ),
        weeks=panel.weeks,
        not_judged=dict(unjudged),
    )


def _new_weeks(panel: Panel, forecaster: Forecaster | None) -> int:
    if forecaster is None:
        return 1
    return int((panel.weeks > forecaster.cutoff).sum())


def _nothing_new(panel: Panel, config: DriftConfig) -> DriftReport:
    return DriftReport("", "", 0, len(panel.keys), config.budget, (), (), panel.weeks)


def _learnt(alarm: Alarm, first: np.datetime64) -> bool:
    """Whether a change of the world, not of the file, began before the model's cutoff: it has learnt of
    it."""
    return alarm.kind in _WORLD and bool(np.datetime64(alarm.since) < first)


def limits(evidence: Sequence[Evidence], config: DriftConfig) -> list[float]:
    """The p-value below which each family alarms: its kind's part of the budget, half of it for sales and
    half for inputs where the kind has both, in equal parts."""
    sides = [(e.kind, e.column == _SALES) for e in evidence]
    count = Counter(sides)
    return [
        config.limit(kind, count[kind, sales] * (2 if count[kind, not sales] else 1)) for kind, sales in sides
    ]


def gather(
    panel: Panel,
    looks: int,
    *,
    forecaster: Forecaster | None = None,
    calendar: Calendar = US_RETAIL,
    events: Sequence[Event] = (),
    config: DriftConfig = DriftConfig(),  # noqa: B008  frozen
) -> list[Evidence]:
    """Every family's evidence at the last ``looks`` weeks, each look from what was known at it; scales are
    learnt on the weeks before the first."""
    learn = len(panel.weeks) - looks
    panel, closed = _without_events(panel, events)
    grouped = groups(panel)
    values = panel.values
    out = lost_evidence(panel, calendar, looks, config, closed)
    compared = compare(panel, calendar, learn, config)
    quotient = log_ratio(compared.sold, compared.back, config)
    quotient[:, ~(compared.sigma <= config.steady)] = np.nan
    out += unit_evidence(quotient, _SALES, grouped, looks, config)
    out += stuck_evidence(values, _SALES, grouped, looks, config)
    odd = (slipped(quotient, config) != 0) | _standing(values, grouped, config)
    sound = replace(panel, values=np.where(odd, np.nan, values))
    compared = compare(sound, calendar, learn, config)
    out += shifted_evidence(compared, grouped, looks, config)
    out += level_evidence(*sales_parts(compared, panel, config), looks, config)
    for column in panel.observed:
        out += _input(panel, column, calendar, looks, config)
    if forecaster is not None:
        out += residual_evidence(sound, forecaster, looks, config)
    return out


def _without_events(panel: Panel, events: Sequence[Event]) -> tuple[Panel, Bool]:
    """The panel with promotions divided out, and (T, N) the weeks that events say are closed."""
    if not events:
        return panel, np.zeros(panel.values.shape, dtype=bool)
    labels = (panel.keys, panel.stores, panel.blocks)
    effects = apply_events(panel.values, panel.weeks, 1, events, *labels)
    closed = np.isnan(apply_events(np.ones_like(panel.values), panel.weeks, 1, events, *labels).values)
    return replace(panel, values=effects.values / effects.lift[:-1]), closed


def _standing(values: NDArray[np.float64], grouped: Sequence[Group], config: DriftConfig) -> Bool:
    """(T, N) weeks in which sales of a whole group repeat those of the week before."""
    same, possible = repeats(values)
    out = np.zeros_like(same)
    for group in grouped:
        if group.level != "series":
            out |= most(same, possible, group, config)[0][:, group.of]
    return out


def _input(panel: Panel, column: str, calendar: Calendar, looks: int, config: DriftConfig) -> list[Evidence]:
    values, each = by_store(panel, column)
    whole = Group("panel", np.array([""]), np.zeros(values.shape[1], dtype=np.int64))
    alone = replace(each, of=np.arange(values.shape[1]), level="series")  # each store for itself
    back = last_year(values, panel, calendar)
    out = unit_evidence(log_ratio(values, back, config), column, [whole, alone], looks, config)
    out += stuck_evidence(values, column, [whole, alone], looks, config)
    out += gone_evidence(values, column, [whole, alone], looks, config)
    everywhere = np.zeros(len(panel.keys), dtype=np.int64)
    out = [
        replace(e, of=everywhere) if e.level == "panel" else replace(e, of=each.of, level=each.level)
        for e in out
    ]
    odd = np.zeros(values.shape, dtype=bool)
    odd |= slipped(log_ratio(values, back, config), config) != 0
    return out + input_evidence(np.where(odd, np.nan, values), back, column, each, looks, config)
