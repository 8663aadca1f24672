"""``/v1/predictions``: rows as the classic form has them, one or a million, JSON or CSV both ways."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from storecast.service.calls import Reply, body_chunks, decode, media_type, read_body
from storecast.service.champion import Champion, check_levels, column_names, csv_cell
from storecast.service.classic import GIVEN, LARGEST, CsvRows, Gathered, gather
from storecast.service.context import Service
from storecast.service.logged import as_blob, as_texts
from storecast.service.openapi import documented, parameter
from storecast.service.problems import Problem, Wrong, invalid
from storecast.service.queries import read_query, wants_csv
from storecast.service.rules import declared
from storecast.service.schemas import ClassicRow, PredictionsRequest

__all__ = ["LEVELS", "make_router"]

Float = NDArray[np.float64]
LEVELS = (80.0, 95.0)
_DECODER = msgspec.json.Decoder(PredictionsRequest)
_ENCODE = msgspec.json.Encoder().encode
_CSV_HEADERS = {
    "content-type": "text/csv; charset=utf-8",
    "content-disposition": 'attachment; filename="predictions.csv"',
}
_STEP = 4000  # rows written before others get their turn
_PIECE = 64 * 1024  # bytes read before others get theirs


@dataclass(frozen=True)
class Answered:
    """Rows with their forecasts, each distinct one once: row r is ``cells[of[r]]``. ``view``, ``place`` and
    ``week`` (C,) of each cell; ``columns`` in the order of ``column_names``, (C,) dollars each."""

    view: NDArray[np.int64]
    place: NDArray[np.int64]
    week: NDArray[np.int64]
    of: NDArray[np.int64]
    columns: list[Float]


def answered(champion: Champion, rows: Gathered, levels: tuple[float, ...]) -> Answered:
    """Look every row up; rows whose inputs the version reads are answered by the model, each by itself."""
    h = len(champion.weeks)
    code = (rows.place.astype(np.int64) * h + rows.week) * 2 + rows.view
    model = champion.exogenous
    read = [name for name in rows.given if model is not None and name in model.names]
    if read:
        cells, of = code, np.arange(len(code))
    else:
        cells, of = np.unique(code, return_inverse=True)
    view, (place, week) = cells % 2, np.divmod(cells // 2, h)
    columns = [np.empty(len(cells)) for _ in range(1 + 2 * len(levels))]
    for number, by in ((0, "series"), (1, "store")):
        at = np.flatnonzero(view == number)
        if not at.size:
            continue
        values = champion.views[by].columns(place[at], week[at], levels)
        if read:
            assert model is not None
            given = {name: rows.given[name][at] for name in read}
            values = model.changed(champion.views[by], place[at], week[at], given, values)
        for column, part in zip(columns, values, strict=True):
            column[at] = part
    return Answered(view, place, week, of, columns)


def _names(champion: Champion, found: Answered) -> list[tuple[str, str | None, str]]:
    """Store, department and week of each cell."""
    f, weeks = champion.forecaster, champion.weeks
    if not champion.hierarchical:
        names = champion.views["series"].names
        return [(names[p], None, weeks[w]) for p, w in zip(found.place.tolist(), found.week.tolist(), strict=True)]
    stores, blocks, sums = f.stores.tolist(), f.blocks.tolist(), champion.views["store"].names
    return [
        (sums[p], None, weeks[w]) if v else (stores[p], blocks[p], weeks[w])
        for v, p, w in zip(found.view.tolist(), found.place.tolist(), found.week.tolist(), strict=True)
    ]


def _json_lines(champion: Champion, found: Answered, levels: tuple[float, ...]) -> list[bytes]:
    form = "".join(f',"{n}":%r' for n in column_names(levels))
    tails = map(form.__mod__, zip(*(c.tolist() for c in found.columns), strict=True))
    out = []
    for (store, dept, week), tail in zip(_names(champion, found), tails, strict=True):
        head = f'{{"store":{_ENCODE(store).decode()}' + ("" if dept is None else f',"dept":{_ENCODE(dept).decode()}')
        out.append(f'{head},"date":"{week}"{tail}}}'.encode())
    return out


def _csv_lines(champion: Champion, found: Answered, levels: tuple[float, ...], dept: bool) -> list[str]:
    form = ",".join(["%r"] * len(found.columns)) + "\n"
    tails = map(form.__mod__, zip(*(c.tolist() for c in found.columns), strict=True))
    return [
        f"{csv_cell(s)},{csv_cell(d or '') + ',' if dept else ''}{w},{tail}"
        for (s, d, w), tail in zip(_names(champion, found), tails, strict=True)
    ]


def _as_blob(
    champion: Champion, found: Answered, rows: Gathered, levels: tuple[float, ...]
) -> tuple[str, bytes]:
    """The rows as the log keeps them, with what was given."""
    of = found.of
    keys = [f"{s}_{d}" if d else s for s, d, _ in _names(champion, found)]
    columns = {n: c[of] for n, c in zip(column_names(levels), found.columns, strict=True)}
    columns |= {f"given_{name}": values for name, values in rows.given.items()}
    return as_blob([keys[i] for i in of.tolist()], champion.forecaster.weeks[found.week[of]], columns)


async def _log(
    service: Service,
    request: Request,
    champion: Champion,
    rows: Gathered,
    found: Answered,
    levels: tuple[float, ...],
) -> str:
    """Write the answer to the log; the entry's id."""
    entry = service.log.new_id()
    inputs = {"cutoff": champion.cutoff, "given": list(rows.given), "unused": _unused(champion, rows)}
    many = len(rows) > _STEP
    made = _as_blob(champion, found, rows, levels) if not many else None
    digest, blob = made or await asyncio.to_thread(_as_blob, champion, found, rows, levels)
    await service.record(
        request,
        "prediction",
        champion,
        id=entry,
        series="",
        rows=len(rows),
        inputs=_ENCODE(inputs).decode(),
        digest=digest,
        blob=blob,
    )
    return entry


def _unused(champion: Champion, rows: Gathered) -> list[str]:
    model = champion.exogenous
    return [name for name in rows.given if model is None or name not in model.names]


async def _read_csv(request: Request, champion: Champion, limit: int, most: int) -> Gathered:
    rows = CsvRows(champion, most)
    async for piece in body_chunks(request, limit):
        for start in range(0, len(piece), _PIECE):
            rows.feed(piece[start : start + _PIECE])
            await asyncio.sleep(0)
    return rows.close()


async def _in_turns(lines: Sequence[bytes], of: NDArray[np.int64], head: bytes, comma: bytes, tail: bytes) -> AsyncIterator[bytes]:
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


async def predict(
    service: Service, request: Request, champion: Champion, rows: Gathered, levels: tuple[float, ...], csv: bool
) -> Response:
    """Answer ``rows``, after the answer is logged."""
    many = len(rows) > _STEP
    look_up = functools.partial(answered, champion, rows, levels)
    found = await asyncio.to_thread(look_up) if many else look_up()
    entry = await _log(service, request, champion, rows, found, levels)
    if csv:
        dept = champion.hierarchical
        lines = [line.encode() for line in _csv_lines(champion, found, levels, dept)]
        headers = {**_CSV_HEADERS, "x-forecast-id": entry}
        return StreamingResponse(
            _in_turns(lines, found.of, _csv_head(dept, levels), b"", b""), headers=headers
        )
    head = _head(service, champion, entry, levels, _unused(champion, rows))
    lines = _json_lines(champion, found, levels)
    if not many:
        return Reply(head + b",".join([lines[i] for i in found.of.tolist()]) + b"]}")
    return StreamingResponse(_in_turns(lines, found.of, head, b",", b"]}"), media_type="application/json")


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
    return Reply(b"".join((head, b'{"store":', _ENCODE(store), b',"date":"', row.date.encode(), b'"', values, b"]}")))


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
            csv = query.get("format", "csv") == "csv" and "application/json" not in request.headers.get("accept", "")
            return await predict(service, request, champion, rows, levels, csv or wants_csv(request, query.get("format")))
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
_BODY = {
    "application/json": {
        "schema": {"$ref": "#/components/schemas/PredictionsRequest"},
        "examples": {
            "row": {"summary": "One row of the classic form", "value": {"rows": [_EXAMPLE], "levels": [80]}},
            "least": {"summary": "Store and week alone", "value": {"rows": [{"store": 1, "date": "2012-11-02"}]}},
        },
    },
    "text/csv": {
        "schema": {"type": "string"},
        "example": "Store,Date,Holiday_Flag,Temperature,Fuel_Price,CPI,Unemployment\n"
        "1,02-11-2012,0,55.3,3.39,223.46,6.57\n",
    },
}
_PARAMETERS = [
    parameter("levels", {"type": "array", "items": {"type": "number"}}, "Coverage of the bands in percent.", explode=False),
    parameter("format", {"type": "string", "enum": ["json", "csv"]}, "Of the answer; that of the rows without."),
]
