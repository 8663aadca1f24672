"""What-if: what would be forecast if something known ahead were otherwise."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from storecast.service.schemas.common import Model
from storecast.service.schemas.forecasts import By, Date, Horizon, Key, Level

__all__ = ["WhatIfAnswer", "WhatIfRequest"]

Value = Annotated[float, Meta(ge=-1e9, le=1e9)]


class WhatIfEvent(Struct, forbid_unknown_fields=True, frozen=True):
    """A closure, opening, promotion or holiday from ``first`` to ``last`` (its days; the end of the horizon
    without). ``lift``: by what a promotion or holiday multiplies sales, if you know better than the
    version."""

    kind: Literal["closure", "opening", "promotion", "holiday"]
    first: Date
    last: Date | None = None
    lift: Annotated[float, Meta(gt=0.0, le=10.0)] | None = None


class WhatIfRequest(Struct, forbid_unknown_fields=True, frozen=True):
    """Of one ``series`` (or store, or total, by ``by``): ``events``, and ``inputs``: name (temperature,
    fuel_price, cpi, unemployment, markdown1 to 5) -> one value for all weeks, or week -> value."""

    series: Key
    by: By = "series"
    horizon: Horizon = 13
    levels: Annotated[list[Level], Meta(max_length=10)] | None = None
    events: Annotated[list[WhatIfEvent], Meta(max_length=100)] = []
    inputs: Annotated[dict[str, Value | dict[str, Value]], Meta(max_length=20)] = {}


class Effect(Struct):
    """What one changed thing did: its dollars over the horizon, in words where there is something to say."""

    name: str
    dollars: float
    text: str


class WhatIfRow(Struct):
    """One week: ``base`` as it is forecast, ``scenario``, their ``difference``, and bands of each:
    level -> [lower, upper]."""

    ds: str
    horizon: int
    base: float
    scenario: float
    difference: float
    base_bands: dict[str, list[float]]
    scenario_bands: dict[str, list[float]]
    difference_bands: dict[str, list[float]]


class WhatIfAnswer(Struct):
    """Week by week; ``effects`` name each event and input and what it does, "$0, not used by this model" for
    an input that the version does not read."""

    id: str
    model: Model
    unit: str
    unique_id: str
    by: str
    effects: list[Effect]
    weeks: list[WhatIfRow]
