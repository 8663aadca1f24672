"""Answers about what people enter: single rows, what-ifs, scenarios and data sets, as far as the app reads
them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from storecast.webapp.answers import By, Job, Model, Row

__all__ = [
    "Accepted",
    "Dataset",
    "Datasets",
    "Effect",
    "Finding",
    "Inputs",
    "Jobs",
    "Predictions",
    "Report",
    "Scenario",
    "Scenarios",
    "Weeks",
    "WhatIf",
    "WhatIfWeek",
]


class Weeks(Struct):
    """``weeks``: all that the version forecasts; ``cutoff``: the last that is known."""

    cutoff: str
    weeks: list[str]


class Inputs(Struct):
    """Likely values of the classic form in one week; None where the data had none."""

    store: str
    date: str
    holiday: str
    holiday_flag: int
    temperature: float | None
    fuel_price: float | None
    cpi: float | None
    unemployment: float | None


class Predictions(Struct):
    """Rows of store, perhaps dept, date, storecast and limits, in the order asked; ``unused``: inputs that
    the version does not read."""

    id: str
    model: Model
    cutoff: str
    unit: str
    levels: list[float]
    unused: list[str]
    predictions: list[Row]


class Effect(Struct):
    """What one change did over all weeks."""

    name: str
    dollars: float
    text: str


class WhatIfWeek(Struct):
    """One week; bands: level -> [lower, upper]."""

    ds: str
    horizon: int
    base: float
    scenario: float
    difference: float
    base_bands: dict[str, list[float]]
    scenario_bands: dict[str, list[float]]
    difference_bands: dict[str, list[float]]


class WhatIf(Struct):
    """Base against scenario of one series."""

    id: str
    model: Model
    unit: str
    unique_id: str
    by: By
    effects: list[Effect]
    weeks: list[WhatIfWeek]


class Scenario(Struct):
    """A what-if under a name; ``version`` counts its changes."""

    id: str
    owner: str
    name: str
    version: int
    created: str
    updated: str
    what_if: dict[str, Any]


class Scenarios(Struct):
    """Newest first; ``next``: before which the rest comes."""

    scenarios: list[Scenario]
    next: str | None


class Finding(Struct):
    """One thing the check found; ``rows``: lines of the file, the first thousand of ``count``."""

    severity: str
    kind: str
    what: str
    remedy: str
    row: int | None = None
    column: str | None = None
    count: int = 1
    examples: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    file: str = ""
    expected: str = ""
    found: str = ""


class Report(Struct):
    """What the check of a file says."""

    status: str
    rows: int
    series: int
    first_week: str | None
    last_week: str | None
    sales_total: float
    findings: list[Finding]


class Dataset(Struct):
    """An uploaded file: ``state`` uploaded, checked, ready or refused; ``contents``: what was made of it."""

    id: str
    owner: str
    name: str
    media_type: str
    size: int
    state: str
    report: Report | None
    created: str
    contents: list[str] = field(default_factory=list)


class Datasets(Struct):
    """Newest first; ``next``: before which the rest comes."""

    datasets: list[Dataset]
    next: str | None


class Jobs(Struct):
    """Newest first; ``next``: before which the rest comes."""

    jobs: list[Job]
    next: str | None


class Accepted(Struct):
    """An upload was stored, and a job works on it."""

    dataset: Dataset
    job: Job
