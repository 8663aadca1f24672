"""What the routes that explain have in common: what is asked about, and the answer under the id it is logged
by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import Request

from storecast.ports.records import Override
from storecast.service.calls import Reply
from storecast.service.champion import Champion
from storecast.service.context import Service
from storecast.service.logged import as_inputs
from storecast.service.openapi import parameter
from storecast.service.problems import Wrong, invalid

__all__ = ["BY", "SERIES", "dates_asked", "dates_parameter", "explanation_reply", "series_asked"]

_ENCODE = msgspec.json.Encoder().encode
_MOST = 53  # dates that are looked at; no version forecasts more weeks

SERIES = parameter("series", {"type": "string"}, "A series, a store, or total.", required=True, example="1")
BY = parameter("by", {"type": "string", "enum": ["series", "store", "total"]}, "Where names are not unique.")


def dates_parameter(text: str) -> dict[str, Any]:
    """``dates``, a list of weeks."""
    return parameter(
        "dates", {"type": "array", "items": {"type": "string", "format": "date"}}, text, explode=False
    )


def series_asked(query: Mapping[str, str]) -> str:
    """Which series, store or total; raises a 422 problem where none is named."""
    if not (name := query.get("series", "")):
        raise invalid([Wrong("series", "say which series, store or total")])
    return name


def dates_asked(champion: Champion, text: str) -> list[int]:
    """Places of the weeks that ``text`` lists; raises RequestError for one that is not forecast."""
    return [champion.week(date, f"dates[{i}]") for i, date in enumerate(text.split(",")[:_MOST])]


async def explanation_reply(
    service: Service,
    request: Request,
    champion: Champion,
    *,
    series: str,
    asked: Mapping[str, Any],
    said: Sequence[Override],
    weeks: Sequence[str],
    dollars: Sequence[float],
    body: Mapping[str, Any],
) -> Reply:
    """The answer ``body`` about ``series``, once its ``dollars`` of ``weeks`` are in the log with what was
    ``asked`` and the overrides ``said`` that are in them."""
    entry = service.log.new_id()
    await service.record(
        request,
        "explanation",
        champion,
        id=entry,
        series=series,
        rows=len(weeks),
        inputs=_ENCODE(asked).decode()[:-1] + as_inputs(champion, said) + "}",
        forecast=_ENCODE({"ds": weeks, "storecast": dollars}).decode(),
        bands="{}",
    )
    head = {"id": entry, "model": msgspec.Raw(champion.head), "unit": service.config.unit}
    return Reply(_ENCODE({**head, **body}))
