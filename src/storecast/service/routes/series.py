"""``/v1/series``: what is forecast, found by name, and what it was learnt from."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import Response

from storecast.service.champion import Champion
from storecast.service.context import Service
from storecast.service.fields import Series, answer
from storecast.service.openapi import documented
from storecast.service.problems import Wrong, invalid
from storecast.service.rules import declared

__all__ = ["make_router", "natural"]


def natural(name: str) -> list[tuple[int, int, str]]:
    """Sorts as people count: 2 before 10."""
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in re.split(r"(\d+)", name) if p]


def _order(champion: Champion) -> list[int]:
    names = champion.views["series"].names
    return sorted(range(len(names)), key=lambda i: natural(names[i]))


def _item(champion: Champion, at: int) -> dict[str, object]:
    f = champion.forecaster
    known = np.flatnonzero(np.isfinite(f.history[:, at]))
    weeks = f.history_weeks.astype("datetime64[D]")
    name = champion.views["series"].names[at]
    return {
        "unique_id": name,
        "store": str(f.stores[at]),
        "dept": str(f.blocks[at]),
        "weeks": len(known),
        "first": str(weeks[known[0]]) if known.size else None,
        "last": str(weeks[known[-1]]) if known.size else None,
        "latest": float(f.history[known[-1], at]) if known.size else None,
        "note": f.notes.get(name, ""),
    }


def make_router(service: Service) -> APIRouter:
    """Search, and history of one."""
    router = APIRouter(tags=["series"])
    orders: dict[str, list[int]] = {}  # of the version that serves, and of no other

    def order_of(champion: Champion) -> list[int]:
        digest = champion.info.digest
        if digest not in orders:
            made = _order(champion)
            orders.clear()
            orders[digest] = made
            return made
        return orders[digest]

    @router.get(
        "/v1/series",
        summary="Search what is forecast",
        openapi_extra=declared("reader") | documented("SeriesAnswer"),
    )
    def search(
        search: Annotated[str, Query(max_length=200, description="Part of the name.")] = "",
        store: Annotated[str | None, Query(max_length=200)] = None,
        dept: Annotated[str | None, Query(max_length=200)] = None,
        after: Annotated[str | None, Query(max_length=200, description="Go on after this series.")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        champion = service.holder.serving()
        f, names = champion.forecaster, champion.views["series"].names
        wanted = [
            i
            for i in order_of(champion)
            if search.lower() in names[i].lower()
            and (store is None or f.stores[i] == store)
            and (dept is None or f.blocks[i] == dept)
        ]
        start = 0
        if after is not None:
            places = [names[i] for i in wanted]
            if after not in places:
                raise invalid([Wrong("after", f"{after[:40]!r} is not among the series found")])
            start = places.index(after) + 1
        page = wanted[start : start + limit]
        more = start + limit < len(wanted)
        body = {
            "total": len(wanted),
            "series": [_item(champion, i) for i in page],
            "next": names[page[-1]] if more else None,
        }
        return answer(body)

    @router.get(
        "/v1/series/history",
        summary="Sales that the version was trained on",
        openapi_extra=declared("reader") | documented("HistoryAnswer"),
    )
    def history(
        series: Annotated[Series, Query(description="A series, store or total.", examples=["1"])],
        by: Annotated[Literal["series", "store", "total"], Query()] = "series",
        weeks: Annotated[int, Query(ge=1, le=2000, description="The latest so many weeks.")] = 104,
    ) -> Response:
        champion = service.holder.serving()
        view, f = champion.view(by), champion.forecaster
        at = view.find(series)
        level = f.levels[view.by]
        values = f.history[-weeks:, np.flatnonzero(level.of == at)]
        known = np.isfinite(values)
        sums = np.where(known, values, 0.0).sum(axis=1).tolist()
        some = (known.sum(axis=1) > 0).tolist()
        days = f.history_weeks[-weeks:].astype("datetime64[D]")
        rows = [
            {"ds": str(day), "y": round(y, 2) if there else None}
            for day, y, there in zip(days, sums, some, strict=True)
        ]
        return answer({"unique_id": series, "by": view.by, "unit": service.config.unit, "history": rows})

    return router
