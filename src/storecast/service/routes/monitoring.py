"""``/v1/monitoring``: what the version that serves said of weeks it had not seen, what came, what to do."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from storecast.ports.records import Actuals
from storecast.service.champion import Champion
from storecast.service.context import Service
from storecast.service.fields import answer
from storecast.service.looks import BY
from storecast.service.openapi import documented, parameter
from storecast.service.problems import Wrong, invalid
from storecast.service.queries import read_query
from storecast.service.rules import declared

__all__ = ["make_router"]

_LEVELS = (80.0, 95.0)
_NAIVE = "naive-growth"
_PARAMETERS = [
    parameter(
        "by",
        {"type": "string", "enum": list(BY)},
        "Also all forecasts since go-live by this, as the last look counted them.",
    )
]


def _accuracy(champion: Champion, actuals: Actuals) -> dict[str, Any]:
    """Errors, bias and coverage of the weeks after the cutoff that have actuals: in all, and by week."""
    view, f = champion.views["series"], champion.forecaster
    places, weeks, sold = [], [], []
    for row in actuals.each(since=champion.weeks[0]):
        place, week = view.place.get(row.unique_id), champion.week_at.get(row.ds)
        if place is not None and week is not None:
            places.append(place)
            weeks.append(week)
            sold.append(row.y)
    at, when, y = np.array(places, dtype=np.int64), np.array(weeks, dtype=np.int64), np.array(sold)
    point, *limits = view.columns(at, when, _LEVELS)
    naive = f.naive[_NAIVE][when, at]

    def figures(here: Any) -> dict[str, float | int | None]:
        total = float(np.abs(y[here]).sum())
        out: dict[str, float | int | None] = {
            "rows": int(here.sum()),
            "sold": round(float(y[here].sum()), 2),
            "forecast": round(float(point[here].sum()), 2),
            "error": round(float(np.abs(point - y)[here].mean()), 2),
            "naive_error": round(float(np.abs(naive - y)[here].mean()), 2),
            "bias": float((point - y)[here].sum()) / total if total > 0 else None,
        }
        for i, level in enumerate(_LEVELS):
            inside = (y >= limits[2 * i]) & (y <= limits[2 * i + 1])
            out[f"coverage-{level:g}"] = 100.0 * float(inside[here].mean())
        return out

    known = np.unique(when)
    return {
        "all": figures(np.ones(len(y), dtype=bool)) if len(y) else None,
        "weeks": [{"ds": champion.weeks[w], **figures(when == w)} for w in known.tolist()],
    }


def _head(champion: Champion) -> dict[str, Any]:
    model = {n: getattr(champion.info, n) for n in ("name", "version", "digest", "model")}
    return {"model": model, "cutoff": champion.cutoff}


def _status(body: dict[str, Any] | None) -> dict[str, Any]:
    """The look as the route shows it."""
    if body is None:
        return {
            "looked_at": None,
            "version": None,
            "verdict": None,
            "due": None,
            "next": "Nobody has looked yet: run storecast monitor.",
            "reasons": [],
            "trained": None,
            "last_actual": None,
            "live": None,
            "drift": None,
            "no_drift": "Nobody has looked yet.",
        }
    kept = ("verdict", "due", "next", "reasons", "trained", "last_actual", "drift", "no_drift")
    head = {"looked_at": body["at"], "version": body["model"]["version"], "live": body["live"]["all"]}
    return head | {name: body[name] for name in kept}


def make_router(service: Service) -> APIRouter:
    """Look."""
    router = APIRouter(tags=["monitoring"])

    @router.get(
        "/v1/monitoring/accuracy",
        summary="Forecasts against the actuals that came since",
        openapi_extra=declared("reader", direct=True) | documented("AccuracyAnswer", parameters=_PARAMETERS),
    )
    async def accuracy(request: Request) -> Response:
        by = read_query(request, ("by",)).get("by")
        if by is not None and by not in BY:
            raise invalid([Wrong("by", f"expected one of {', '.join(BY)}")])
        champion = service.holder.serving()
        body = {**_head(champion), "unit": service.config.unit}
        found = {**body, **await asyncio.to_thread(_accuracy, champion, service.tables.actuals)}
        if by is not None:
            looks = service.tables.looks
            looked_at = None if looks.body is None else looks.body["at"]
            found |= {"by": by, "looked_at": looked_at, "groups": looks.groups(by)}
        return answer(found)

    @router.get(
        "/v1/monitoring/status",
        summary="What the last look at the model found, and what to do",
        openapi_extra=declared("reader") | documented("StatusAnswer"),
    )
    def status() -> Response:
        return answer(_head(service.holder.serving()) | _status(service.tables.looks.body))

    return router
