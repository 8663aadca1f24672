"""Protocols of the outside world, and the plain data that crosses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from storecast.ports.forecast_log import Depths, Entry, ForecastLog

if TYPE_CHECKING:  # types only: the service imports this module, and it must not reach pandas
    from storecast.forecasting.backtest import Backtest
    from storecast.forecasting.calendar import Calendar
    from storecast.forecasting.forecaster import Forecaster
    from storecast.forecasting.panel import Panel
    from storecast.forecasting.promotion import GateReport
    from storecast.forecasting.quality import QualityReport

__all__ = [
    "ArtifactContent",
    "ArtifactStore",
    "Depths",
    "Earlier",
    "Entry",
    "ForecastLog",
    "ModelVersion",
    "Move",
    "Registry",
    "ReleaseInfo",
    "Releases",
    "ReportWriter",
    "RunReport",
]


@dataclass(frozen=True)
class ArtifactContent:
    """What one fitted forecaster is made of: data only, nothing that could run.

    ``arrays``: numbers, booleans, dates or fixed-width text; ``texts``: whole text files by name
    (LightGBM models); ``meta``: a JSON object (configuration, metrics, data hash, code version).
    """

    arrays: Mapping[str, NDArray[np.generic]]
    texts: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)


class ArtifactStore(Protocol):
    """Immutable artifact folders, each with one digest."""

    def save(self, content: ArtifactContent, folder: str) -> str:
        """Write the folder whole or not at all; return its digest (hex SHA-256)."""
        ...

    def load(self, folder: str, digest: str | None = None) -> ArtifactContent:
        """Read a folder back after checking every digest; raises ``ArtifactError``."""
        ...


@dataclass(frozen=True)
class ModelVersion:
    """One registered version: ``metrics`` and ``tags`` are what was recorded with it."""

    name: str
    version: int
    digest: str
    created: str
    aliases: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


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

    def rollback(self, name: str, *, who: str, why: str) -> ModelVersion:
        """Undo the last promotion that is not undone yet: ``champion`` goes back to the version it had.

        Every further call goes back one more promotion; ``RegistryError`` where none is left.
        """
        ...

    def history(self, name: str) -> list[Move]:
        """Which version served when: all recorded moves of ``champion``, oldest first."""
        ...


@dataclass(frozen=True)
class Earlier:
    """A version that served before: what a rollback without the registry goes back to."""

    version: int
    digest: str
    model: str


@dataclass(frozen=True)
class ReleaseInfo:
    """What the release folder points to: ``version`` of ``name``, its ``digest`` and kind of ``model``.

    ``kind``: how it came there, ``promote``, ``rollback`` or ``moved`` (the alias, elsewhere); ``alias``: the
    registry's champion as last heard, another than ``version`` after a rollback that the registry was not
    told of yet; ``earlier``: what served before, latest first; ``published_at``: ISO 8601, UTC.
    """

    name: str
    version: int
    digest: str
    model: str
    kind: str
    who: str
    why: str
    published_at: str
    alias: int | None = None
    earlier: tuple[Earlier, ...] = ()

    @property
    def previous(self) -> Earlier | None:
        """What a rollback goes back to."""
        return self.earlier[0] if self.earlier else None


class Releases(Protocol):
    """The release folder of one named model: versions, and the pointer to the one that serves."""

    def current(self) -> ReleaseInfo | None:
        """What serves; None before the first publication. Raises ``ArtifactError`` where it is damaged."""
        ...

    def load(self, info: ReleaseInfo) -> ArtifactContent:
        """The artifact that ``info`` points to, every file checked; raises ``ArtifactError``."""
        ...

    def stage(self, digest: str, fetch: Callable[[str], object]) -> ArtifactContent:
        """The version with this digest, checked; ``fetch`` writes its folder where it is not there, or not
        sound."""
        ...

    def publish(
        self, version: ModelVersion, *, model: str, kind: str, who: str, why: str, after: ReleaseInfo | None
    ) -> ReleaseInfo | None:
        """Point to a staged version; None, and nothing done, where the pointer is not ``after`` any more."""
        ...

    def rollback(self, *, who: str, why: str) -> ReleaseInfo:
        """Point to what served before, as it lies in the folder; the registry is not asked."""
        ...

    def heard(self, alias: int | None, after: ReleaseInfo) -> ReleaseInfo | None:
        """Note the registry's champion, where the pointer is still ``after``; what serves stays."""
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
