"""Checks of sales rows: repair what one reading alone explains, refuse what cannot be told, say which."""

from __future__ import annotations

from storecast.forecasting.quality.clean import Cleaned, clean_rows
from storecast.forecasting.quality.findings import (
    Finding,
    QualityReport,
    SalesData,
    SalesRefusedError,
    SalesSource,
    counted,
    refuse,
    row_list,
)
from storecast.forecasting.quality.readings import UNKNOWN, DateReadings
from storecast.forecasting.quality.rows import SalesRows

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
    "counted",
    "refuse",
    "row_list",
]
