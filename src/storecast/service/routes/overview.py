"""``/v1/overview``: sums and scores of everything there is, for whoever looks at exceptions first."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray
from starlette.responses import Response

from storecast.forecasting.hierarchy import LEFT_OUT, Level, cents
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
    return [v if v == v else None for v in values.tolist()]


def _compared(level: Level, point: Float, before: Float) -> tuple[Float, Float]:
    """(S,) forecast and last year, both of just those series and weeks that have a last year; NaN where none
    has. What opened since is no growth."""
    known = np.isfinite(before)
    some = level.total(np.where(known, 1.0, 0.0)).sum(axis=0) > 0
    comparable, year = (level.total(np.where(known, v, 0.0)).sum(axis=0) for v in (point, before))
    return np.where(some, cents(comparable), np.nan), np.where(some, cents(year), np.nan)


def _changes(comparable: Float, year: Float) -> list[float | None]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return _or_none(np.where(year > 0, comparable / year - 1.0, np.nan))


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
    point = champion.views["series"].point[weeks]
    comparable, year = _compared(level, point, before)
    naive = cents(level.total(f.naive[_NAIVE][weeks]).sum(axis=0))
    member = np.zeros(size, dtype=np.int64)
    member[level.of] = np.arange(len(level.of))  # any series of each place
    kept = champion.facts.get("planning", {})
    judged = kept.get("backtest", {})
    table = "series" if view.by == "series" and champion.hierarchical else "store"
    scores = _records(judged.get("tables", {}).get(table, {}), "segment")
    latest = _records(judged.get("latest", {}).get(view.by, {}), "unique_id")
    static = _records(kept.get("static", {}), "store")
    columns = zip(
        forecast.tolist(), _or_none(comparable), _or_none(year), _or_none(naive), _changes(comparable, year),
        strict=True,
    )  # fmt: skip
    rows = []
    for name, at, (mine, alike, last_year, growth, moved) in zip(
        view.names, member.tolist(), columns, strict=True
    ):
        store = str(f.stores[at])
        known = static.get(store, {})
        rows.append(
            {
                "unique_id": name,
                "store": store,
                "dept": str(f.blocks[at]) if view.by == "series" else "",
                "forecast": mine,
                "comparable": alike,
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
    whole = f.levels["total"]
    sums = _compared(whole, point, before)
    young = ~np.isfinite(before).all(axis=0) & (whole.of != LEFT_OUT)
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
            "comparable": _or_none(sums[0])[0],
            "last_year": _or_none(sums[1])[0],
            "change": _changes(*sums)[0],
            "without_last_year": int(young.sum()),
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
