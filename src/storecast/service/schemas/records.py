"""What is known of series, versions and the past."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from storecast.service.schemas.common import Model
from storecast.service.schemas.forecasts import Date, Key

__all__ = [
    "ActualRow",
    "ActualsAnswer",
    "ActualsList",
    "ActualsUpload",
    "BacktestsAnswer",
    "ChangesAnswer",
    "EventsAnswer",
    "Explained",
    "ExplanationsAnswer",
    "HistoryAnswer",
    "ModelEventAnswer",
    "ModelsAnswer",
    "OverrideScores",
    "OverridesAnswer",
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


class ChangePart(Struct):
    """What one step changed (``actuals``, ``model``, ``inputs``, ``override``), or two that cannot be told
    apart (``actuals_and_model`` and the like); ``text``: why it is what it is."""

    name: str
    title: str
    dollars: float
    text: str


class Changed(Struct):
    """How one forecast moved: ``before`` plus all ``parts`` is ``after``, exactly; both with the overrides
    that counted then and count now."""

    unique_id: str
    ds: str
    before: float
    after: float
    change: float
    parts: list[ChangePart]


class Compared(Struct):
    """What forecasts are compared with: a version as it was last answered, or one logged answer of it."""

    version: int
    digest: str
    answer: str | None


class ChangesAnswer(Struct):
    """Why forecasts of one series, store or total moved; ``id``: under which the answer is logged."""

    id: str
    model: Model
    unit: str
    since: Compared
    changes: list[Changed]


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
    """``champion`` serves; ``earlier``: what a roll back goes back to, latest first; ``refused``: why the
    published version does not serve, "" where it does."""

    champion: Published | None
    earlier: list[EarlierVersion]
    refused: str


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
    """A move of the champion, done or asked for; times are ISO 8601, UTC."""

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


class EventsAnswer(Struct):
    """Events, newest first; ``next``: what to give as ``before`` for more."""

    events: list[ModelEventAnswer]
    next: str | None


class BacktestsAnswer(Struct):
    """How the version that serves did on weeks it had not seen: ``metrics`` by name, the ``gate``'s
    verdict, and ``tables`` of the same figures by store, horizon, week ahead, holiday, type and series, as
    lists by column; empty where it was trained without them. ``boosting_weight``: how much of what its trees
    say is applied, 0 without trees; ``importance``: what each of their inputs earned, shares of 1."""

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


class OverrideItem(Struct):
    """A person's word against a forecast, or an undo of one (``mode`` undo, ``undoes`` its id).

    ``value``: dollars instead of the model's (``mode`` value), dollars more (difference) or percent more
    (percent); ``state``: whether it counts now, or why not; ``model`` and ``naive``: what had been forecast
    when it was said, and ``version`` by which version; ``statement``: the id of all that was said at once."""

    id: str
    at: str
    unique_id: str
    ds: str
    mode: Literal["value", "difference", "percent", "undo"]
    value: float | None
    who: str
    why: str
    expires: str | None
    statement: str
    undoes: str | None
    model: float | None
    naive: float | None
    version: int | None
    state: Literal["counts", "undone", "expired", "replaced", "undo", "withdrawn"]


class OverridesAnswer(Struct):
    """Overrides; ``next``: what to give as ``before`` for more, null at the end."""

    overrides: list[OverrideItem]
    next: str | None


class ValueAdded(Struct, kw_only=True):
    """Mean absolute errors in dollars a week of ``rows`` overrides; ``better``: how many came nearer than the
    model; ``model_added``: the naive's error minus the model's; ``override_added``: the model's minus the
    planner's; ``ratio``: that as a share of the model's error."""

    rows: int
    better: int
    naive_error: float
    model_error: float
    override_error: float
    model_added: float
    override_added: float
    ratio: float | None


class PlannerScore(ValueAdded, kw_only=True):
    """Of one planner."""

    who: str


class StoreScore(ValueAdded, kw_only=True):
    """Of one store."""

    store: str


class OverrideScores(Struct):
    """What overrides were worth whose weeks have actuals: ``all`` (null where none has), by planner and
    store. Judged is what counted when the week ended, against what had been forecast when it was said."""

    unit: str
    all: ValueAdded | None
    planners: list[PlannerScore]
    stores: list[StoreScore]


class ActualRow(Struct, forbid_unknown_fields=True, frozen=True):
    """The true sales ``y`` of a series in the week ``ds``."""

    unique_id: Key
    ds: Date
    y: Annotated[float, Meta(ge=-1e12, le=1e12)]


class ActualsUpload(Struct, forbid_unknown_fields=True, frozen=True):
    """Rows of actuals; the same upload twice changes nothing."""

    actuals: Annotated[list[ActualRow], Meta(min_length=1, max_length=200_000)]
