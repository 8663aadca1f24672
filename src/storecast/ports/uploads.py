"""What the service and the follower agree on for uploaded data sets: names of jobs and contents."""

from __future__ import annotations

__all__ = ["DATASET_JOB", "UPLOAD", "forecast_content"]

DATASET_JOB = "dataset"  # kind of the job: check, fit, forecast; its subject is the data set's id
UPLOAD = "upload"  # content: the file as it came


def forecast_content(level: str) -> str:
    """Name of the content with the forecasts of one level (``series``, ``store``, ``total``).

    It is CSV with columns ``unique_id, ds, storecast, storecast-lo-80, ...``.
    """
    return f"forecast-{level}.csv"
