"""MLflow's scoring protocol: ``/invocations``, ``/ping``, ``/version``, so that its clients work unchanged.

Rows are those of the registered model, ``unique_id`` and ``ds`` or ``horizon``, or of the classic form,
``store`` and ``date``; the answer is what ``mlflow models serve`` would give.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from storecast.service.calls import LARGE, Reply, call_of, media_type, off_loop, read_body
from storecast.service.champion import Champion, column_names
from storecast.service.classic import gather
from storecast.service.context import Service
from storecast.service.logged import as_blob
from storecast.service.openapi import documented
from storecast.service.predicting import answer_lines
from storecast.service.problems import Problem, Wrong, from_msgspec, invalid
from storecast.service.rules import PUBLIC, declared
from storecast.service.schemas.forecasts import ClassicRow
from storecast.service.scoring_bodies import FORMS, Columns, from_csv, from_json

__all__ = ["make_router"]

_ENCODE = msgspec.json.Encoder().encode
_MOST_WRONG = 100
_STEP = 4000  # rows answered, or written, before others get their turn


def _size(columns: Columns, most: int) -> int:
    size = len(next(iter(columns.values()), []))
    if not size:
        raise invalid([Wrong("body", "there are no rows")])
    if size > most:
        raise Problem(
            413,
            "too-many-rows",
            "Too many rows",
            f"At most {most:,} are answered at one time.",
            "Split them.",
        )
    return size


def _located(champion: Champion, columns: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Place and week of each row of ``unique_id`` and ``ds`` or ``horizon``."""
    if ("ds" in columns) == ("horizon" in columns) or set(columns) - {"unique_id", "ds", "horizon"}:
        known = (
            "unique_id and ds, or unique_id and horizon; or store and date and what else the classic form has"
        )
        raise invalid([Wrong("columns", f"expected {known}, found {', '.join(columns)[:200]}")])
    names, wrong = champion.views["series"].place, []
    places, weeks = [], []
    for i, key in enumerate(columns["unique_id"]):
        place = names.get(str(key)) if isinstance(key, (str, int)) else None
        if place is None:
            wrong.append(Wrong("unique_id", f"there is no series {str(key)[:40]!r}", i + 1))
        places.append(place or 0)
    for i, value in enumerate(columns.get("ds") or columns["horizon"]):
        week = _week(champion, value)
        if week is None:
            first, last = champion.weeks[0], champion.weeks[-1]
            ahead = f"weeks go from {first} to {last}, every 7 days, horizons from 1 to {len(champion.weeks)}"
            wrong.append(
                Wrong("ds" if "ds" in columns else "horizon", f"{str(value)[:40]!r}: {ahead}", i + 1)
            )
        weeks.append(week or 0)
        if len(wrong) > _MOST_WRONG:
            break
    if wrong:
        raise invalid(wrong)
    return np.array(places), np.array(weeks)


def _week(champion: Champion, value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value - 1 if 1 <= value <= len(champion.weeks) else None
    if not isinstance(value, str):
        return None
    return champion.week_at.get(value.removesuffix("Z").removesuffix(".000").removesuffix("T00:00:00"))


def _classic_rows(columns: Columns, size: int) -> list[ClassicRow]:
    names = [name.strip().lower() for name in columns]
    rows = [
        {n: v for n, v in zip(names, values, strict=True) if v is not None and v != ""}
        for values in zip(*columns.values(), strict=True)
    ]
    try:
        return msgspec.convert(rows, list[ClassicRow], strict=False)
    except msgspec.ValidationError as error:
        raise from_msgspec(error) from error


@dataclass(frozen=True)
class _BySeries:
    """Rows of series and week, answered: as ``lines`` of JSON, and as the log keeps them."""

    lines: list[bytes]
    digest: str
    blob: bytes

    @classmethod
    def of(cls, champion: Champion, columns: Columns, levels: tuple[float, ...]) -> _BySeries:
        place, week = _located(champion, columns)
        view = champion.views["series"]
        values = view.columns(place, week, levels)
        names = [view.names[p] for p in place.tolist()]
        form = "".join(f',"{n}":%r' for n in column_names(levels))
        tails = map(form.__mod__, zip(*(c.tolist() for c in values), strict=True))
        keys = [_ENCODE(name).decode() for name in names]
        lines = [
            f'{{"unique_id":{key},"ds":"{champion.weeks[w]}T00:00:00"{tail}}}'.encode()
            for key, w, tail in zip(keys, week.tolist(), tails, strict=True)
        ]
        named = dict(zip(column_names(levels), values, strict=True))
        return cls(lines, *as_blob(view.names, place, champion.forecaster.weeks[week], named))


async def _in_turns(lines: Sequence[bytes]) -> AsyncIterator[bytes]:
    """A long answer, some thousand rows at a time."""
    for start in range(0, len(lines), _STEP):
        yield (b"," if start else b'{"predictions":[') + b",".join(lines[start : start + _STEP])
        await asyncio.sleep(0)
    yield b"]}"


def make_router(service: Service) -> APIRouter:
    """The protocol's four paths."""
    router = APIRouter(tags=["mlflow"])

    async def by_series(
        request: Request, champion: Champion, columns: Columns, levels: tuple[float, ...]
    ) -> list[bytes]:
        size = len(columns["unique_id"])
        with call_of(request).step("look-up"):
            made = await off_loop(size > _STEP, _BySeries.of, champion, columns, levels)
        await service.record(
            request,
            "invocation",
            champion,
            id=service.log.new_id(),
            series="",
            rows=size,
            inputs=_ENCODE({"by": "series"}).decode(),
            digest=made.digest,
            blob=made.blob,
        )
        return made.lines

    @router.post(
        "/invocations",
        summary="Predictions, as MLflow's scoring server gives them",
        openapi_extra=declared("reader", direct=True)
        | documented(
            None,
            media={"application/json": {"type": "object", "required": ["predictions"]}},
            body={
                "application/json": {"schema": _FORMATS, "examples": _EXAMPLES},
                "text/csv": {"schema": {"type": "string"}, "example": "unique_id,ds\n1,2012-11-02\n"},
            },
        ),
    )
    async def invocations(request: Request) -> Response:
        champion = service.holder.serving()
        kind = media_type(request)
        if kind not in ("application/json", "text/csv"):
            raise Problem(
                415, "unsupported-media-type", "Rows come as JSON or CSV", remedy="Set the content-type."
            )
        body = await read_body(request, service.config.json_bytes)
        read = from_csv if kind == "text/csv" else from_json
        columns, levels = await off_loop(len(body) > LARGE, read, body)
        size = _size(columns, service.config.rows)
        if "unique_id" in columns:
            lines = await by_series(request, champion, columns, levels)
        else:
            large = size > _STEP
            classic = await off_loop(large, _classic_rows, columns, size)
            rows = await off_loop(large, gather, champion, classic)
            _, lines = await answer_lines(service, request, champion, rows, levels, "invocation")
        if len(lines) > _STEP:
            return StreamingResponse(_in_turns(lines), media_type="application/json")
        return Reply(b'{"predictions":[' + b",".join(lines) + b"]}")

    alive = declared(PUBLIC, direct=True, vital=True)
    text = {"text/plain": {"type": "string"}}

    async def ping(request: Request) -> Response:
        service.holder.serving()
        return Reply(b"\n", b"text/plain; charset=utf-8")

    for path in ("/ping", "/health"):
        router.get(path, summary="Whether it answers", openapi_extra=alive | documented(None, media=text))(
            ping
        )

    @router.get(
        "/version", summary="MLflow's version here", openapi_extra=alive | documented(None, media=text)
    )
    async def version(request: Request) -> Response:
        return Reply(_mlflow_version().encode(), b"text/plain; charset=utf-8")

    return router


def _mlflow_version() -> str:
    """The installed MLflow's, read without importing it; what serves needs none."""
    for name in ("mlflow", "mlflow-skinny"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


_FORMATS = {
    "type": "object",
    "oneOf": [{"required": [name]} for name in FORMS],
    "properties": {"params": {"type": ["object", "null"]}},
}
_EXAMPLES = {
    "split": {
        "summary": "A data frame by columns and rows",
        "value": {
            "dataframe_split": {"columns": ["unique_id", "ds"], "data": [["1", "2012-11-02"]]},
            "params": {"level": [80]},
        },
    },
    "records": {
        "summary": "A data frame row by row",
        "value": {"dataframe_records": [{"unique_id": "1", "horizon": 1}]},
    },
}
