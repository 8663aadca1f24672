"""``/v1/predictions``: rows as the classic form has them, one or a million, JSON or CSV both ways."""

from __future__ import annotations

import asyncio
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
from storecast.service.classic import CsvRows, Gathered, gather
from storecast.service.columnar import pack
from storecast.service.context import Service
from storecast.service.openapi import documented, parameter
from storecast.service.problems import Problem, Wrong, invalid
from storecast.service.queries import read_query, wants_csv
from storecast.service.rules import declared
from storecast.service.schemas import PredictionsRequest

__all__ = ["LEVELS", "make_router"]

Float = NDArray[np.float64]
LEVELS = (80.0, 95.0)
_DECODER = msgspec.json.Decoder(PredictionsRequest)
_ENCODE = msgspec.json.Encoder().encode
_CSV = "text/csv; charset=utf-8"
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


def _logged(champion: Champion, found: Answered, rows: Gathered, levels: tuple[float, ...]) -> tuple[str, bytes]:
    """The rows as the log keeps them: distinct forecasts, which of them each row got, and what was given."""
    keys = [d and f"{s}_{d}" or s for s, d, _ in _names(champion, found)]
    columns: dict[str, NDArray[np.generic]] = {
        "unique_id": np.array(keys),
        "horizon": (found.week + 1).astype(np.int16),
        **dict(zip(column_names(levels), found.columns, strict=True)),
        "row": found.of.astype(np.int32),
    }
    return pack(columns | {f"given_{name}": values for name, values in rows.given.items()})


async def _log(
    service: Service, request: Request, champion: Champion, rows: Gathered, found: Answered, levels: tuple[float, ...]
) -> str:
    """Write the answer to the log, one row readable as it is, many as a blob; the entry's id."""
    entry = service.log.new_id()
    unused = _unused(champion, rows)
    if len(rows) == 1:
        (store, dept, week), columns = _names(champion, found)[0], [c.tolist() for c in found.columns]
        bands = {f"{x:g}": columns[1 + 2 * i : 3 + 2 * i] for i, x in enumerate(levels)}
        given = {name: values.tolist()[0] for name, values in rows.given.items()}
        await service.record(
            request,
            "prediction",
            champion,
            id=entry,
            series=f"{store}_{dept}" if dept else store,
            rows=1,
            inputs=_ENCODE({"by": "store" if found.view[0] else "series", "given": given, "unused": unused}).decode(),
            forecast=_ENCODE({"ds": [week], "storecast": columns[0]}).decode(),
            bands=_ENCODE(bands).decode(),
        )
        return entry
    digest, blob = await asyncio.to_thread(_logged, champion, found, rows, levels)
    await service.record(
        request,
        "prediction",
        champion,
        id=entry,
        series="",
        rows=len(rows),
        inputs=_ENCODE({"cutoff": champion.cutoff, "given": list(rows.given), "unused": unused}).decode(),
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
    found = await asyncio.to_thread(answered, champion, rows, levels) if many else answered(champion, rows, levels)
    entry = await _log(service, request, champion, rows, found, levels)
    if csv:
        dept = champion.hierarchical
        head = ",".join(["store", *(["dept"] if dept else []), "date", *column_names(levels)]) + "\n"
        lines = [line.encode() for line in _csv_lines(champion, found, levels, dept)]
        headers = {"content-type": _CSV, "content-disposition": 'attachment; filename="predictions.csv"', "x-forecast-id": entry}
        return StreamingResponse(_in_turns(lines, found.of, head.encode(), b"", b""), headers=headers)
    head_ = (
        f'{{"id":"{entry}","model":{champion.head.decode()},"cutoff":"{champion.cutoff}",'
        f'"unit":{_ENCODE(service.config.unit).decode()},"levels":{_ENCODE(levels).decode()},'
        f'"unused":{_ENCODE(_unused(champion, rows)).decode()},"predictions":['
    ).encode()
    lines = _json_lines(champion, found, levels)
    if not many:
        return Reply(head_ + b",".join([lines[i] for i in found.of.tolist()]) + b"]}")
    return StreamingResponse(_in_turns(lines, found.of, head_, b",", b"]}"), media_type="application/json")


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
        rows = gather(champion, asked.rows)
        return await predict(service, request, champion, rows, levels, wants_csv(request, query.get("format")))

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
