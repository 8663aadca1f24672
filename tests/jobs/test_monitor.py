"""A look at what serves: which actuals are its weeks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from storecast.forecasting.forecaster import ForecasterConfig
from storecast.jobs.monitor import Watched, monitor
from storecast.jobs.train import TrainRequest, train
from storecast.ports.records import Actual
from tests.fakes import FakeRegistry
from tests.jobs.worlds import CALENDAR, SALES, noisy, write


class Known:
    """Actuals in a list; nothing was answered, and what is found is kept nowhere."""

    def __init__(self, rows: list[Actual]) -> None:
        self.rows = rows

    def each(self, **_: Any) -> Iterator[Actual]:
        return iter(self.rows)

    def versions(self, name: str) -> list[Any]:
        return []

    def record(self, *_: Any, **__: Any) -> None:
        return


def test_actuals_of_weeks_that_end_on_another_day_are_named(tmp_path: Path) -> None:
    """They are put into no week of the model's: drift is not looked for, and the look says why."""
    registry, path = FakeRegistry(), write(tmp_path / "sales.csv", noisy())
    request = TrainRequest(config=ForecasterConfig(horizon=13, model="aligned"), who="Ann")
    train(SALES, registry, path, request, CALENDAR, created="2026-01-01T12:00:00+00:00")
    champion = registry.champion(request.name)
    assert champion is not None
    arrays = registry.load(request.name, champion.version).arrays
    weeks: Any = np.asarray(arrays["weeks"]).astype("datetime64[D]")[:9]
    for days, looked in ((0,), True), ((0, 2), False):
        known: Any = Known(
            [
                Actual(str(k), str(w + np.timedelta64(d, "D")), 9e3)
                for k in arrays["keys"]
                for w in weeks
                for d in days
            ]
        )
        look = monitor(registry, Watched(known, known, known, ()), request.name, at="2026-03-01T12:00:00Z")
        assert (look.drift is not None) == looked
        assert ("another day" in look.no_drift) != looked
        assert (f"{weeks[0] + np.timedelta64(2, 'D')}" in look.no_drift) != looked
