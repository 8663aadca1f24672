"""Protocols of the outside world, and the plain data that crosses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from storecast.ports.artifacts import ArtifactContent, ArtifactStore, ModelVersion
from storecast.ports.forecast_log import Depths, Entry, ForecastLog
from storecast.ports.releases import Earlier, Published, ReleaseInfo, Releases, Trial

if TYPE_CHECKING:  # types only: the service imports this module, and it must not reach pandas
    from storecast.forecasting.backtest import Backtest
    from storecast.forecasting.calendar import Calendar
    from storecast.forecasting.drift import DriftReport
    from storecast.forecasting.forecaster import Forecaster
    from storecast.forecasting.panel import Panel
    from storecast.forecasting.promotion import GateReport
    from storecast.forecasting.quality import QualityReport

__all__ = [
    "ArtifactContent",
    "ArtifactStore",
    "Depths",
    "DriftRun",
    "DriftWriter",
    "Earlier",
    "Entry",
    "ForecastLog",
    "ModelVersion",
    "Move",
    "Published",
    "Registry",
    "ReleaseInfo",
    "Releases",
    "ReportWriter",
    "RunReport",
    "Trial",
]


@dataclass(frozen=True)
class Move:
    """One recorded move of the alias ``champion``: from ``previous`` (None: nothing served) to ``version``.

    ``kind``: ``promote`` or ``rollback``; ``at``: ISO 8601, UTC.
    """

    kind: str
    version: int
    previous: int | None
    who: str
    why: str
    at: str


class Registry(Protocol):
    """Named models with immutable versions; aliases ``champion`` and ``challenger`` move between them."""

    def register(
        self,
        name: str,
        content: ArtifactContent,
        *,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        files: Mapping[str, bytes],
    ) -> ModelVersion:
        """Track a run and register its artifact as the next version of ``name``, alias ``challenger``."""
        ...

    def describe(self, name: str, version: int, text: str, files: Mapping[str, bytes]) -> None:
        """Give ``version`` the description ``text`` (Markdown), and its run ``files`` by path; what was there
        is replaced."""
        ...

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of ``name``, newest first; empty where the name is unknown."""
        ...

    def champion(self, name: str) -> ModelVersion | None:
        """The version that carries the alias ``champion``, if any."""
        ...

    def load(self, name: str, version: int) -> ArtifactContent:
        """The artifact of one version, its digests checked."""
        ...

    def export(self, name: str, version: int, folder: str) -> None:
        """Copy the artifact of one version byte for byte as ``folder``, whole or not at all."""
        ...

    def promote(self, name: str, version: int, *, who: str, why: str) -> ModelVersion:
        """Move ``champion`` to ``version``; the version it came from is recorded for ``rollback``.

        ``version`` loses the alias ``challenger``. Nothing moves, and nothing is recorded, where it is
        the champion already.
        """
        ...

    def rollback(self, name: str, *, who: str, why: str, to: int | None = None) -> ModelVersion:
        """Undo the last promotion that is not undone yet: ``champion`` goes back to the version it had.

        Every further call goes back one more promotion; ``RegistryError`` where none is left. With ``to``
        all promotions since that version served are undone at once.
        """
        ...

    def stamp(self, name: str) -> object:
        """What changes with every move of ``champion``, as cheaply as can be; None where nothing is there."""
        ...

    def history(self, name: str) -> list[Move]:
        """Which version served when: all recorded moves of ``champion``, oldest first."""
        ...


@dataclass(frozen=True)
class RunReport:
    """All that a run's report tells: the ``quality`` of ``source``, the ``backtest`` that the ``gate``
    judged, the fitted ``forecaster`` that serves and as which ``version`` of ``name``; ``created`` is an
    ISO time, ``unit`` what sales are counted in ("$"), ``files`` title -> path of what the run wrote."""

    name: str
    created: str
    source: str
    unit: str
    quality: QualityReport
    panel: Panel
    calendar: Calendar
    forecaster: Forecaster
    backtest: Backtest | None
    gate: GateReport
    version: int
    files: Mapping[str, str] = field(default_factory=dict)


class ReportWriter(Protocol):
    """Turns a run into something people would rather look at than read."""

    def pictures(self, report: RunReport) -> dict[str, bytes]:
        """File name -> PNG bytes: what is tracked with the version."""
        ...

    def write(self, report: RunReport, path: str) -> None:
        """Write the report as one HTML file that needs no other file."""
        ...


@dataclass(frozen=True)
class DriftRun:
    """All that a report of drift tells: what ``drift`` found in ``panel``, read from ``source``, since the
    ``version`` of ``name`` that serves (None: without a model); the rest as in ``RunReport``."""

    name: str
    created: str
    source: str
    unit: str
    panel: Panel
    calendar: Calendar
    drift: DriftReport
    version: int | None


class DriftWriter(Protocol):
    """Turns what has drifted into something people would rather look at than read."""

    def write_drift(self, run: DriftRun, path: str) -> None:
        """Write the report as one HTML file that needs no other file."""
        ...
