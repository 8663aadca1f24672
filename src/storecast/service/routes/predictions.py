"""``/v1/predictions``: rows as the classic form has them, one or a million, JSON or CSV both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from storecast.service.calls import LARGE, body_chunks, decode, media_type, off_loop, read_body
from storecast.service.champion import Champion, check_levels
from storecast.service.classic import Gathered, gather
from storecast.service.classic_csv import CsvRows
from storecast.service.context import Service
from storecast.service.multipart import FORM, FileForm
from storecast.service.openapi import documented, parameter
from storecast.service.predicting import predict, predict_one
from storecast.service.problems import Problem, Wrong, invalid
from storecast.service.queries import read_query, wants_csv, wants_overrides
from storecast.service.rules import declared
from storecast.service.schemas.forecasts import PredictionsRequest

__all__ = ["make_router"]

_LEVELS = (80.0, 95.0)
_DECODER = msgspec.json.Decoder(PredictionsRequest)
_ENCODE = msgspec.json.Encoder().encode
_PIECE = 64 * 1024  # bytes read before others get their turn


async def _read_csv(pieces: AsyncIterator[bytes], champion: Champion, most: int) -> Gathered:
    rows = CsvRows(champion, most)
    async for piece in pieces:
        for start in range(0, len(piece), _PIECE):
            rows.feed(piece[start : start + _PIECE])
            await asyncio.sleep(0)
    return rows.close()


def _levels(given: list[float] | None) -> tuple[float, ...]:
    return _LEVELS if given is None else check_levels(given)


def _query_levels(text: str | None) -> tuple[float, ...]:
    if text is None:
        return _LEVELS
    try:
        return check_levels(float(part) for part in text.split(",") if part)
    except ValueError as error:
        raise invalid([Wrong("levels", f"{text[:40]!r} is no list of numbers such as 80,95")]) from error


def _decoded(body: bytes) -> PredictionsRequest:
    """The request; the names of a row may also be spelled as the classic file has them (Holiday_Flag)."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        try:
            raw = msgspec.json.decode(body)
            rows = [{str(k).lower(): v for k, v in row.items()} for row in raw["rows"]]
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, TypeError, KeyError, AttributeError):
            return decode(body, _DECODER)  # the first complaint is the one to hear
        return decode(_ENCODE({**raw, "rows": rows}), _DECODER)


async def _of_file(service: Service, request: Request, champion: Champion, query: dict[str, str]) -> Response:
    """Rows in a CSV, as the body or as a form's file; the answer is CSV unless JSON is asked for."""
    limit, most = service.config.csv_bytes, service.config.rows
    if media_type(request) == FORM:
        form = FileForm(request, ("levels", "format"))
        rows = await _read_csv(form.file(limit), champion, most)
        if twice := form.fields.keys() & query.keys():
            raise invalid([Wrong(min(twice), "given in the form and in the query")])
        query = {**query, **form.fields}
    else:
        _checked(query)
        rows = await _read_csv(body_chunks(request, limit), champion, most)
    levels, given = _checked(query)
    if given is None:
        csv = "application/json" not in request.headers.get("accept", "")
    else:
        csv = wants_csv(request, given)
    return await predict(service, request, champion, rows, levels, csv)


def _checked(query: dict[str, str]) -> tuple[tuple[float, ...], str | None]:
    """Levels and format; raises before a large file is read for nothing."""
    given = query.get("format")
    if given not in (None, "json", "csv"):
        raise invalid([Wrong("format", "expected json or csv")])
    return _query_levels(query.get("levels")), given


def make_router(service: Service) -> APIRouter:
    """POST with rows."""
    router = APIRouter(tags=["forecasts"])

    @router.post(
        "/v1/predictions",
        summary="Forecasts for rows of store, date and what is known of the week",
        openapi_extra=declared("reader", direct=True)
        | documented(
            "PredictionsAnswer",
            text="One prediction a row, in the order of the rows.",
            media={"text/csv": {"type": "string"}},
            body=_BODY,
            parameters=_PARAMETERS,
        ),
    )
    async def predictions(request: Request) -> Response:
        query = read_query(request, ("levels", "format", "overrides"))
        champion = service.serving(wants_overrides(query))
        kind = media_type(request)
        if kind in ("text/csv", FORM):
            return await _of_file(service, request, champion, query)
        if kind != "application/json":
            raise Problem(
                415,
                "unsupported-media-type",
                "Rows come as JSON or CSV",
                f"Found {kind[:60]!r}.",
                "Set content-type to application/json, text/csv or multipart/form-data.",
            )
        body = await read_body(request, service.config.json_bytes)
        large = len(body) > LARGE
        asked = await off_loop(large, _decoded, body)
        levels = _levels(asked.levels) if asked.levels is not None else _query_levels(query.get("levels"))
        csv = wants_csv(request, query.get("format"))
        if len(asked.rows) == 1 and not csv:
            simple = await predict_one(service, request, champion, asked.rows[0], levels)
            if simple is not None:
                return simple
        rows = await off_loop(large, gather, champion, asked.rows)
        return await predict(service, request, champion, rows, levels, csv)

    return router


_EXAMPLE = {
    "store": 1,
    "date": "2012-11-02",
    "holiday_flag": 0,
    "temperature": 55.3,
    "fuel_price": 3.39,
    "cpi": 223.46,
    "unemployment": 6.57,
}
_BODY: dict[str, dict[str, Any]] = {
    "application/json": {
        "schema": {"$ref": "#/components/schemas/PredictionsRequest"},
        "examples": {
            "row": {"summary": "One row of the classic form", "value": {"rows": [_EXAMPLE], "levels": [80]}},
            "least": {
                "summary": "Store and week alone",
                "value": {"rows": [{"store": 1, "date": "2012-11-02"}]},
            },
        },
    },
    "text/csv": {
        "schema": {"type": "string"},
        "example": "Store,Date,Holiday_Flag,Temperature,Fuel_Price,CPI,Unemployment\n"
        "1,02-11-2012,0,55.3,3.39,223.46,6.57\n",
    },
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": {"type": "string", "contentMediaType": "text/csv"},
                "levels": {"type": "string", "description": "Such as 80,95."},
                "format": {"type": "string", "enum": ["json", "csv"]},
            },
            "additionalProperties": False,
        },
        "example": {"file": "store,date\n1,2012-11-02\n", "levels": "80", "format": "json"},
    },
}
_PARAMETERS = [
    parameter(
        "levels",
        {"type": "array", "items": {"type": "number", "minimum": 1, "maximum": 99.8}, "maxItems": 10},
        "Coverage of the bands in percent.",
        explode=False,
    ),
    parameter(
        "overrides", {"type": "boolean"}, "False for the model's own numbers, without what planners said."
    ),
    parameter(
        "format", {"type": "string", "enum": ["json", "csv"]}, "Of the answer; that of the rows without."
    ),
]
