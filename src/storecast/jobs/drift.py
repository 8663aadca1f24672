"""What has drifted since the champion was made, or in the last weeks of sales data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from storecast.forecasting.calendar import US_RETAIL, Calendar, calendar_of
from storecast.forecasting.drift import DriftConfig, DriftReport
from storecast.forecasting.drift import drift as look
from storecast.forecasting.events import Event
from storecast.forecasting.panel import Panel
from storecast.forecasting.quality import SalesData, SalesSource
from storecast.forecasting.state import from_state
from storecast.jobs.checks import check_events
from storecast.ports import DriftRun, Registry

__all__ = ["DriftRequest", "DriftResult", "drift"]


@dataclass(frozen=True)
class DriftRequest:
    """``name``: whose champion; ``weeks``: look at the last so many instead of those after its cutoff."""

    name: str = "storecast"
    weeks: int | None = None
    config: DriftConfig = field(default_factory=DriftConfig)


@dataclass(frozen=True)
class DriftResult:
    """``report`` of ``panel``, the panel of ``data``; ``version`` of the champion whose residuals were looked
    at, None without one."""

    data: SalesData
    panel: Panel
    calendar: Calendar
    version: int | None
    report: DriftReport

    def run(self, request: DriftRequest, source: str, created: str, unit: str = "$") -> DriftRun:
        """What a written report needs of this."""
        return DriftRun(
            request.name, created, source, unit, self.panel, self.calendar, self.report, self.version
        )


def drift(
    source: SalesSource,
    registry: Registry,
    path: str,
    request: DriftRequest,
    *,
    calendar: Calendar | None = None,
    events: Sequence[Event] = (),
) -> DriftResult:
    """Look at the weeks of the sales at ``path`` that the champion has not seen.

    Where there is no champion, at the last one, or ``request.weeks``. The calendar is the champion's unless
    another is named. Raises DataError, RegistryError, ArtifactError, or RequestError for weeks there are not.
    """
    data = source.read(path)
    panel = Panel.from_frame(data.panel)
    check_events(events, panel)
    champion = registry.champion(request.name)
    forecaster = None
    if champion is not None:
        content = registry.load(request.name, champion.version)
        forecaster = from_state(content.arrays, content.texts, content.meta)
        calendar = calendar or calendar_of(content.meta["calendar"])
    calendar = calendar or US_RETAIL
    report = look(
        panel,
        forecaster=forecaster,
        weeks=request.weeks,
        calendar=calendar,
        events=events,
        config=request.config,
    )
    return DriftResult(data, panel, calendar, None if champion is None else champion.version, report)
