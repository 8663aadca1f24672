"""What the service and the follower agree on for work that is left to it: jobs and contents."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self

__all__ = ["BACKTEST_CONTENT", "BACKTEST_JOB", "DATASET_JOB", "UPLOAD", "BacktestOrder", "forecast_content"]

DATASET_JOB = "dataset"  # kind of the job: check, fit, forecast; its subject is the data set's id
BACKTEST_JOB = "backtest"  # its subject is a BacktestOrder as text
UPLOAD = "upload"  # content: the file as it came
BACKTEST_CONTENT = "backtest.csv"  # content: the rows of the data set's last back-test


@dataclass(frozen=True)
class BacktestOrder:
    """What to back-test: an uploaded ``dataset``, or with "" the history of the version that serves.

    ``model``: by name, "" for that of the version that serves; the last ``windows`` cutoffs, ``step`` weeks
    apart, ``horizon`` weeks ahead each; bands of ``levels`` percent.
    """

    dataset: str = ""
    model: str = ""
    horizon: int = 13
    windows: int = 3
    step: int = 13
    levels: tuple[float, ...] = (80.0, 95.0)

    def text(self) -> str:
        """The order as a job's subject has it."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Self:
        """The order that ``text`` says."""
        read = json.loads(text)
        return cls(**{**read, "levels": tuple(read["levels"])})


def forecast_content(level: str) -> str:
    """Name of the content with the forecasts of one level (``series``, ``store``, ``total``).

    It is CSV with columns ``unique_id, ds, storecast, storecast-lo-80, ...``.
    """
    return f"forecast-{level}.csv"
