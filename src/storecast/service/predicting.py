"""Rows of the classic form answered and logged: one at a time as fast as can be, a million as they flow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from storecast.ports.records import Override
from storecast.service.arms import arm_of, asked_of, check_whole
from storecast.service.calls import Reply, call_of
from storecast.service.champion import Champion, column_names
from storecast.service.classic import GIVEN, LARGEST, Gathered
from storecast.service.context import Service
from storecast.service.logged import as_inputs, as_texts
from storecast.service.modelled import answered_rows
from storecast.service.overridden import shown
from storecast.service.row_texts import csv_texts, json_texts
from storecast.service.rows import Answered, blob_of, csv_lines, json_lines, said_in, unused
from storecast.service.schemas.forecasts import ClassicRow

__all__ = ["answer_lines", "look_up_one", "predict", "predict_one"]

_ENCODE = msgspec.json.Encoder().encode
_CSV_HEADERS = {
    "content-type": "text/csv; charset=utf-8",
    "content-disposition": 'attachment; filename="predictions.csv"',
}
_STEP = 4000  # rows written before others get their turn
_KEPT = 200_000  # distinct rows that are held as text; of more, each piece is made as it goes out


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
        digest, blob = await service.made(blob_of, champion, found, rows, levels)
    else:
        digest, blob = blob_of(champion, found, rows, levels)
    await service.record(
        request,
        kind,
        champion,
        id=entry,
        series="",
        rows=len(rows),
        inputs=_ENCODE(inputs).decode()[:-1] + as_inputs(champion, said_in(champion, found), levels) + "}",
        digest=digest,
        blob=blob,
    )
    return entry


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
    lines = (json_texts if len(rows) <= _STEP else json_lines)(champion, found, levels)
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
    found = await answered_rows(service, request, champion, rows, levels)
    entry = await _log(service, request, champion, rows, found, levels, "prediction")
    said = said_in(champion, found)
    head = _head(service, champion, entry, levels, unused(champion, rows), said)
    if len(rows) <= _STEP and not csv:
        lines = json_texts(champion, found, levels)
        return Reply(head + b",".join([lines[i] for i in found.of.tolist()]) + b"]}")
    if not csv:

        def as_json(some: Answered) -> list[bytes]:
            return json_lines(champion, some, levels)

        return StreamingResponse(_in_turns(found, as_json, head, b",", b"]}"), media_type="application/json")
    dept = champion.hierarchical

    def as_csv(some: Answered) -> list[bytes]:
        return [line.encode() for line in csv_lines(champion, some, levels, dept, bool(said))]

    head, headers = _csv_head(dept, levels, bool(said)), {**_CSV_HEADERS, "x-forecast-id": entry}
    if len(rows) <= _STEP:
        texts = csv_texts(champion, found, levels, dept, bool(said))
        body = "\n".join([texts[i] for i in found.of.tolist()]) + "\n"
        return Response(head + body.encode(), headers=headers)
    return StreamingResponse(_in_turns(found, as_csv, head, b"\n", b"\n"), headers=headers)


async def _in_turns(
    found: Answered, write: Callable[[Answered], list[bytes]], head: bytes, comma: bytes, tail: bytes
) -> AsyncIterator[bytes]:
    """The rows as text, some thousand at a time; cells that come often are written once."""
    few = len(found.place) <= _KEPT
    lines = write(found) if few and len(found.place) < len(found.of) else []
    for start in range(0, len(found.of), _STEP):
        rows = slice(start, start + _STEP)
        if lines:
            piece = comma.join(map(lines.__getitem__, found.of[rows].tolist()))
        else:
            part = found.part(rows)
            piece = comma.join(map(write(part).__getitem__, part.of.tolist()))
        yield head + piece if not start else comma + piece
        await asyncio.sleep(0)
    yield tail


def _csv_head(dept: bool, levels: tuple[float, ...], both: bool) -> bytes:
    more = ["storecast-model", "override"] if both else []
    return (
        ",".join(["store", *(["dept"] if dept else []), "date", *column_names(levels), *more]) + "\n"
    ).encode()


def _head(
    service: Service,
    champion: Champion,
    entry: str,
    levels: tuple[float, ...],
    unused: Sequence[str],
    said: Sequence[Override],
) -> bytes:
    return (
        f'{{"id":"{entry}","model":{champion.head.decode()},"cutoff":"{champion.cutoff}",'
        f'"unit":{_ENCODE(service.config.unit).decode()},"levels":{_ENCODE(levels).decode()},'
        f'"unused":{_ENCODE(unused).decode()},'
        f'"overrides":{_ENCODE([shown(o) for o in said]).decode()},"predictions":['
    ).encode()


def _simple(champion: Champion, row: ClassicRow) -> tuple[str, int, int] | None:
    """Level, place and week of a row that is written as we would write it; None for any other."""
    store, week = str(row.store), champion.week_at.get(row.date)
    by = "series"
    if row.dept is not None:
        place = champion.by_department.get((store, str(row.dept))) if champion.hierarchical else None
    else:
        by = champion.view("store").by
        place = champion.views[by].place.get(store)
    return None if place is None or week is None else (by, place, week)


def look_up_one(
    champion: Champion,
    by: str,
    place: int,
    week: int,
    given: Mapping[str, float],
    levels: tuple[float, ...],
) -> tuple[list[float], dict[str, float]]:
    """One row's columns, and what of ``given`` they depend on."""
    model = champion.exogenous
    read = {n: float(value) for n, value in given.items() if model is not None and n in model.names}
    if champion.views[by].said.get(place, {}).get(week):
        read = {}  # a planner has spoken: what is given changes nothing
    columns = [column[week] for column in champion.rows(by, place, levels).columns]
    if read:
        assert model is not None
        columns = model.one(place, week, read, columns)
    return columns, read


@dataclass(frozen=True)
class _Told:
    """What ``version`` says of one row: its ``columns``, what was ``read`` of the inputs given, and the same
    as text (``values``)."""

    version: Champion
    by: str
    place: int
    week: int
    columns: list[float]
    read: dict[str, float]
    values: bytes


def _told(
    champion: Champion, row: ClassicRow, given: Mapping[str, float], levels: tuple[float, ...]
) -> _Told | None:
    """What one version says of a row; None where it is not so simple."""
    found, model = _simple(champion, row), champion.exogenous
    if found is None:
        return None
    by, place, week = found
    if by != "series" and model is not None and not given.keys().isdisjoint(model.names):
        return None
    columns, read = look_up_one(champion, by, place, week, given, levels)
    if read:
        values = _values(columns, levels)
    else:  # the row as /v1/forecasts has it, from its point on
        line = champion.rows(by, place, levels).json[week]
        values = line[line.index(b',"storecast":') :]
    return _Told(champion, by, place, week, columns, read, values)


def _beside(
    service: Service,
    champion: Champion,
    row: ClassicRow,
    given: Mapping[str, float],
    levels: tuple[float, ...],
) -> _Told | None:
    """What the challenger says, where it answers the row's series and forecasts its week."""
    found = _simple(champion, row)
    if found is None:
        return None
    by, place, week = found
    overrides = champion.plain is not None or service.book.over(champion) is champion
    arm = arm_of(service, champion, by, place, overrides=overrides)
    if arm is None:
        if by == "series":
            service.trials.note(place, (week,))
        return None

    def ask() -> _Told | None:
        arm.version.week(row.date)
        check_whole(arm.version.rows(by, arm.place, levels).columns)
        told = _told(arm.version, row, given, levels)
        if told is not None:
            check_whole([told.columns])
        return told

    return asked_of(service, arm, ask)


async def predict_one(
    service: Service, request: Request, champion: Champion, row: ClassicRow, levels: tuple[float, ...]
) -> Response | None:
    """Answer one row, without an array being made; None where it is not so simple."""
    given = {name: value for name in GIVEN if (value := getattr(row, name)) is not None}
    if any(abs(value) > LARGEST for value in given.values()):
        return None
    with call_of(request).step("model"):
        beside = _beside(service, champion, row, given, levels)
        told = beside or _told(champion, row, given, levels)
    if told is None:
        return None
    champion, by, place = told.version, told.by, told.place
    said = champion.views[by].said.get(place, {}).get(told.week, ())
    service.trials.counted(beside is not None)
    entry = service.log.new_id()
    unused = [name for name in given if name not in told.read]
    forecast, bands = as_texts([row.date], levels, [[value] for value in told.columns])
    await service.record(
        request,
        "prediction",
        champion,
        id=entry,
        series=champion.views[by].names[place],
        rows=1,
        inputs=_ENCODE({"by": by, "given": given, "unused": unused}).decode()[:-1]
        + as_inputs(champion, said, levels)
        + "}",
        forecast=forecast,
        bands=bands,
    )
    head = _head(service, champion, entry, levels, unused, said)
    dept = b"" if row.dept is None else b',"dept":' + _ENCODE(str(row.dept))
    named = (head, b'{"store":', _ENCODE(str(row.store)), dept, b',"date":"', row.date.encode(), b'"')
    return Reply(b"".join((*named, told.values, b"]}")))


def _values(columns: Sequence[float], levels: tuple[float, ...]) -> bytes:
    pairs = zip(column_names(levels), columns, strict=True)
    return "".join([f',"{name}":{value!r}' for name, value in pairs]).encode() + b"}"
