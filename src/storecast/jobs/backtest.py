"""Back-test sales data at past cutoffs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from storecast.errors import RequestError
from storecast.forecasting.backtest import Backtest, rolling_cutoffs
from storecast.forecasting.backtest import backtest as roll_back
from storecast.forecasting.calendar import Calendar
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.panel import DEPT, UNIQUE_ID, Panel
from storecast.forecasting.quality import SalesSource
from storecast.jobs.checks import check_events, check_horizon

__all__ = ["BacktestRequest", "backtest", "backtest_panel"]


@dataclass(frozen=True)
class BacktestRequest:
    """``cutoffs`` by date (a day means the last week that is over by then), or the last ``windows`` of them
    ``step`` weeks apart; ``levels`` in percent; ``by``: whether scores by ``dept`` will be asked for."""

    config: ForecasterConfig
    cutoffs: tuple[np.datetime64, ...] = ()
    windows: int = 3
    step: int = 13
    levels: tuple[float, ...] = (80.0, 95.0)
    by: str | None = None


def backtest(
    source: SalesSource,
    path: str,
    request: BacktestRequest,
    calendar: Calendar,
    events: Sequence[Event] = (),
    advance: Callable[[float], None] = lambda share: None,
) -> Backtest:
    """Read the sales at ``path`` and back-test them; raises DataError or RequestError.

    The rows of the result have a column ``dept`` beside the usual ones where the panel has departments.
    """
    check_horizon(request.config.horizon)
    return backtest_panel(Panel.from_frame(source.read(path).panel), request, calendar, events, advance)


def backtest_panel(
    panel: Panel,
    request: BacktestRequest,
    calendar: Calendar,
    events: Sequence[Event] = (),
    advance: Callable[[float], None] = lambda share: None,
) -> Backtest:
    """The same of sales that were read."""
    check_events(events, panel)
    departments = bool((panel.blocks != "").any())
    if request.by == DEPT and not departments:
        raise RequestError(
            "These sales have no departments.",
            where="--by dept",
            expected="sales with a column that names the department",
            found=f"{len(panel.keys)} series without",
            remedy="Leave it out, or use --by store.",
        )
    cutoffs = _weeks_of(request.cutoffs, panel) or rolling_cutoffs(
        panel.weeks, request.config.horizon, request.windows, request.step
    )
    made = roll_back(
        panel, request.config, cutoffs, calendar, levels=request.levels, events=events, advance=advance
    )
    if departments:
        at = np.searchsorted(panel.keys, made.rows[UNIQUE_ID].to_numpy(dtype=str))
        made = replace(made, rows=made.rows.assign(dept=panel.blocks[at]))
    return made


def _weeks_of(days: Sequence[np.datetime64], panel: Panel) -> list[np.datetime64]:
    """The last week of the panel up to each day; days outside of the panel stay, to be refused by name."""
    at = np.searchsorted(panel.weeks, np.array(days, dtype="datetime64[D]"), side="right") - 1
    return [
        panel.weeks[i] if i >= 0 and day < panel.weeks[-1] + np.timedelta64(7, "D") else day
        for i, day in zip(at, days, strict=True)
    ]
