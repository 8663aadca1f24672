"""What the jobs of a model's life need beside those of training: actuals, the log read back, runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from storecast.ports.monitoring import Answers, MonitorRuns
from storecast.ports.records import Actuals
from storecast.settings import Settings
from storecast.stores.forecast_log.actuals import ActualsTable
from storecast.stores.forecast_log.answers import AnswerTable
from storecast.stores.forecast_log.monitor_runs import MonitorRunTable
from storecast.wiring.serving import database

__all__ = ["actuals_table", "watched"]


@contextmanager
def actuals_table(settings: Settings) -> Iterator[Actuals]:
    """The actuals in the forecast log's database."""
    opened = database(settings)
    try:
        yield ActualsTable(opened)
    finally:
        opened.close()


@contextmanager
def watched(settings: Settings) -> Iterator[tuple[Answers, Actuals, MonitorRuns]]:
    """The log read back, the actuals, and where looks at a model are written down."""
    opened = database(settings)
    try:
        yield AnswerTable(opened), ActualsTable(opened), MonitorRunTable(opened)
    finally:
        opened.close()
