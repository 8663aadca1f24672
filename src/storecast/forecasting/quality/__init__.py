"""Checks of sales rows: repair what one reading alone explains, refuse what cannot be told, say which."""

from __future__ import annotations

from storecast.forecasting.quality.clean import Cleaned, SalesRows, clean_rows
from storecast.forecasting.quality.findings import (
    Finding,
    QualityReport,
    SalesData,
    SalesRefusedError,
    SalesSource,
    refuse,
    row_list,
)
from storecast.forecasting.quality.readings import UNKNOWN, DateReadings

__all__ = [
    "UNKNOWN",
    "Cleaned",
    "DateReadings",
    "Finding",
    "QualityReport",
    "SalesData",
    "SalesRefusedError",
    "SalesRows",
    "SalesSource",
    "clean_rows",
    "refuse",
    "row_list",
]
