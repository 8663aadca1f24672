"""``/v1/explanations``: why a forecast is what it is, in dollars that add up to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from storecast.errors import RequestError
from storecast.forecasting.drivers import effects
from storecast.forecasting.explain import Explanation, Step, explain
from storecast.ports.records import Override
from storecast.service.arms import arm_of, asked_of, check_whole
from storecast.service.calls import Reply, call_of
from storecast.service.champion import Champion, View
from storecast.service.context import Service
from storecast.service.explaining import (
    BY,
    SERIES,
    dates_asked,
    dates_parameter,
    explanation_reply,
    series_asked,
)
from storecast.service.openapi import documented, parameter
from storecast.service.problems import Wrong, invalid
from storecast.service.queries import read_query, wants_overrides
from storecast.service.rules import declared

__all__ = ["explained", "make_router"]

_ENCODE = msgspec.json.Encoder().encode


def _horizons(text: str) -> list[int]:
    parts = text.split(",")
    wrong = [i for i, part in enumerate(parts) if not (part.isascii() and part.isdecimal() and len(part) < 4)]
    if wrong or len(parts) > 52:
        raise invalid(
            [Wrong("horizons", f"{text[:40]!r} is no list of at most 52 weeks ahead, such as 1,2,3")]
        )
    return [int(part) for part in parts]


def explained(champion: Champion, name: str, weeks: list[int], by: str | None) -> list[Explanation]:
    """Weeks from 1 of a series, a store or the total, overrides a step of their own; raises a problem or
    RequestError naming what is not there."""
    if wrong := [h for h in weeks if not 1 <= h <= len(champion.weeks)]:
        raise invalid(
            [
                Wrong(
                    "horizons",
                    f"{wrong[0]} is not from 1 to {len(champion.weeks)}, the weeks that are forecast",
                )
            ]
        )
    try:
        made = explain(champion.forecaster, name, weeks, level=by)
        return [_overridden(champion, found, by) for found in made]
    except RequestError as error:
        error.where = error.where or "series"
        error.found = error.found[:80]
        error.what = f"There is nothing called {name[:80]!r} to explain."
        raise


def _said(champion: Champion, made: Explanation, by: str | None) -> tuple[View, tuple[Override, ...]]:
    """The view that an explanation is of, and the overrides in its number."""
    levels = (by,) if by else tuple(champion.views)
    view = next(v for v in (champion.views[level] for level in levels) if made.unique_id in v.place)
    return view, view.said.get(view.place[made.unique_id], {}).get(made.horizon - 1, ())


def _overridden(champion: Champion, made: Explanation, by: str | None) -> Explanation:
    """With one more step where planners' overrides are in the number."""
    view, said = _said(champion, made, by)
    if not said:
        return made
    moved = round(view.point.item(made.horizon - 1, view.place[made.unique_id]) * 100.0) - made.cents
    title = f"Override by {said[0].who}: {said[0].why}" if len(said) == 1 else f"{len(said)} overrides"
    return replace(made, cents=made.cents + moved, steps=(*made.steps, Step("override", title, moved)))


def _beside(
    service: Service,
    champion: Champion,
    name: str,
    weeks: list[int],
    by: str | None,
    query: Mapping[str, str],
) -> tuple[Champion, list[Explanation]] | None:
    """The challenger and its explanations, where it answers this series."""
    place = champion.views["series"].place.get(name)
    if place is None or by not in (None, "series"):
        return None
    arm = arm_of(service, champion, "series", place, overrides=wants_overrides(query))
    if arm is None:
        return None

    def ask() -> list[Explanation]:
        days = [champion.weeks[week - 1] for week in weeks] if "dates" in query else []
        mine = [arm.version.week(day) + 1 for day in days] or weeks
        made = explained(arm.version, name, mine, "series")
        check_whole([[e.cents for e in made]])
        return made

    made = asked_of(service, arm, ask)
    return None if made is None else (arm.version, made)


def make_router(service: Service) -> APIRouter:
    """One series, some weeks."""
    router = APIRouter(tags=["forecasts"])

    @router.get(
        "/v1/explanations",
        summary="Forecasts explained as dollars that add up",
        openapi_extra=declared("reader", direct=True)
        | documented(
            "ExplanationsAnswer",
            parameters=[
                SERIES,
                parameter(
                    "horizons",
                    {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 52}},
                    "Weeks ahead; all without.",
                    explode=False,
                    example=[1, 2],
                ),
                dates_parameter("Weeks by date."),
                BY,
                parameter("overrides", {"type": "boolean"}, "False for the model's own numbers."),
            ],
        ),
    )
    async def explanations(request: Request) -> Response:
        query = read_query(request, ("series", "horizons", "dates", "by", "overrides"))
        champion = service.serving(wants_overrides(query))
        name = series_asked(query)
        if "dates" in query:
            if "horizons" in query:
                raise invalid([Wrong("dates", "give either dates or horizons, not both")])
            weeks = [week + 1 for week in dates_asked(champion, query["dates"])]
        else:
            weeks = (
                _horizons(query["horizons"])
                if "horizons" in query
                else list(range(1, len(champion.weeks) + 1))
            )
        by = champion.view(query["by"]).by if "by" in query else None
        with call_of(request).step("look-up"):
            beside = _beside(service, champion, name, weeks, by, query)
            champion, made = beside or (champion, explained(champion, name, weeks, by))
        service.trials.counted(beside is not None)
        said = list({o.id: o for e in made for o in _said(champion, e, by)[1]}.values())
        answer = [e.as_dict() for e in made]
        return await explanation_reply(
            service,
            request,
            champion,
            series=made[0].unique_id,
            asked={"by": by},
            said=said,
            weeks=[e["ds"] for e in answer],
            dollars=[e["forecast"] for e in answer],
            body={"explanations": answer},
        )

    @router.get(
        "/v1/explanations/drivers",
        summary="What drives forecasts overall",
        openapi_extra=declared("reader") | documented("DriversAnswer"),
    )
    def overall() -> Response:
        champion = service.holder.serving()
        head = {"model": msgspec.Raw(champion.head), "unit": service.config.unit}
        return Reply(_ENCODE({**head, **effects(champion.forecaster).as_dict()}))

    return router
