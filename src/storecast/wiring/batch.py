"""Everything the batch jobs need, made from the settings."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from storecast.forecasting.backtest import Backtest
from storecast.forecasting.calendar import US_RETAIL, Calendar
from storecast.forecasting.events import Event
from storecast.forecasting.quality import SalesData
from storecast.ports import Registry, ReportWriter
from storecast.settings import Settings
from storecast.stores.calendars import country_calendar, file_calendar
from storecast.stores.event_files import read_events
from storecast.stores.frames import FrameFiles, write_bytes
from storecast.stores.registry import MlflowRegistry
from storecast.stores.report import HtmlReport, backtest_picture
from storecast.stores.sales_files import read_sales
from storecast.stores.sample_files import SampleFiles

__all__ = [
    "SalesFiles",
    "calendar",
    "clock",
    "draw_backtest",
    "events",
    "registry",
    "report_writer",
    "sales_writer",
    "table_writer",
    "user",
]


@dataclass(frozen=True)
class SalesFiles:
    """The port of sales data, on files; options as on the command line."""

    sheet: str | None = None
    dayfirst: bool | None = None

    def read(self, path: str) -> SalesData:
        """Read and check the sales at ``path``."""
        return read_sales(path, sheet=self.sheet, dayfirst=self.dayfirst)


def registry(settings: Settings) -> Registry:
    """The model registry: MLflow at the tracking URI, or embedded in the home folder."""
    return MlflowRegistry(settings.home.resolve(), clock=clock, uri=settings.tracking_uri or None)


def report_writer() -> ReportWriter:
    """The HTML report."""
    return HtmlReport()


def sales_writer() -> SampleFiles:
    """Where sample data goes."""
    return SampleFiles()


def table_writer() -> FrameFiles:
    """Where result tables go."""
    return FrameFiles()


def draw_backtest(result: Backtest, path: Path) -> None:
    """Draw a back-test into a PNG."""
    write_bytes(backtest_picture(result), path)


def calendar(country: str | None, path: Path | None) -> Calendar:
    """The holiday calendar: a file's, a country's, or the US retail calendar."""
    if path is not None:
        return file_calendar(path)
    return country_calendar(country) if country else US_RETAIL


def events(path: Path | None) -> Sequence[Event]:
    """The known events of a file; none without one."""
    if path is None:
        return ()
    frame = read_events(path)
    columns = [
        frame[name].fillna("").astype(str) if name in frame else [""] * len(frame)
        for name in ("series", "block")
    ]
    return tuple(
        Event(str(kind), np.datetime64(first, "D"), np.datetime64(last, "D"), str(series), str(block))
        for kind, first, last, series, block in zip(
            frame["kind"], frame["first_week"], frame["last_week"], *columns, strict=True
        )
    )


def clock() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def user() -> str:
    """Who is at the keyboard, for the record of promotions."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return f"uid {os.getuid()}"
