"""What a planner is shown beside forecasts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from storecast.service.schemas.common import Model
from storecast.service.schemas.forecasts import By, Horizon, Key

__all__ = [
    "AccuracyAnswer",
    "AroundAnswer",
    "AroundRequest",
    "InputsAnswer",
    "OverviewAnswer",
    "SessionAnswer",
    "StatusAnswer",
    "UsageReport",
]


class Limits(Struct):
    """What one request may hold."""

    upload_bytes: int
    json_bytes: int
    rows: int


class SessionAnswer(Struct):
    """Who asks, and what may be asked; ``open``: there are no keys, so that everybody on this machine is an
    operator; ``name``: the model's."""

    caller: str
    role: Literal["reader", "planner", "operator"]
    open: bool
    service: str
    name: str
    unit: str
    limits: Limits


class UsageReport(Struct, forbid_unknown_fields=True, frozen=True):
    """One thing that was done in the web app."""

    event: Literal["session", "page", "upload", "prediction", "download", "scenario"]
    page: Literal["overview", "forecast", "upload", "form", "what-if", "compare", "model", "monitoring"]


class AroundRequest(Struct, forbid_unknown_fields=True, frozen=True):
    """Which ``series``, the latest ``weeks`` of history, and how many weeks ahead."""

    series: Annotated[list[Key], Meta(min_length=1, max_length=200)]
    by: By = "series"
    weeks: Annotated[int, Meta(ge=1, le=2000)] = 104
    horizon: Horizon = 13


class Past(Struct):
    """Weeks, and sales by series; null where a week is missing."""

    ds: list[str]
    y: dict[str, list[float | None]]


class Ahead(Struct):
    """Weeks ahead, ``last_year``: sales 52 weeks before, and the naive forecasts by name and series."""

    ds: list[str]
    last_year: dict[str, list[float | None]]
    naives: dict[str, dict[str, list[float]]]


class HolidayWeek(Struct):
    """A week and the holidays in it."""

    ds: str
    name: str


class AroundAnswer(Struct):
    """What stands around forecasts; ``weeks``: all that this version forecasts."""

    by: str
    cutoff: str
    unit: str
    weeks: list[str]
    history: Past
    ahead: Ahead
    calendar: list[HolidayWeek]


class Latest(Struct):
    """The last known week, what had been forecast for it in the back-test, and its 80 % band."""

    ds: str
    y: float
    forecast: float
    lo: float
    hi: float


class OverviewItem(Struct):
    """One store or series; sums over the weeks asked for. ``last_year``: sales 52 weeks before, as far as
    they are known; ``comparable``: the forecast of just those series and weeks; ``change``: one against the
    other. All three are null where nothing of last year is known. ``score``: the back-test's figures."""

    unique_id: str
    store: str
    dept: str
    forecast: float
    comparable: float | None
    naive: float | None
    last_year: float | None
    change: float | None
    type: str | None
    size: float | None
    latest: Latest | None
    score: dict[str, float | None] | None


class OverviewTotal(Struct):
    """All together, as each of them; ``without_last_year``: how many series did not sell in all of these
    weeks a year before."""

    forecast: float
    comparable: float | None
    last_year: float | None
    change: float | None
    without_last_year: int


class OverviewAnswer(Struct):
    """Everything there is, in the order people count."""

    model: Model
    cutoff: str
    first: str
    last: str
    unit: str
    by: str
    total: OverviewTotal
    rows: list[OverviewItem]


class InputsAnswer(Struct):
    """Values of the classic form that are likely in a week: those of the same week a year ago for what has a
    season, the latest known for what has none; null where the data had none. ``holiday``: its name."""

    store: str
    date: str
    holiday: str
    holiday_flag: int
    temperature: float | None
    fuel_price: float | None
    cpi: float | None
    unemployment: float | None


class AccuracyAnswer(Struct):
    """What the version that serves said of weeks after its cutoff, against the actuals uploaded since: in
    ``all`` (null without actuals) and of each of the ``weeks`` with its ``ds``. Figures are rows, sold,
    forecast, error and naive_error (means, dollars), bias (share of sales), coverage-80 and coverage-95
    (percent). With ``by`` also ``groups``, each with its name: figures of all forecasts that were answered
    since go-live, by version, as the last look at the model counted them."""

    model: Model
    cutoff: str
    unit: str
    all: dict[str, float | None] | None
    weeks: list[dict[str, float | str | None]]
    by: str | None = None
    looked_at: str | None = None
    groups: list[dict[str, float | str | None]] = []


class StatusAnswer(Struct):
    """What the last look at the model found (`storecast monitor`), ``looked_at`` null before the first:
    ``version`` is the one that it was of, ``verdict`` is nothing, update, retrain or check (the data),
    ``next`` says it in words; each of the ``reasons`` has its kind, action, words and numbers. ``live``:
    figures of all forecasts that were answered and have met their actual; ``drift``: alarms with what is and
    what to do, or null, and ``no_drift`` says why."""

    model: Model
    cutoff: str
    looked_at: str | None
    version: int | None
    verdict: str | None
    due: bool | None
    next: str
    reasons: list[dict[str, Any]]
    trained: str | None
    last_actual: str | None
    live: dict[str, float | None] | None
    drift: dict[str, Any] | None
    no_drift: str
