"""The forecast log: every answer, written before it is given, on SQLite or PostgreSQL; and what stands
beside it in the same database."""

from __future__ import annotations

from storecast.stores.forecast_log.database import PATIENCE, Database
from storecast.stores.forecast_log.groups import acknowledged
from storecast.stores.forecast_log.log import DatabaseLog

__all__ = ["PATIENCE", "Database", "DatabaseLog", "acknowledged"]
