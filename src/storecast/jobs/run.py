"""The whole main job: from sales data to a champion, its forecasts and a report."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

from storecast.forecasting.backtest import output_columns
from storecast.forecasting.calendar import Calendar
from storecast.forecasting.events import Event
from storecast.forecasting.frames import forecast_table
from storecast.forecasting.quality import SalesSource
from storecast.jobs.train import TrainRequest, TrainResult, train
from storecast.ports import ArtifactContent, Registry, Releases, ReportWriter

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RunResult", "TableWriter", "run"]

_FORECASTS = {"series": "forecast.csv", "store": "forecast-store.csv", "total": "forecast-total.csv"}


class TableWriter(Protocol):
    """Where result tables go."""

    def check(self, folder: str) -> None:
        """Raise RequestError where no file could be written into ``folder``."""
        ...

    def write(self, frame: pd.DataFrame, path: str) -> None:
        """Write ``frame`` whole or not at all, by the name's ending."""
        ...

    def remove(self, path: str) -> None:
        """Remove what an earlier run wrote to ``path``, if it did."""
        ...


@dataclass(frozen=True)
class RunResult:
    """``training``: what was fitted and judged; ``files``: title -> path of what was written."""

    training: TrainResult
    files: dict[str, str]


def run(
    source: SalesSource,
    registry: Registry,
    writer: ReportWriter,
    tables: TableWriter,
    path: str,
    folder: str,
    request: TrainRequest,
    calendar: Calendar,
    *,
    created: str,
    events: tuple[Event, ...] = (),
    releases: Releases | None = None,
    alone: Callable[[], AbstractContextManager[None]] = nullcontext,
    what_if: Callable[[ArtifactContent], float] | None = None,
    advance: Callable[[str, float], None],
) -> RunResult:
    """Train on the sales at ``path``; write forecasts, back-test and report into ``folder``, which is
    tried before the work. What an earlier run left there and this one has not, such as stores of another
    data set, goes: all files of the folder are of one run."""
    tables.check(folder)
    result = train(
        source,
        registry,
        path,
        request,
        calendar,
        created=created,
        events=events,
        writer=writer,
        releases=releases,
        alone=alone,
        what_if=what_if,
        advance=advance,
    )
    advance("Write", 0.0)
    forecaster, files = result.forecaster, {}
    for level, name in _FORECASTS.items():
        target = str(PurePath(folder, name))
        if level not in forecaster.levels:
            tables.remove(target)
            continue
        files[f"Forecasts by {level}"] = target
        tables.write(forecast_table(forecaster, forecaster.config.horizon, request.levels, level), target)
    target = str(PurePath(folder, "backtest.csv"))
    if result.judged is None:
        tables.remove(target)
    else:
        files["Back-test"] = target
        tables.write(result.judged.rows[output_columns(request.levels)], target)
    advance("Write", 0.5)
    files["Report"] = str(PurePath(folder, "report.html"))
    report = replace(result.report(request, calendar, path, created), files=files)
    writer.write(report, files["Report"])
    advance("Write", 1.0)
    return RunResult(result, files)
