"""What the service answers about versions: what serves, who moved it, how good it was and is."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from storecast.webapp.answers import By, Model

__all__ = [
    "Accuracy",
    "Backtests",
    "ModelEvent",
    "ModelEvents",
    "Models",
    "OnTrial",
    "Registered",
    "Status",
    "Versions",
    "scores_of",
]


class Published(Struct):
    """A version and how it came to serve."""

    name: str
    version: int
    digest: str
    model: str
    kind: str
    who: str
    why: str
    published_at: str


class Earlier(Struct):
    """A version that served before."""

    version: int
    digest: str
    model: str


class Trial(Struct):
    """A challenger beside what serves, in ``shadow`` or as a ``canary`` with a ``share`` of the series."""

    kind: str
    version: int
    model: str
    share: float
    who: str
    why: str
    at: str


class Models(Struct):
    """What serves; ``refused``: why a published version does not; ``trial``: the challenger beside it."""

    champion: Published | None
    earlier: list[Earlier]
    refused: str
    trial: Trial | None = None


class OnTrial(Struct):
    """The challenger: ``moves``, how far it is from what serves, ``gate``, the verdict on it; ``refused``:
    why it does not answer, or why the last one ended by itself."""

    trial: Trial | None
    active: bool
    refused: str
    moves: dict[str, Any] | None
    gate: dict[str, Any]
    cutoff: str | None


class Registered(Struct):
    """A version of the registry."""

    version: int
    created: str
    tags: dict[str, str]
    metrics: dict[str, float | None]


class Versions(Struct):
    """All that may be promoted, newest first; empty before a follower has looked."""

    versions: list[Registered]


class ModelEvent(Struct):
    """A move of the champion, done or asked for."""

    id: str
    at: str
    kind: str
    who: str
    why: str
    from_version: int | None
    to_version: int | None
    state: str
    finished: str | None
    error: str
    share: float | None = None


class ModelEvents(Struct):
    """Moves, newest first."""

    events: list[ModelEvent]
    next: str | None


class Backtests(Struct):
    """How the version did on weeks it had not seen; ``tables`` by store, horizon and so on, where kept."""

    model: Model
    cutoff: str
    metrics: dict[str, float]
    gate: dict[str, Any]
    cutoffs: list[str] = field(default_factory=list)
    horizon: int | None = None
    tables: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    boosting_weight: float = 0.0
    importance: dict[str, float] = field(default_factory=dict)


def scores_of(judged: Backtests, by: By) -> tuple[dict[str, Any], bool]:
    """Figures of the back-test for the forecasts of a level, and whether they are its own: a version that
    kept none by level has those of its series."""
    table = judged.tables.get("level", {})
    if by == "series" or by not in table.get("segment", []):
        return judged.metrics, by == "series"
    at = table["segment"].index(by)
    return {name: values[at] for name, values in table.items() if name != "segment"}, True


class Accuracy(Struct):
    """Forecasts against the actuals that came since; ``all`` None without any."""

    model: Model
    cutoff: str
    unit: str
    all: dict[str, float | None] | None
    weeks: list[dict[str, Any]]
    groups: list[dict[str, Any]] = field(default_factory=list)


class Status(Struct):
    """What the last look found, at ``version``; ``looked_at`` None before the first."""

    model: Model
    cutoff: str
    looked_at: str | None
    version: int | None
    verdict: str | None
    due: bool | None
    next: str
    reasons: list[dict[str, Any]]
    live: dict[str, float | None] | None
    drift: dict[str, Any] | None
    no_drift: str
