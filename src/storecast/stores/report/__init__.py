"""The report of a run: one HTML file with pictures that a planner can open anywhere."""

from __future__ import annotations

from storecast.stores.report.writer import HtmlReport, backtest_picture, forecast_picture

__all__ = ["HtmlReport", "backtest_picture", "forecast_picture"]
