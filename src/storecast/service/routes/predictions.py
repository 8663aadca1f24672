"""``/v1/predictions``: rows as the classic form has them, one or a million, JSON or CSV both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from storecast.service.calls import Reply, body_chunks, decode, media_type, read_body
from storecast.service.champion import Champion, check_levels, column_names
from storecast.service.classic import GIVEN, LARGEST, Gathered, gather
from storecast.service.classic_csv import CsvRows
from storecast.service.context import Service
from storecast.service.logged import as_texts
from storecast.service.modelled import answered_rows
from storecast.service.openapi import documented, parameter
from storecast.service.problems import Problem, Wrong, invalid
from storecast.service.queries import read_query, wants_csv
from storecast.service.rows import Answered, blob_of, csv_lines, json_lines, unused
from storecast.service.rules import declared
from storecast.service.schemas.forecasts import ClassicRow, PredictionsRequest

__all__ = ["LEVELS", "answer_lines", "make_router"]

LEVELS = (80.0, 95.0)
_DECODER = msgspec.json.Decoder(PredictionsRequest)
_ENCODE = msgspec.json.Encoder().encode
_CSV_HEADERS = {
    "content-type": "text/csv; charset=utf-8",
    "content-disposition": 'attachment; filename="predictions.csv"',
}
_STEP = 4000  # rows written before others get their turn
_PIECE = 64 * 1024  # bytes read before others get theirs


async def _log(
    service: Service,
    request: Request,
    champion: Champion,
    rows: Gathered,
    found: Answered,
    levels: tuple[float, ...],
    kind: str,
) -> str:
    """Write the answer to the log; the entry's id."""
    entry = service.log.new_id()
    inputs = {"cutoff": champion.cutoff, "given": list(rows.given), "unused": unused(champion, rows)}
    if len(rows) > _STEP:
        digest, blob = await asyncio.to_thread(blob_of, champion, found, rows, levels)
    else:
        digest, blob = blob_of(champion, found, rows, levels)
    await service.record(
        request,
        kind,
        champion,
        id=entry,
        series="",
        rows=len(rows),
        inputs=_ENCODE(inputs).decode(),
        digest=digest,
        blob=blob,
    )
    return entry


async def _read_csv(request: Request, champion: Champion, limit: int, most: int) -> Gathered:
    rows = CsvRows(champion, most)
    async for piece in body_chunks(request, limit):
        for start in range(0, len(piece), _PIECE):
            rows.feed(piece[start : start + _PIECE])
            await asyncio.sleep(0)
    return rows.close()


async def _in_turns(
    lines: Sequence[bytes], of: NDArray[np.int64], head: bytes, comma: bytes, tail: bytes
) -> AsyncIterator[bytes]:
    pick: Callable[[int], bytes] = lines.__getitem__
    for start in range(0, len(of), _STEP):
        piece = comma.join(map(pick, of[start : start + _STEP].tolist()))
        yield head + piece if not start else comma + piece
        await asyncio.sleep(0)
    yield tail


def _levels(given: list[float] | None) -> tuple[float, ...]:
    return LEVELS if given is None else check_levels(given)


def _query_levels(text: str | None) -> tuple[float, ...]:
    if text is None:
        return LEVELS
    try:
        return check_levels(float(part) for part in text.split(",") if part)
    except ValueError as error:
        raise invalid([Wrong("levels", f"{text[:40]!r} is no list of numbers such as 80,95")]) from error


def decoded(body: bytes) -> PredictionsRequest:
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


async def answer_lines(
    service: Service,
    request: Request,
    champion: Champion,
    rows: Gathered,
    levels: tuple[float, ...],
    kind: str,
) -> tuple[str, list[bytes]]:
    """Answer ``rows`` and log it; the entry's id, and a JSON object for each row."""
    found = await answered_rows(service, request, champion, rows, levels)
    entry = await _log(service, request, champion, rows, found, levels, kind)
    lines = json_lines(champion, found, levels)
    return entry, [lines[i] for i in found.of.tolist()]


async def predict(
    service: Service,
    request: Request,
    champion: Champion,
    rows: Gathered,
    levels: tuple[float, ...],
    csv: bool,
) -> Response:
    """Answer ``rows``, after the answer is logged."""
    if len(rows) <= _STEP and not csv:
        entry, lines = await answer_lines(service, request, champion, rows, levels, "prediction")
        head = _head(service, champion, entry, levels, unused(champion, rows))
        return Reply(head + b",".join(lines) + b"]}")
    found = await answered_rows(service, request, champion, rows, levels)
    entry = await _log(service, request, champion, rows, found, levels, "prediction")
    if not csv:
        head = _head(service, champion, entry, levels, unused(champion, rows))
        pieces = _in_turns(json_lines(champion, found, levels), found.of, head, b",", b"]}")
        return StreamingResponse(pieces, media_type="application/json")
    dept = champion.hierarchical
    lines = [line.encode() for line in csv_lines(champion, found, levels, dept)]
    headers = {**_CSV_HEADERS, "x-forecast-id": entry}
    return StreamingResponse(_in_turns(lines, found.of, _csv_head(dept, levels), b"", b""), headers=headers)


def _csv_head(dept: bool, levels: tuple[float, ...]) -> bytes:
    return (",".join(["store", *(["dept"] if dept else []), "date", *column_names(levels)]) + "\n").encode()


def _head(
    service: Service, champion: Champion, entry: str, levels: tuple[float, ...], unused: Sequence[str]
) -> bytes:
    return (
        f'{{"id":"{entry}","model":{champion.head.decode()},"cutoff":"{champion.cutoff}",'
        f'"unit":{_ENCODE(service.config.unit).decode()},"levels":{_ENCODE(levels).decode()},'
        f'"unused":{_ENCODE(unused).decode()},"predictions":['
    ).encode()


async def predict_one(
    service: Service, request: Request, champion: Champion, row: ClassicRow, levels: tuple[float, ...]
) -> Response | None:
    """Answer one row that is a look-up, without an array being made; None where it is not so simple."""
    if champion.exogenous is not None or champion.hierarchical or row.dept is not None:
        return None
    store = str(row.store)
    place, week = champion.views["series"].place.get(store), champion.week_at.get(row.date)
    if place is None or week is None:
        return None
    given = {name: value for name in GIVEN if (value := getattr(row, name)) is not None}
    if any(abs(value) > LARGEST for value in given.values()):
        return None
    rows = champion.rows("series", place, levels)
    entry = service.log.new_id()
    columns = [[column[week]] for column in rows.columns]
    forecast, bands = as_texts([row.date], levels, columns)
    await service.record(
        request,
        "prediction",
        champion,
        id=entry,
        series=store,
        rows=1,
        inputs=_ENCODE({"given": given, "unused": list(given)}).decode(),
        forecast=forecast,
        bands=bands,
    )
    # The row as /v1/forecasts has it, from its point on.
    values = rows.json[week][rows.json[week].index(b',"storecast":') :]
    head = _head(service, champion, entry, levels, list(given))
    return Reply(
        b"".join((head, b'{"store":', _ENCODE(store), b',"date":"', row.date.encode(), b'"', values, b"]}"))
    )


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
        champion = service.holder.serving()
        query = read_query(request, ("levels", "format"))
        kind = media_type(request)
        if kind == "text/csv":
            levels = _query_levels(query.get("levels"))
            rows = await _read_csv(request, champion, service.config.csv_bytes, service.config.rows)
            csv = query.get("format", "csv") == "csv" and "application/json" not in request.headers.get(
                "accept", ""
            )
            return await predict(
                service, request, champion, rows, levels, csv or wants_csv(request, query.get("format"))
            )
        if kind != "application/json":
            raise Problem(
                415,
                "unsupported-media-type",
                "Rows come as JSON or CSV",
                f"Found {kind[:60]!r}.",
                "Set content-type to application/json or text/csv.",
            )
        asked = decoded(await read_body(request, service.config.json_bytes))
        levels = _levels(asked.levels) if asked.levels is not None else _query_levels(query.get("levels"))
        csv = wants_csv(request, query.get("format"))
        if len(asked.rows) == 1 and not csv:
            simple = await predict_one(service, request, champion, asked.rows[0], levels)
            if simple is not None:
                return simple
        return await predict(service, request, champion, gather(champion, asked.rows), levels, csv)

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
}
_PARAMETERS = [
    parameter(
        "levels",
        {"type": "array", "items": {"type": "number", "minimum": 1, "maximum": 99.8}, "maxItems": 10},
        "Coverage of the bands in percent.",
        explode=False,
    ),
    parameter(
        "format", {"type": "string", "enum": ["json", "csv"]}, "Of the answer; that of the rows without."
    ),
]
