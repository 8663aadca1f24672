"""What the routes that are asked most take and answer; unknown fields are refused, so that typos are seen."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from storecast.service.schemas.common import Model, Row

__all__ = [
    "By",
    "ClassicRow",
    "ForecastsAnswer",
    "ForecastsRequest",
    "PredictionsAnswer",
    "PredictionsRequest",
]

Key = Annotated[str, Meta(min_length=1, max_length=200)]
Date = Annotated[str, Meta(min_length=10, max_length=10, pattern=r"^\d{4}-\d{2}-\d{2}$")]
Level = Annotated[float, Meta(ge=1.0, le=99.8)]
By = Literal["series", "store", "total"]
Horizon = Annotated[int, Meta(ge=1, le=52)]


class ForecastsRequest(Struct, forbid_unknown_fields=True, frozen=True):
    """Which forecasts: of ``series`` (all without), the first ``horizon`` weeks or just ``dates``, with bands
    of ``levels`` percent; ``by`` store or total asks for sums; ``overrides`` false for the model's own
    numbers, without what planners said."""

    series: Key | Annotated[list[Key], Meta(min_length=1, max_length=100_000)] | None = None
    horizon: Horizon | None = None
    dates: Annotated[list[Date], Meta(min_length=1, max_length=52)] | None = None
    levels: Annotated[list[Level], Meta(max_length=10)] | None = None
    by: By = "series"
    overrides: bool = True


class OverrideInAnswer(Struct):
    """An override that is in the answer's numbers: ``value`` is dollars instead of the model's (``mode``
    value), dollars more (difference), or percent more (percent)."""

    id: str
    unique_id: str
    ds: str
    mode: Literal["value", "difference", "percent"]
    value: float
    who: str
    why: str
    at: str
    expires: str | None


class ChallengerInAnswer(Struct):
    """The version that answered a canary's share of the series; ``id``: under which its rows are logged."""

    id: str
    model: Model
    cutoff: str


class ForecastsAnswer(Struct):
    """``forecasts`` have the columns unique_id, ds, horizon, storecast, and storecast-lo-80, storecast-hi-80
    and so on for each level; a row that planners changed, or a sum that holds such a row, has
    storecast-model, the model's own number, too, and a series' row the id of its override. ``overrides``: all
    that are in the answer; ``notes``: series -> what is unusual about its forecast; ``id``: under which the
    answer is logged. While a canary is under way, an answer of many series may hold some that its challenger
    forecast: ``challenger`` says which version that is, and under which id its rows are logged, and each row
    has its ``version``."""

    id: str
    model: Model
    cutoff: str
    unit: str
    by: By
    levels: list[float]
    notes: dict[str, str]
    overrides: list[OverrideInAnswer]
    forecasts: list[Row]
    challenger: ChallengerInAnswer | UnsetType = UNSET


class ClassicRow(Struct, forbid_unknown_fields=True, frozen=True):
    """A row as the classic form has it; ``date`` as YYYY-MM-DD or DD-MM-YYYY, ``dept`` where the version
    forecasts departments (their sum without). What follows may be left out."""

    store: Annotated[str, Meta(min_length=1, max_length=200)] | int
    date: Annotated[str, Meta(min_length=10, max_length=10)]
    dept: Annotated[str, Meta(min_length=1, max_length=200)] | int | None = None
    holiday_flag: Literal[0, 1] | bool | None = None
    temperature: float | None = None
    fuel_price: float | None = None
    cpi: float | None = None
    unemployment: float | None = None


class PredictionsRequest(Struct, forbid_unknown_fields=True, frozen=True):
    """Rows to answer in their order, with bands of ``levels`` percent."""

    rows: Annotated[list[ClassicRow], Meta(min_length=1, max_length=200_000)]
    levels: Annotated[list[Level], Meta(max_length=10)] | None = None


class PredictionsAnswer(Struct):
    """``predictions`` have the columns store, dept (where the row has one), date, storecast, and
    storecast-lo-80, storecast-hi-80 and so on, storecast-model and override as forecasts have them;
    ``unused``: inputs that were given and that this version does not read, each changing the answer by $0.
    Where planners have spoken, that stands, whatever is given."""

    id: str
    model: Model
    cutoff: str
    unit: str
    levels: list[float]
    unused: list[str]
    overrides: list[OverrideInAnswer]
    predictions: list[Row]
