"""``/v1/overview``: sums and scores of everything there is, for whoever looks at exceptions first."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray
from starlette.responses import Response

from storecast.forecasting.hierarchy import cents
from storecast.service.champion import Champion
from storecast.service.context import Service
from storecast.service.fields import answer
from storecast.service.openapi import documented
from storecast.service.problems import Wrong, invalid
from storecast.service.routes.series import natural
from storecast.service.rules import declared

__all__ = ["make_router"]

Float = NDArray[np.float64]
_YEAR = 52
_NAIVE = "naive-growth"
_LATEST = ("ds", "y", "forecast", "lo", "hi")


def _year_before(champion: Champion, horizon: int) -> Float:
    """(h, N) sales 52 weeks before each week ahead; NaN where they are not known."""
    history = champion.forecaster.history[-_YEAR:]
    blank = np.full((_YEAR - len(history), history.shape[1]), np.nan)
    return np.concatenate([blank, history])[:horizon]


def _or_none(values: Float) -> list[float | None]:
    return [round(v, 2) if v == v else None for v in values.tolist()]


def _records(columns: dict[str, list[Any]], key: str) -> dict[str, dict[str, Any]]:
    """Rows by the value of ``key``, of lists by column."""
    others = {name: values for name, values in columns.items() if name != key}
    return {at: {n: v[i] for n, v in others.items()} for i, at in enumerate(columns.get(key, []))}


def _overview(champion: Champion, by: str, horizon: int, unit: str) -> dict[str, Any]:
    f, view = champion.forecaster, champion.view(by)
    level = f.levels[view.by]
    size, weeks = len(view.names), slice(0, horizon)
    forecast = cents(view.point[weeks].sum(axis=0))
    before = _year_before(champion, horizon)
    year = level.total(before).sum(axis=0)
    naive = level.total(f.naive[_NAIVE][weeks]).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(year > 0, forecast / year - 1.0, np.nan)
    member = np.zeros(size, dtype=np.int64)
    member[level.of] = np.arange(len(level.of))  # any series of each place
    kept = champion.facts.get("planning", {})
    judged = kept.get("backtest", {})
    table = "series" if view.by == "series" and champion.hierarchical else "store"
    scores = _records(judged.get("tables", {}).get(table, {}), "segment")
    latest = _records(judged.get("latest", {}).get(view.by, {}), "unique_id")
    static = _records(kept.get("static", {}), "store")
    columns = zip(
        forecast.tolist(), _or_none(year), _or_none(naive), [v if v == v else None for v in change.tolist()],
        strict=True,
    )  # fmt: skip
    rows = []
    for name, at, (mine, last_year, growth, moved) in zip(view.names, member.tolist(), columns, strict=True):
        store = str(f.stores[at])
        known = static.get(store, {})
        rows.append(
            {
                "unique_id": name,
                "store": store,
                "dept": str(f.blocks[at]) if view.by == "series" else "",
                "forecast": mine,
                "naive": growth,
                "last_year": last_year,
                "change": moved,
                "type": known.get("type"),
                "size": known.get("size"),
                "latest": latest.get(name),
                "score": scores.get(name),
            }
        )
    rows.sort(key=lambda row: natural(str(row["unique_id"])))
    whole = f.levels["total"].total(before).sum()
    info = champion.info
    return {
        "model": {n: getattr(info, n) for n in ("name", "version", "digest", "model")},
        "cutoff": champion.cutoff,
        "first": champion.weeks[0],
        "last": champion.weeks[horizon - 1],
        "unit": unit,
        "by": view.by,
        "total": {
            "forecast": round(float(champion.view("total").point[weeks].sum()), 2),
            "last_year": round(float(whole), 2) if np.isfinite(whole) else None,
        },
        "rows": rows,
    }


def make_router(service: Service) -> APIRouter:
    """One route."""
    router = APIRouter(tags=["series"])

    @router.get(
        "/v1/overview",
        summary="Sums and scores of everything there is",
        openapi_extra=declared("reader") | documented("OverviewAnswer"),
    )
    def overview(
        by: Annotated[Literal["series", "store"], Query()] = "store",
        horizon: Annotated[int, Query(ge=1, le=52)] = 13,
        overrides: Annotated[bool, Query(description="False for the model's own numbers.")] = True,
    ) -> Response:
        champion = service.serving(overrides)
        if horizon > len(champion.weeks):
            raise invalid([Wrong("horizon", f"this version forecasts {len(champion.weeks)} weeks")])
        return answer(_overview(champion, by, horizon, service.config.unit))

    return router
