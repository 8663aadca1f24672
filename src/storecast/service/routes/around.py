"""``/v1/around`` and ``/v1/inputs``: what stands around forecasts, and likely inputs of a week."""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from storecast.forecasting.calendar import HOLIDAY_WEIGHT, calendar_of
from storecast.service.calls import Reply, decode, media_type, off_loop, read_body
from storecast.service.champion import Champion
from storecast.service.context import Service
from storecast.service.fields import Series, answer
from storecast.service.openapi import documented, ref
from storecast.service.problems import Problem, Wrong, invalid
from storecast.service.rules import declared
from storecast.service.schemas.planning import AroundRequest

__all__ = ["make_router"]

_DECODER = msgspec.json.Decoder(AroundRequest)
_ENCODE = msgspec.json.Encoder().encode
_YEAR = 52
_FEW = 8  # series; of more, and of sums, others would notice the time it takes
_SEASONAL = ("temperature",)
_STEADY = ("fuel_price", "cpi", "unemployment")
_EXAMPLE = {"series": ["1", "2"], "weeks": 104, "horizon": 13}


def _sums(values: NDArray[np.float64], of: NDArray[np.int64], places: list[int]) -> list[list[float | None]]:
    """(S) lists of T sums of the members of each place; None where no member has that week."""
    out: list[list[float | None]] = []
    for place in places:
        part = values[:, np.flatnonzero(of == place)]
        known = np.isfinite(part)
        sums = np.where(known, part, 0.0).sum(axis=1).round(2).tolist()
        some: list[bool] = (known.sum(axis=1) > 0).tolist()
        out.append([y if there else None for y, there in zip(sums, some, strict=True)])
    return out


def _around(champion: Champion, asked: AroundRequest, unit: str) -> dict[str, object]:
    f, view = champion.forecaster, champion.view(asked.by)
    if asked.horizon > len(champion.weeks):
        raise invalid([Wrong("horizon", f"this version forecasts {len(champion.weeks)} weeks")])
    found_at = {name: view.find(name, f"series[{i}]") for i, name in enumerate(asked.series)}
    places = list(found_at.values())
    of = f.levels[view.by].of
    past = _sums(f.history[-asked.weeks :], of, places)
    blank = np.full((max(0, _YEAR - len(f.history)), f.history.shape[1]), np.nan)
    year = _sums(np.concatenate([blank, f.history[-_YEAR:]])[: asked.horizon], of, places)
    naives = {name: _sums(values[: asked.horizon], of, places) for name, values in f.naive.items()}
    weeks = np.concatenate([f.history_weeks[-asked.weeks :], f.weeks[: asked.horizon]])
    weeks = weeks.astype("datetime64[D]")
    found = calendar_of(champion.facts.get("calendar", {})).holidays_in(weeks)
    days = [str(week) for week in weeks]
    split = len(days) - asked.horizon

    def named(lists: list[list[float | None]]) -> dict[str, list[float | None]]:
        return dict(zip(found_at, lists, strict=True))

    return {
        "by": view.by,
        "cutoff": champion.cutoff,
        "unit": unit,
        "weeks": champion.weeks,
        "history": {"ds": days[:split], "y": named(past)},
        "ahead": {
            "ds": days[split:],
            "last_year": named(year),
            "naives": {name: named(lists) for name, lists in naives.items()},
        },
        "calendar": [{"ds": d, "name": n} for d, n in zip(days, found, strict=True) if n],
    }


def _body(champion: Champion, asked: AroundRequest, unit: str) -> bytes:
    return _ENCODE(_around(champion, asked, unit))


def _inputs(champion: Champion, store: str, asked: str | None) -> dict[str, object]:
    week = champion.week(asked, "date") if asked else 0
    date = champion.weeks[week]
    champion.view("store").find(store, "store")
    calendar = calendar_of(champion.facts.get("calendar", {}))
    day = champion.forecaster.weeks.astype("datetime64[D]")[[week]]
    kept = champion.facts.get("planning", {}).get("inputs", {"store": [], "ds": []})
    at = kept["store"].index(store) if store in kept["store"] else None
    back = len(kept["ds"]) - _YEAR + week  # of the same week a year ago

    def known(name: str) -> float | None:
        values = [] if at is None else kept.get(name, {at: []})[at]
        if name in _SEASONAL and 0 <= back < len(values) and values[back] is not None:
            return float(values[back])
        latest = [v for v in values if v is not None]
        return float(latest[-1]) if latest else None

    flag = int(calendar.weights(day)[0] == HOLIDAY_WEIGHT)
    head = {"store": store, "date": date, "holiday": calendar.holidays_in(day)[0], "holiday_flag": flag}
    return head | {name: known(name) for name in (*_SEASONAL, *_STEADY)}


def make_router(service: Service) -> APIRouter:
    """What a chart and a form need beside forecasts."""
    router = APIRouter(tags=["series"])

    @router.post(
        "/v1/around",
        summary="History, last year, naive forecasts and holidays of some series",
        openapi_extra=declared("reader", direct=True)
        | documented(
            "AroundAnswer", body={"application/json": {"schema": ref("AroundRequest"), "example": _EXAMPLE}}
        ),
    )
    async def around(request: Request) -> Response:
        if media_type(request) != "application/json":
            raise Problem(
                415, "unsupported-media-type", "Send JSON", remedy="Set content-type: application/json."
            )
        asked = decode(await read_body(request, 256 * 1024), _DECODER)
        large = asked.by != "series" or len(asked.series) > _FEW
        champion = service.holder.serving()
        return Reply(await off_loop(large, _body, champion, asked, service.config.unit))

    @router.get(
        "/v1/inputs",
        summary="Likely inputs of the classic form",
        openapi_extra=declared("reader") | documented("InputsAnswer"),
    )
    def inputs(
        store: Annotated[Series, Query(description="A store.", examples=["1"])],
        date: Annotated[
            str | None,
            Query(pattern=r"^\d{4}-\d{2}-\d{2}$", description="A week ahead, the first without."),
        ] = None,
    ) -> Response:
        return answer(_inputs(service.holder.serving(), store, date))

    return router
