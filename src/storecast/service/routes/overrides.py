"""``/v1/overrides``: a person's word against forecasts, said, seen and taken back; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from storecast.forecasting.overrides import states
from storecast.forecasting.value_added import NAIVE
from storecast.ports.records import Against, Override
from storecast.service.calls import call_of
from storecast.service.champion import Champion
from storecast.service.context import Service
from storecast.service.fields import Before, Body, Date, Id, Limit, Series, Why, answer, found, iso, next_of
from storecast.service.openapi import documented
from storecast.service.overridden import scored
from storecast.service.problems import Problem, Wrong, invalid
from storecast.service.rules import declared

__all__ = ["make_router"]

_LARGEST, _MOST = 1e12, 10_000
_BYTES = 4 * 1024 * 1024  # of a body: so many series fit, however long their names
_LAST = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp() * 1e6)  # later times have no ISO 8601 in every zone


class NewOverride(Body):
    """``value`` for each of the ``series`` and ``dates``: dollars instead of the model's (``mode`` value),
    dollars more (difference) or percent more (percent); until ``expires`` (ISO 8601), or for good."""

    series: Annotated[list[Series], Field(min_length=1, max_length=_MOST, examples=[["1"]])]
    dates: Annotated[list[Date], Field(min_length=1, max_length=52, examples=[["2012-11-02"]])]
    mode: Literal["value", "difference", "percent"] = "value"
    value: Annotated[float, Field(ge=-_LARGEST, le=_LARGEST, allow_inf_nan=False, examples=[410000.0])]
    why: Annotated[Why, Field(examples=["the competitor next door closes that week"])]
    expires: Annotated[str, Field(max_length=40)] | None = None


class Undo(Body):
    """Why it is taken back; ``whole``: with all that was said at once with it."""

    why: Annotated[Why, Field(examples=["the competitor stays open"])]
    whole: bool = False


def _expiry(text: str | None, now: int) -> int | None:
    """Microseconds since 1970; a time without a zone is UTC, a day its begin. Raises 422."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid([Wrong("expires", f"{text[:40]!r} is no time such as 2026-12-31T18:00:00Z")]) from error
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    moment = int(at.timestamp() * 1e6)
    if moment <= now:
        raise invalid([Wrong("expires", f"{text[:40]!r} is past")])
    if moment >= _LAST:
        raise invalid([Wrong("expires", f"{text[:40]!r} is too far ahead: without it, it counts for good")])
    return moment


def _about(champion: Champion, series: Sequence[str], dates: Sequence[str]) -> list[Against]:
    """Every series and week with what this version says of it; raises a problem naming what it does not
    forecast."""
    view, f, version = champion.view("series"), champion.forecaster, champion.info.version
    if len(series) * len(dates) > _MOST:
        raise invalid([Wrong("series", f"more than {_MOST:,} series and weeks are named")])
    places = [(name, view.find(name, f"series[{i}]")) for i, name in enumerate(series)]
    weeks = [(day, champion.week(day, f"dates[{i}]")) for i, day in enumerate(dates)]
    naive = f.naive[NAIVE]
    return [
        Against(name, day, view.point.item(week, at), round(naive.item(week, at), 2), version)
        for name, at in dict(places).items()
        for day, week in dict(weeks).items()
    ]


def _shown(rows: Iterable[Override], states_: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {**vars(row), "at": iso(row.at), "expires": iso(row.expires), "state": states_[row.id]}
        for row in rows
    ]


def _may_undo(request: Request, rows: Sequence[Override]) -> None:
    call = call_of(request)
    others = [row for row in rows if row.who != call.caller]
    if others and call.role != "operator":
        raise Problem(
            403,
            "not-yours",
            "This override is another planner's",
            f"It was said by {others[0].who[:80]!r}.",
            "Ask them, or an operator; or say what you know better: the last word counts.",
        )


def make_router(service: Service) -> APIRouter:
    """Say, list, undo."""
    router = APIRouter(tags=["overrides"])
    table, book = service.tables.overrides, service.book

    def all_states(unique_ids: Sequence[str] | None = None) -> tuple[list[Override], dict[str, str]]:
        rows = table.rows(unique_ids=unique_ids)
        return rows, states(rows, service.clock() // 1000)

    @router.post(
        "/v1/overrides",
        status_code=201,
        summary="Say what you know better",
        openapi_extra=declared("planner", limit=_BYTES) | documented("OverridesAnswer", status=201),
    )
    def say(request: Request, asked: NewOverride) -> Response:
        about = _about(service.holder.serving(), asked.series, asked.dates)
        expires = _expiry(asked.expires, service.clock() // 1000)
        who = call_of(request).caller
        made = table.say(about, asked.mode, asked.value, who=who, why=asked.why, expires=expires)
        book.refresh()
        return answer(
            {"overrides": _shown(made, dict.fromkeys((r.id for r in made), "counts")), "next": None}, 201
        )

    @router.get(
        "/v1/overrides",
        summary="Overrides that count, or all that were ever said",
        openapi_extra=declared("reader") | documented("OverridesAnswer"),
    )
    def listing(
        series: Annotated[Series | None, Query(description="Of one series.")] = None,
        history: Annotated[bool, Query(description="Undone, expired and replaced ones too.")] = False,
        before: Before = None,
        limit: Limit = 100,
    ) -> Response:
        rows, states_ = all_states(None if series is None else [series])
        picked = [r for r in rows if history or states_[r.id] == "counts"]
        picked = [r for r in picked if before is None or r.id < before][:limit]
        return answer({"overrides": _shown(picked, states_), "next": next_of(picked, limit)})

    @router.post(
        "/v1/overrides/{override_id}/undo",
        summary="Take an override back",
        openapi_extra=declared("planner") | documented("OverridesAnswer"),
    )
    def undo(request: Request, override_id: Id, asked: Undo) -> Response:
        rows = table.find(override_id, whole=asked.whole)
        found(rows or None, "override", override_id)
        _may_undo(request, rows)
        _, states_ = all_states([row.unique_id for row in rows])
        left = [row for row in rows if states_[row.id] != "undone"]
        if not left:
            raise Problem(409, "undone", "This override is undone already", remedy="See its history.")
        made = table.undo(left, who=call_of(request).caller, why=asked.why)
        book.refresh()
        return answer({"overrides": _shown(made, dict.fromkeys((r.id for r in made), "undo")), "next": None})

    @router.get(
        "/v1/overrides/scores",
        summary="What overrides were worth, by planner and store",
        openapi_extra=declared("reader") | documented("OverrideScores"),
    )
    def scores() -> Response:
        champion = service.holder.champion
        f = champion.forecaster if champion else None
        stores = dict(zip(f.keys.tolist(), f.stores.tolist(), strict=True)) if f else {}
        made = scored(table, service.tables.actuals, stores)
        return answer({"unit": service.config.unit, **made.as_dict()})

    return router
