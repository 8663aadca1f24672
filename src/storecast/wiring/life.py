"""What the jobs of a model's life need beside training's: actuals, overrides, the log read back, runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from storecast.jobs.explain import Planners
from storecast.jobs.monitor import Watched
from storecast.ports.moves import served
from storecast.ports.records import Actuals
from storecast.settings import Settings
from storecast.stores.forecast_log.actuals import ActualsTable
from storecast.stores.forecast_log.answers import AnswerTable
from storecast.stores.forecast_log.model_events import ModelEventTable
from storecast.stores.forecast_log.monitor_runs import MonitorRunTable
from storecast.stores.forecast_log.overrides import OverrideTable
from storecast.wiring import batch
from storecast.wiring.serving import database

__all__ = ["actuals_table", "planners", "watched"]


@contextmanager
def actuals_table(settings: Settings) -> Iterator[Actuals]:
    """The actuals in the forecast log's database."""
    opened = database(settings)
    try:
        yield ActualsTable(opened)
    finally:
        opened.close()


@contextmanager
def watched(settings: Settings, name: str) -> Iterator[Watched]:
    """The log read back, the actuals, what served of ``name``, and where looks at it are written down."""
    opened = database(settings)
    try:
        pointer = batch.releases(settings, name).current()
        yield Watched(
            AnswerTable(opened),
            ActualsTable(opened),
            MonitorRunTable(opened),
            served(ModelEventTable(opened), name, pointer),
        )
    finally:
        opened.close()


def planners(settings: Settings, name: str) -> Planners:
    """What planners said until now, and the pointer to what serves of ``name``."""
    opened = database(settings)
    try:
        rows = OverrideTable(opened).rows()
    finally:
        opened.close()
    return Planners(rows, time.time_ns() // 1000, batch.releases(settings, name).current())
