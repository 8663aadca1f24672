"""What the jobs of a model's life need beside those of training: actuals, the log read back, runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from storecast.ports.records import Actuals
from storecast.settings import Settings
from storecast.stores.forecast_log.actuals import ActualsTable
from storecast.wiring.serving import database

__all__ = ["actuals_table"]


@contextmanager
def actuals_table(settings: Settings) -> Iterator[Actuals]:
    """The actuals in the forecast log's database."""
    opened = database(settings)
    try:
        yield ActualsTable(opened)
    finally:
        opened.close()
