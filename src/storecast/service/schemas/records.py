"""What is known of series, versions and the past."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from storecast.service.schemas.common import Model
from storecast.service.schemas.forecasts import Date, Key

__all__ = [
    "ActualRow",
    "ActualsAnswer",
    "ActualsList",
    "ActualsUpload",
    "BacktestsAnswer",
    "EventsAnswer",
    "Explained",
    "ExplanationsAnswer",
    "HistoryAnswer",
    "ModelEventAnswer",
    "ModelsAnswer",
    "SeriesAnswer",
    "VersionsAnswer",
]


class Step(Struct):
    """One step of a forecast and the dollars that it changed."""

    name: str
    title: str
    dollars: float


class Unused(Struct):
    """An input that this version does not read."""

    name: str
    dollars: float
    text: str


class Explained(Struct):
    """One forecast as dollars that add up to it, exactly."""

    unique_id: str
    ds: str
    horizon: int
    forecast: float
    steps: list[Step]
    unused: list[Unused]
    note: str


class ExplanationsAnswer(Struct):
    """Explanations of one series' weeks; ``id``: under which the answer is logged."""

    id: str
    model: Model
    unit: str
    explanations: list[Explained]


class SeriesItem(Struct):
    """One series: ``weeks`` known of it, from ``first`` to ``last``; ``latest`` is its last known sale."""

    unique_id: str
    store: str
    dept: str
    weeks: int
    first: str | None
    last: str | None
    latest: float | None
    note: str


class SeriesAnswer(Struct):
    """Series in the order people count; ``next``: what to give as ``after`` for more, null at the end."""

    total: int
    series: list[SeriesItem]
    next: str | None


class Point(Struct):
    """Sales of one week; null where the week is missing."""

    ds: str
    y: float | None


class HistoryAnswer(Struct):
    """What the version was trained on, the latest weeks last."""

    unique_id: str
    by: str
    unit: str
    history: list[Point]


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


class EarlierVersion(Struct):
    """A version that can be rolled back to without the registry."""

    version: int
    digest: str
    model: str


class ModelsAnswer(Struct):
    """``champion`` serves, as the ``gate`` decided; ``earlier``: what a roll back goes back to, latest
    first; ``refused``: why the published version does not serve, "" where it does; ``trial``: the challenger
    beside it, see /v1/models/trial."""

    champion: Published | None
    earlier: list[EarlierVersion]
    refused: str
    gate: dict[str, Any]
    trial: dict[str, Any] | None


class RegisteredVersion(Struct):
    """A version of the registry: ``metrics`` of its back-test, ``tags`` such as model, cutoff and gate."""

    version: int
    digest: str
    created: str
    tags: dict[str, str]
    metrics: dict[str, float]


class VersionsAnswer(Struct):
    """All that may be promoted, newest first, as the follower heard of them last; empty before it looked."""

    versions: list[RegisteredVersion]


class ModelEventAnswer(Struct):
    """A move of the champion or of a trial, done or asked for; times are ISO 8601, UTC; ``share``: of the
    series that a canary answers."""

    id: str
    at: str
    model: str
    kind: str
    who: str
    why: str
    from_version: int | None
    to_version: int | None
    digest: str
    state: str
    finished: str | None
    error: str
    share: float | None


class EventsAnswer(Struct):
    """Events, newest first; ``next``: what to give as ``before`` for more."""

    events: list[ModelEventAnswer]
    next: str | None


class BacktestsAnswer(Struct):
    """How the version that serves did on weeks it had not seen: ``metrics`` by name, the ``gate``'s
    verdict, and ``tables`` of the same figures by level, store, horizon, week ahead, holiday, type and
    series, as lists by column; empty where it was trained without them. ``boosting_weight``: how much of what
    its trees say is applied, 0 without trees; ``importance``: what each of their inputs earned, shares of
    1."""

    model: Model
    cutoff: str
    metrics: dict[str, float]
    gate: dict[str, Any]
    cutoffs: list[str]
    horizon: int | None
    tables: dict[str, dict[str, list[str | float | None]]]
    boosting_weight: float
    importance: dict[str, float]


class ActualsAnswer(Struct):
    """What an upload did, in rows."""

    inserted: int
    changed: int
    unchanged: int


class ActualItem(Struct):
    """The true sales of one series and week."""

    unique_id: str
    ds: str
    y: float


class ActualsList(Struct):
    """Actuals by series and week."""

    actuals: list[ActualItem]


class ActualRow(Struct, forbid_unknown_fields=True, frozen=True):
    """The true sales ``y`` of a series in the week ``ds``."""

    unique_id: Key
    ds: Date
    y: Annotated[float, Meta(ge=-1e12, le=1e12)]


class ActualsUpload(Struct, forbid_unknown_fields=True, frozen=True):
    """Rows of actuals; the same upload twice changes nothing."""

    actuals: Annotated[list[ActualRow], Meta(min_length=1, max_length=200_000)]
