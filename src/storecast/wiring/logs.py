"""The forecast log as its keeper sees it: exported, thinned out, and its model events verified."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storecast.ports.records import Actuals, Overrides
from storecast.settings import Settings
from storecast.stores.forecast_log.actuals import ActualsTable
from storecast.stores.forecast_log.event_chain import ChainReport, verify
from storecast.stores.forecast_log.export import Exported, export
from storecast.stores.forecast_log.overrides import OverrideTable
from storecast.stores.forecast_log.records import ForecastTable
from storecast.wiring import signing
from storecast.wiring.serving import database

__all__ = ["actuals_table", "export_log", "override_table", "prune_log", "verify_events"]


def export_log(settings: Settings, folder: Path, *, since: int | None, until: int | None) -> Exported:
    """Write the entries of times ``since`` <= at < ``until`` (microseconds since 1970) to ``folder``."""
    opened = database(settings)
    try:
        with ForecastTable(opened).snapshot(since=since, until=until) as entries:
            return export(entries, folder)
    finally:
        opened.close()


def prune_log(settings: Settings, *, before: int) -> int:
    """Remove the entries of times before ``before``; how many there were."""
    opened = database(settings)
    try:
        return ForecastTable(opened).prune(before=before)
    finally:
        opened.close()


def verify_events(settings: Settings, *, noted: str = "", sealed: bool = False) -> ChainReport:
    """Whether the record of model events is as it was written; ``noted``: a hash that must be in it;
    ``sealed``: whether its last entry must be sealed by a key that is trusted here."""
    opened = database(settings)
    try:
        return verify(opened, signing.sealer(settings), noted=noted, sealed=sealed)
    finally:
        opened.close()


@contextmanager
def override_table(settings: Settings) -> Iterator[Overrides]:
    """What planners know better."""
    opened = database(settings)
    try:
        yield OverrideTable(opened)
    finally:
        opened.close()


@contextmanager
def actuals_table(settings: Settings) -> Iterator[Actuals]:
    """What was truly sold."""
    opened = database(settings)
    try:
        yield ActualsTable(opened)
    finally:
        opened.close()
