"""The report of a run: one HTML file with pictures that a planner can open anywhere."""

from __future__ import annotations

from storecast.stores.report.writer import (
    HtmlReport,
    accuracy_picture,
    backtest_picture,
    forecast_picture,
    reasons_picture,
)

__all__ = ["HtmlReport", "accuracy_picture", "backtest_picture", "forecast_picture", "reasons_picture"]
