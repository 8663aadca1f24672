"""What a card is about: a version, and what is recorded with it and around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storecast.forecasting.forecaster import Forecaster

__all__ = ["Served", "Subject"]


@dataclass(frozen=True)
class Served:
    """A move of the champion to a version or away from it: ``at`` is ISO 8601, UTC."""

    at: str
    kind: str
    before: int | None
    after: int
    who: str
    why: str


@dataclass(frozen=True)
class Subject:
    """``version`` of ``name`` with its ``digest``, and the ``meta`` of its artifact; ``created``: when it was
    registered, ISO, "" where that is not known here; ``signed_by``: id of a key, "" for nobody; ``unit``:
    what sales are counted in; ``served``: oldest first."""

    name: str
    version: int
    digest: str
    forecaster: Forecaster
    meta: Mapping[str, Any]
    created: str = ""
    signed_by: str = ""
    unit: str = "$"
    served: tuple[Served, ...] = ()
