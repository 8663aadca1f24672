"""What has drifted in the weeks that the champion has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from storecast.forecasting.calendar import Calendar, calendar_of
from storecast.forecasting.drift import DriftConfig, DriftReport
from storecast.forecasting.drift import drift as look
from storecast.forecasting.events import Event
from storecast.forecasting.extending import extend
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.frames import history_panel
from storecast.forecasting.panel import Panel
from storecast.forecasting.quality import SalesSource
from storecast.forecasting.state import from_state
from storecast.ports import DriftRun, ModelVersion, Registry

__all__ = ["DriftResult", "drift", "since_cutoff"]


@dataclass(frozen=True)
class DriftResult:
    """``report`` of what changed in ``panel``, by ``calendar``."""

    panel: Panel
    calendar: Calendar
    report: DriftReport

    def run(self, champion: ModelVersion, source: str, created: str, unit: str) -> DriftRun:
        """What a page of this tells; ``created`` an ISO time."""
        return DriftRun(
            champion.name,
            created,
            source,
            unit,
            self.panel,
            self.calendar,
            self.report,
            champion.version,
        )


def drift(
    source: SalesSource,
    registry: Registry,
    path: str,
    champion: ModelVersion,
    *,
    events: Sequence[Event] = (),
    config: DriftConfig | None = None,
) -> DriftResult:
    """Look at the weeks of the sales at ``path`` after the cutoff of ``champion``.

    Raises DataError for sales that are refused, do not go on where its history ends or are no later,
    RegistryError or ArtifactError where it cannot be loaded.
    """
    news = Panel.from_frame(source.read(path).panel)
    content = registry.load(champion.name, champion.version)
    forecaster = from_state(content.arrays, content.texts, content.meta)
    return since_cutoff(forecaster, content.meta, news, events=events, config=config)


def since_cutoff(
    forecaster: Forecaster,
    meta: Mapping[str, Any],
    news: Panel,
    *,
    events: Sequence[Event] = (),
    config: DriftConfig | None = None,
) -> DriftResult:
    """Look at the weeks of ``news`` after the cutoff of ``forecaster``, whose artifact's metadata is
    ``meta``.

    Where ``news`` holds the history too, as a whole file does, it is looked at as it is, with its inputs;
    where it holds new weeks alone or lacks series, behind the history that the forecaster keeps, which has
    those inputs that its model reads. Raises DataError where the weeks do not follow on each other.
    """
    calendar = calendar_of(meta.get("calendar", {}))
    panel = news if _whole(forecaster, news) else extend(history_panel(forecaster), news).panel
    report = look(
        panel, forecaster=forecaster, calendar=calendar, events=events, config=config or DriftConfig()
    )
    return DriftResult(panel, calendar, report)


def _whole(forecaster: Forecaster, news: Panel) -> bool:
    """Whether ``news`` reaches back as far as the history, on its weeks and with all of its series."""
    first = forecaster.history_weeks[0]
    on_grid = (news.weeks[0] - first).astype(np.int64) % 7 == 0
    return bool(on_grid and news.weeks[0] <= first and np.isin(forecaster.keys, news.keys).all())
