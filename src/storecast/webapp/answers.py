"""What the service answers, as far as the app reads it; members it does not know are passed over."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

__all__ = [
    "Around",
    "By",
    "Explanations",
    "Forecasts",
    "Job",
    "Overview",
    "OverviewRow",
    "Readiness",
    "Role",
    "SeriesPage",
    "Session",
]

By = Literal["series", "store", "total"]
Role = Literal["reader", "planner", "operator"]
Row = dict[str, str | int | float]


class Model(Struct):
    """Which version answered."""

    name: str
    version: int
    digest: str
    model: str


class Limits(Struct):
    """What one request may hold."""

    upload_bytes: int
    rows: int


class Session(Struct):
    """Who is asking; ``open``: without keys, where everybody on that machine is an operator."""

    caller: str
    role: Role
    open: bool
    service: str
    name: str
    unit: str
    limits: Limits


class LogState(Struct):
    """Answers waiting to be written, and those that wait for the database."""

    queue: int
    spool: int


class Readiness(Struct):
    """Whether the service may be asked; ``checks`` by name."""

    status: str
    checks: dict[str, bool]
    model: Model | None
    refused: str
    log: LogState


class SeriesItem(Struct):
    """One series that is forecast."""

    unique_id: str
    store: str
    dept: str
    weeks: int
    first: str | None
    last: str | None
    latest: float | None
    note: str


class SeriesPage(Struct):
    """Some of them; ``next``: after which the rest comes."""

    total: int
    series: list[SeriesItem]
    next: str | None


class Override(Struct):
    """An override that is in forecasts shown."""

    id: str
    unique_id: str
    ds: str
    mode: str
    value: float
    who: str
    why: str
    expires: str | None


class Forecasts(Struct):
    """Rows of unique_id, ds, horizon, storecast and the limits of each level."""

    id: str
    model: Model
    cutoff: str
    unit: str
    by: By
    levels: list[float]
    notes: dict[str, str]
    overrides: list[Override]
    forecasts: list[Row]


class Past(Struct):
    """Weeks, and sales of each series; None where a week is missing."""

    ds: list[str]
    y: dict[str, list[float | None]]


class Ahead(Struct):
    """Weeks ahead: last year's same week, and what the naive forecasts say, by series."""

    ds: list[str]
    last_year: dict[str, list[float | None]]
    naives: dict[str, dict[str, list[float]]]


class Holiday(Struct):
    """A week with a holiday in it."""

    ds: str
    name: str


class Around(Struct):
    """What stands around forecasts: history, last year, naives, holidays."""

    by: By
    cutoff: str
    history: Past
    ahead: Ahead
    calendar: list[Holiday]


class Step(Struct):
    """One step of a forecast, and the dollars that it changed."""

    name: str
    title: str
    dollars: float


class Unused(Struct):
    """An input that the version does not read."""

    name: str
    dollars: float
    text: str


class Explained(Struct):
    """One forecast as dollars that add up to it."""

    unique_id: str
    ds: str
    horizon: int
    forecast: float
    steps: list[Step]
    unused: list[Unused]
    note: str


class Explanations(Struct):
    """Explanations of one series' weeks."""

    id: str
    model: Model
    unit: str
    explanations: list[Explained]


class Latest(Struct):
    """The last known week against what was forecast for it; lo and hi at 80 %."""

    ds: str
    y: float
    forecast: float
    lo: float
    hi: float


class OverviewRow(Struct):
    """One store or series: sums over the horizon, its last week, and its scores in the back-test;
    ``comparable``: the forecast of just those series and weeks that have a last year."""

    unique_id: str
    store: str
    dept: str
    forecast: float
    comparable: float | None
    last_year: float | None
    naive: float | None
    change: float | None
    type: str | None = None
    size: float | None = None
    latest: Latest | None = None
    score: dict[str, float | None] | None = None


class Total(Struct):
    """All of them together; ``without_last_year``: how many series did not sell in all weeks of then."""

    forecast: float
    comparable: float | None
    last_year: float | None
    change: float | None
    without_last_year: int


class Overview(Struct):
    """Sums over the weeks ``first`` to ``last`` for everything there is."""

    model: Model
    cutoff: str
    first: str
    last: str
    unit: str
    by: By
    total: Total
    rows: list[OverviewRow]


class Job(Struct):
    """Work under way: ``state`` queued, running, done or failed; ``progress`` from 0 to 1."""

    id: str
    kind: str
    subject: str
    state: str
    stage: str
    progress: float
    created: str
    started: str | None
    finished: str | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None
