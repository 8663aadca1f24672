"""``/v1/monitoring/accuracy``: what the version that serves said of weeks it had not seen, and what came."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.responses import Response

from storecast.ports.records import Actuals
from storecast.service.champion import Champion
from storecast.service.context import Service
from storecast.service.fields import answer
from storecast.service.openapi import documented
from storecast.service.rules import declared

__all__ = ["make_router"]

_LEVELS = (80.0, 95.0)
_NAIVE = "naive-growth"


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


def make_router(service: Service) -> APIRouter:
    """Look."""
    router = APIRouter(tags=["monitoring"])

    @router.get(
        "/v1/monitoring/accuracy",
        summary="Forecasts against the actuals that came since",
        openapi_extra=declared("reader") | documented("AccuracyAnswer"),
    )
    def accuracy() -> Response:
        champion = service.holder.serving()
        model = {n: getattr(champion.info, n) for n in ("name", "version", "digest", "model")}
        body = {"model": model, "cutoff": champion.cutoff, "unit": service.config.unit}
        return answer({**body, **_accuracy(champion, service.tables.actuals)})

    return router
