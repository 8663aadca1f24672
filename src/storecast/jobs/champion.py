"""Which forecaster answers: the champion, its kind of model fitted anew, or one that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from storecast.forecasting.calendar import US_RETAIL, Calendar, calendar_of, calendar_state
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import Forecaster, ForecasterConfig
from storecast.forecasting.panel import Panel, known_ahead
from storecast.forecasting.quality import SalesData
from storecast.forecasting.state import from_state
from storecast.jobs.told import events_of, events_unrecorded
from storecast.ports import Registry

__all__ = ["Serving", "serving"]


@dataclass(frozen=True)
class Serving:
    """``made_by``: in words, which model and why; ``version`` None where fitted on the spot; ``calendar`` and
    ``events`` that it was told."""

    forecaster: Forecaster
    made_by: str
    version: int | None
    calendar: Calendar
    events: Sequence[Event]


def _same_history(forecaster: Forecaster, panel: Panel) -> bool:
    return (
        np.array_equal(forecaster.keys, panel.keys)
        and np.array_equal(forecaster.history_weeks, panel.weeks)
        and np.array_equal(forecaster.history, panel.values, equal_nan=True)
    )


def serving(
    data: SalesData,
    panel: Panel,
    registry: Registry,
    name: str,
    config: ForecasterConfig | None,
    horizon: int,
    calendar: Calendar | None,
    events: Sequence[Event],
    advance: Callable[[float], None],
) -> Serving:
    """The champion of ``name`` where it was made from this very data (``panel`` is that of ``data``), and for
    this calendar if one is named; else its kind of model, fitted on the data with its calendar and the events
    that it knew, where no others are given. Where a ``config`` is given, or there is no champion, a model
    fitted on the spot. Raises RequestError where the champion knew events that are not recorded."""
    champion = registry.champion(name) if config is None else None
    if champion is None:
        config = config or ForecasterConfig()
        made_by = f"{config.model}, fitted on the spot"
    else:
        content = registry.load(name, champion.version)
        loaded = from_state(content.arrays, content.texts, content.meta)
        made_with, known = content.meta["calendar"], events_of(content.meta)
        if (
            champion.tags.get("data_digest") == data.digest
            and _same_history(loaded, panel)  # another sheet of the same workbook is other data
            and not events
            and (calendar is None or calendar_state(calendar) == made_with)
            and horizon <= loaded.config.horizon
        ):
            words = f"champion, version {champion.version} ({loaded.config.model})"
            return Serving(loaded, words, champion.version, calendar_of(made_with), known or ())
        if known is None and not events:
            raise events_unrecorded()
        config, calendar = loaded.config, calendar or calendar_of(made_with)
        events = events or known or ()
        made_by = f"{config.model}, as champion version {champion.version}, fitted on this data"
    calendar = calendar or US_RETAIL
    fitted = Forecaster.fit(
        panel,
        replace(config, horizon=horizon),
        calendar,
        events,
        known_future=known_ahead(panel, data.future, horizon),
        advance=advance,
    )
    return Serving(fitted, made_by, None, calendar, events)
