"""``/v1/forecasts``: a look-up by series and week, any band level, JSON or CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from storecast.service.arms import arm_of, asked_of, check_whole
from storecast.service.calls import Reply, call_of, decode, media_type, read_body
from storecast.service.champion import Champion, check_levels
from storecast.service.context import Service
from storecast.service.forecast_many import CSV, many
from storecast.service.forecast_rows import (
    Wanted,
    csv_head,
    csv_lines,
    head,
    pick,
    said_in,
)
from storecast.service.logged import as_inputs, as_texts
from storecast.service.openapi import documented, parameter
from storecast.service.problems import Problem, Wrong, from_msgspec, invalid
from storecast.service.queries import pairs, wants_csv
from storecast.service.rules import declared
from storecast.service.schemas.forecasts import ForecastsRequest

__all__ = ["LEVELS", "make_router"]

LEVELS = (80.0, 95.0)
_HORIZON = 13
_DECODER = msgspec.json.Decoder(ForecastsRequest)
_ENCODE = msgspec.json.Encoder().encode
_LISTS = ("series", "dates", "levels")


def _from_query(request: Request) -> tuple[ForecastsRequest, str | None]:
    asked: dict[str, str | list[str]] = {}
    for name, value in pairs(request):
        if name in _LISTS:
            asked.setdefault(name, []).extend(value.split(","))  # type: ignore[union-attr]
        elif name in asked:
            raise invalid([Wrong(name, "given more than once")])
        elif value == "null":  # which would be read as not given
            raise invalid([Wrong(name[:80], "expected a value")])
        else:
            asked[name] = value
    given = asked.pop("format", None)
    assert given is None or isinstance(given, str)
    try:
        return msgspec.convert(asked, ForecastsRequest, strict=False), given
    except msgspec.ValidationError as error:
        raise from_msgspec(error) from error


def _understood(champion: Champion, asked: ForecastsRequest, most: int) -> Wanted:
    """What is asked for, as places; raises a problem or RequestError naming what cannot be met."""
    levels = LEVELS if asked.levels is None else check_levels(asked.levels)
    view = champion.view(asked.by)
    series = asked.series
    if series is None:
        places: Sequence[int] = range(len(view.names))
    elif isinstance(series, str):
        places = (view.find(series),)
    else:
        places = [view.find(name, f"series[{i}]") for i, name in enumerate(series)]
    if asked.dates is not None:
        if asked.horizon is not None:
            raise invalid([Wrong("dates", "give either dates or horizon, not both")])
        weeks: Sequence[int] = [champion.week(d, f"dates[{i}]") for i, d in enumerate(asked.dates)]
    else:
        horizon = asked.horizon or min(_HORIZON, len(champion.weeks))
        if horizon > len(champion.weeks):
            raise invalid([Wrong("horizon", f"this version forecasts {len(champion.weeks)} weeks")])
        weeks = range(horizon)
    if len(places) * len(weeks) > most:
        raise Problem(
            413,
            "too-many-rows",
            "Too many forecasts for one answer",
            f"{len(places) * len(weeks):,} rows are asked for, {most:,} are given at most.",
            "Ask for fewer series or weeks at a time.",
        )
    return Wanted(view.by, places, weeks, levels)


def _beside(
    service: Service, champion: Champion, wanted: Wanted, asked: ForecastsRequest
) -> tuple[Champion, Wanted] | None:
    """The challenger, and what is asked for as it has it, where it answers this series; weeks ahead are
    counted from its own cutoff."""
    arm = arm_of(service, champion, wanted.by, wanted.places[0], overrides=asked.overrides)
    if arm is None:
        if wanted.by == "series":
            service.trials.note(wanted.places[0], wanted.weeks)
        return None

    def ask() -> Wanted:
        if asked.dates is not None:
            weeks: Sequence[int] = [arm.version.week(d) for d in asked.dates]
        else:
            weeks = wanted.weeks
            if len(weeks) > len(arm.version.weeks):
                raise invalid([Wrong("horizon", f"this version forecasts {len(arm.version.weeks)} weeks")])
        check_whole(arm.version.rows(wanted.by, arm.place, wanted.levels).columns)
        return Wanted(wanted.by, (arm.place,), weeks, wanted.levels)

    found = asked_of(service, arm, ask)
    return None if found is None else (arm.version, found)


async def _one(service: Service, request: Request, champion: Champion, wanted: Wanted, csv: bool) -> Response:
    """One series: its rows are at hand or made at once, and the log entry is readable as it is."""
    with call_of(request).step("look-up"):
        rows = champion.rows(wanted.by, wanted.places[0], wanted.levels)
    entry = service.log.new_id()
    weeks = wanted.weeks
    columns = [pick(c, weeks) for c in rows.columns]
    said = said_in(champion, wanted)
    forecast, bands = as_texts(pick(champion.weeks, weeks), wanted.levels, columns)
    await service.record(
        request,
        "forecast",
        champion,
        id=entry,
        series=champion.views[wanted.by].names[wanted.places[0]],
        rows=len(weeks),
        inputs=f'{{"by":"{wanted.by}"{as_inputs(champion, said, wanted.levels)}}}',
        forecast=forecast,
        bands=bands,
    )
    if csv:
        text = csv_head(wanted.levels, bool(said)) + "".join(csv_lines(champion, wanted, rows, said))
        return Reply(text.encode(), CSV)
    start = head(service, champion, wanted, entry, said)
    body = b"".join((start, b",".join(pick(rows.json, weeks)), b"]}"))
    return Reply(body)


def make_router(service: Service) -> APIRouter:
    """GET with a query, POST with JSON; the same answer."""
    router = APIRouter(tags=["forecasts"])
    text = "Forecasts by series and week, with bands."

    async def answer(request: Request, asked: ForecastsRequest, csv: bool) -> Response:
        champion = service.serving(asked.overrides)
        wanted = _understood(champion, asked, service.config.rows)
        if len(wanted.places) != 1:
            return await many(service, request, champion, wanted, asked, csv)
        if (beside := _beside(service, champion, wanted, asked)) is not None:
            champion, wanted = beside
        service.trials.counted(beside is not None)
        return await _one(service, request, champion, wanted, csv)

    @router.get(
        "/v1/forecasts",
        summary="Forecasts of the weeks ahead",
        openapi_extra=declared("reader", direct=True)
        | documented("ForecastsAnswer", text=text, media=_MEDIA, parameters=_PARAMETERS),
    )
    async def get_forecasts(request: Request) -> Response:
        asked, given = _from_query(request)
        return await answer(request, asked, wants_csv(request, given))

    @router.post(
        "/v1/forecasts",
        summary="Forecasts of the weeks ahead, of many series",
        openapi_extra=declared("reader", direct=True)
        | documented("ForecastsAnswer", text=text, media=_MEDIA, body={"application/json": _BODY}),
    )
    async def post_forecasts(request: Request) -> Response:
        if media_type(request) != "application/json":
            raise Problem(
                415, "unsupported-media-type", "Send JSON", remedy="Set content-type: application/json."
            )
        asked = decode(await read_body(request, service.config.json_bytes), _DECODER)
        return await answer(request, asked, wants_csv(request, None))

    return router


_TEXT = {"type": "string"}
_MEDIA = {"text/csv": _TEXT}
_BODY = {
    "schema": {"$ref": "#/components/schemas/ForecastsRequest"},
    "examples": {
        "one": {
            "summary": "A quarter of one store",
            "value": {"series": "1", "horizon": 13, "levels": [80, 95]},
        },
        "total": {"summary": "All stores together", "value": {"by": "total", "horizon": 4, "levels": [90]}},
    },
}


def _many_of(item: Mapping[str, object]) -> dict[str, object]:
    return {"type": "array", "items": item}


_PARAMETERS = [
    parameter(
        "series", _many_of(_TEXT), "Series keys, separated by commas; all without.", example=["1", "2"]
    ),
    parameter(
        "horizon", {"type": "integer", "minimum": 1, "maximum": 52}, "Weeks ahead, 13 without.", example=4
    ),
    parameter("dates", _many_of({"type": "string", "format": "date"}), "Weeks by date instead of a horizon."),
    parameter(
        "levels",
        _many_of({"type": "number", "minimum": 1, "maximum": 99.8}),
        "Coverage of the bands in percent.",
        example=[80, 95],
    ),
    parameter("by", {"type": "string", "enum": ["series", "store", "total"]}, "Level of the hierarchy."),
    parameter(
        "overrides", {"type": "boolean"}, "False for the model's own numbers, without what planners said."
    ),
    parameter("format", {"type": "string", "enum": ["json", "csv"]}, "Instead of an Accept header."),
]
