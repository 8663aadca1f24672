"""``/v1/actuals``: what was truly sold."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Sequence
from itertools import islice
from typing import Annotated

import msgspec
import numpy as np
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from storecast.ports.records import Actual
from storecast.service.calls import LARGE, call_of, decode, media_type, off_loop, read_body
from storecast.service.champion import Champion
from storecast.service.context import Service
from storecast.service.fields import Date, Series, answer
from storecast.service.openapi import documented, ref
from storecast.service.problems import Problem, Wrong, invalid
from storecast.service.rules import declared
from storecast.service.schemas.records import ActualsUpload

__all__ = ["make_router"]

_DECODER = msgspec.json.Decoder(ActualsUpload)
_MOST_WRONG = 100
_STEP = 1000  # lines read in one go, in which no other thread gets its turn
_LARGEST = 1e12
_LONG, _CLASSIC = ("unique_id", "ds", "y"), ("store", "date", "weekly_sales")


def _rows_of(body: bytes) -> list[Actual]:
    """Rows of a CSV: ``unique_id, ds, y``, or as the classic file has them ``store, [dept,] date,
    weekly_sales``."""
    try:
        text = body.decode("utf-8-sig")
        reader = csv.reader(text.splitlines(), strict=True)
        lines: list[list[str]] = []
        while some := list(islice(reader, _STEP)):
            lines += some
    except (UnicodeDecodeError, csv.Error) as error:
        raise Problem(
            400, "malformed-csv", "The body is not CSV in UTF-8", str(error)[:200], "Save it as CSV UTF-8."
        ) from error
    header = [cell.strip().lower().replace(" ", "_") for cell in lines[0]] if lines else []
    names = next((n for n in (_LONG, _CLASSIC) if set(n) <= set(header)), None)
    if names is None:
        raise Problem(
            422,
            "invalid-header",
            "The header does not name the columns of actuals",
            f"Found {', '.join(header)[:200]}.",
            "Name unique_id, ds and y; or store, date, weekly_sales and perhaps dept.",
        )
    key, ds, y = (header.index(n) for n in names)
    dept = header.index("dept") if names is _CLASSIC and "dept" in header else None
    out, wrong = [], []
    for i, cells in enumerate(lines[1:]):
        if not cells:
            continue
        if len(cells) != len(header):
            raise invalid([Wrong(f"rows[{i}]", f"{len(cells)} cells under {len(header)} columns", i + 1)])
        series = cells[key].strip() + ("" if dept is None else f"_{cells[dept].strip()}")
        try:
            value = float(cells[y])
            if "_" in cells[y] or not abs(value) <= _LARGEST:
                raise ValueError(cells[y])
        except ValueError:
            wrong.append(Wrong(f"rows[{i}].{names[2]}", f"{cells[y][:40]!r} is no number", i + 1))
            value = 0.0
        out.append(Actual(series, cells[ds].strip(), value))
        if len(wrong) >= _MOST_WRONG:
            break
    if wrong:
        raise invalid(wrong)
    if not out:
        raise invalid([Wrong("body", "there are no rows")])
    return out


def _decoded(body: bytes) -> list[Actual]:
    return [Actual(row.unique_id, row.ds, row.y) for row in decode(body, _DECODER).actuals]


def _check(champion: Champion, rows: Sequence[Actual]) -> None:
    """Refuse series and weeks that this version does not know; raises a problem that names the rows.

    A week after its last is a slip, and one that stays: sales that are missing would never be noticed again.
    """
    places = champion.views["series"].place
    first = champion.forecaster.history_weeks[0].astype("datetime64[D]")
    last = champion.weeks[-1]
    most = int((np.datetime64(last, "D") - first).astype(np.int64))
    wrong = []
    for i, row in enumerate(rows):
        if row.unique_id not in places:
            wrong.append(
                Wrong(f"actuals[{i}].unique_id", f"there is no series {row.unique_id[:40]!r}", i + 1)
            )
        try:
            days = int((np.datetime64(row.ds, "D") - first).astype(np.int64))
        except ValueError:
            days = -1
        if not 0 <= days <= most or days % 7:
            wrong.append(
                Wrong(
                    f"actuals[{i}].ds",
                    f"{row.ds[:40]!r} is no week: weeks go every 7 days from {first} to {last}, the last that"
                    " is forecast",
                    i + 1,
                )
            )
        if len(wrong) >= _MOST_WRONG:
            break
    if wrong:
        raise invalid(wrong)


def make_router(service: Service) -> APIRouter:
    """Upload and read back."""
    router = APIRouter(tags=["actuals"])
    tables = service.tables

    @router.post(
        "/v1/actuals",
        summary="True sales, uploaded as often as you like",
        openapi_extra=declared("planner", direct=True)
        | documented(
            "ActualsAnswer",
            body={
                "application/json": {
                    "schema": ref("ActualsUpload"),
                    "example": {"actuals": [{"unique_id": "1", "ds": "2012-11-02", "y": 391020.5}]},
                },
                "text/csv": {
                    "schema": {"type": "string"},
                    "example": "unique_id,ds,y\n1,2012-11-02,391020.5\n",
                },
            },
        ),
    )
    async def upload(request: Request) -> Response:
        champion = service.holder.serving()
        kind = media_type(request)
        if kind not in ("application/json", "text/csv"):
            raise Problem(
                415, "unsupported-media-type", "Actuals come as JSON or CSV", remedy="Set the content-type."
            )
        body = await read_body(request, service.config.json_bytes)
        if kind == "text/csv":
            rows = await asyncio.to_thread(_rows_of, body)
        else:
            rows = await off_loop(len(body) > LARGE, _decoded, body)
        await asyncio.to_thread(_check, champion, rows)
        change = await asyncio.to_thread(tables.actuals.put, rows, who=call_of(request).caller)
        return answer(change._asdict())

    @router.get(
        "/v1/actuals",
        summary="True sales as uploaded",
        openapi_extra=declared("reader") | documented("ActualsList"),
    )
    def listing(
        series: Annotated[Series, Query(examples=["1"])],
        since: Annotated[Date | None, Query(description="First week.")] = None,
        until: Annotated[Date | None, Query(description="First week that is left out.")] = None,
    ) -> Response:
        found = tables.actuals.each(unique_ids=[series], since=since, until=until)
        return answer({"actuals": [row._asdict() for row in found]})

    return router
