"""Checks of sales rows: repair what one reading alone explains, refuse what cannot be told, say which."""

from __future__ import annotations

from storecast.forecasting.quality.clean import Cleaned, SalesRows, clean_rows
from storecast.forecasting.quality.findings import Finding, QualityReport, SalesData, SalesRefused, refuse, row_list
from storecast.forecasting.quality.readings import UNKNOWN, DateReadings

__all__ = [
    "UNKNOWN",
    "Cleaned",
    "DateReadings",
    "Finding",
    "QualityReport",
    "SalesData",
    "SalesRefused",
    "SalesRows",
    "clean_rows",
    "refuse",
    "row_list",
]
