"""Back-test sales data at past cutoffs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from storecast.forecasting.backtest import Backtest, rolling_cutoffs
from storecast.forecasting.backtest import backtest as roll_back
from storecast.forecasting.calendar import Calendar
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.panel import Panel
from storecast.forecasting.quality import SalesSource

__all__ = ["BacktestRequest", "backtest"]


@dataclass(frozen=True)
class BacktestRequest:
    """``cutoffs`` by date, or the last ``windows`` of them ``step`` weeks apart; ``levels`` in percent."""

    config: ForecasterConfig
    cutoffs: tuple[np.datetime64, ...] = ()
    windows: int = 3
    step: int = 13
    levels: tuple[float, ...] = (80.0, 95.0)


def backtest(
    source: SalesSource,
    path: str,
    request: BacktestRequest,
    calendar: Calendar,
    events: Sequence[Event] = (),
    advance: Callable[[float], None] = lambda share: None,
) -> Backtest:
    """Read the sales at ``path`` and back-test them; raises DataError or RequestError."""
    panel = Panel.from_frame(source.read(path).panel)
    cutoffs = request.cutoffs or tuple(
        rolling_cutoffs(panel.weeks, request.config.horizon, request.windows, request.step)
    )
    return roll_back(
        panel, request.config, cutoffs, calendar, levels=request.levels, events=events, advance=advance
    )
