"""Drift that knows the calendar: what changed since the model was made, and what that means."""

from storecast.forecasting.drift.config import KINDS, DriftConfig
from storecast.forecasting.drift.look import drift, gather, limits
from storecast.forecasting.drift.report import Alarm, Check, DriftReport

__all__ = ["KINDS", "Alarm", "Check", "DriftConfig", "DriftReport", "drift", "gather", "limits"]
