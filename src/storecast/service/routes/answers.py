"""``/v1/forecasts/{id}``: an answer that was logged, and whether it comes out the same again."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from storecast.ports import Entry
from storecast.service.answers import Remaker, answer_of, data_digest
from storecast.service.context import Service
from storecast.service.fields import Id, answer, iso
from storecast.service.openapi import documented
from storecast.service.readback import UNREADABLE, in_words, rows_of
from storecast.service.rules import declared

__all__ = ["make_router"]

First = Annotated[int, Query(ge=0, le=10_000_000, description="Rows to leave out before.")]
Most = Annotated[int, Query(ge=1, le=10_000, description="Most rows to give.")]


def _model(entry: Entry) -> dict[str, Any]:
    return {"name": entry.model, "version": entry.version, "digest": entry.digest}


def _asked(entry: Entry, first: int, limit: int) -> tuple[Any, list[dict[str, Any]], list[str]]:
    """What was asked, rows of what was answered, and why an entry that was damaged cannot be read."""
    try:
        return msgspec.json.decode(entry.inputs), rows_of(entry, first, limit), []
    except UNREADABLE as error:
        return {}, [], [f"the entry cannot be read ({in_words(error)})"]


def make_router(service: Service) -> APIRouter:
    """Read back, and made again."""
    router = APIRouter(tags=["forecasts"])
    remaker = Remaker(service)

    @router.get(
        "/v1/forecasts/{forecast_id}",
        summary="An answer as it was logged",
        openapi_extra=declared("reader") | documented("LoggedAnswer"),
    )
    def logged(request: Request, forecast_id: Id, first: First = 0, limit: Most = 1000) -> Response:
        entry = answer_of(service, request, forecast_id)
        asked, rows, faults = _asked(entry, first, limit)
        ends = first + len(rows) >= entry.rows or not rows
        body = {
            "id": entry.id,
            "at": iso(entry.at),
            "kind": entry.kind,
            "caller": entry.caller,
            "model": _model(entry),
            "data_digest": data_digest(service, entry),
            "series": entry.series,
            "asked": asked,
            "rows": entry.rows,
            "rows_digest": entry.rows_digest,
            "answers": rows,
            "next": None if ends else first + len(rows),
            "faults": faults,
        }
        return answer(body)

    @router.post(
        "/v1/forecasts/{forecast_id}/reproduction",
        summary="An answer made again, and whether it is equal",
        openapi_extra=declared("reader")
        | documented("ReproductionAnswer", text="Compared; `equal` says whether every number is the same."),
    )
    def reproduction(request: Request, forecast_id: Id) -> Response:
        entry = answer_of(service, request, forecast_id)
        made = remaker.remade(entry)
        body = {
            "id": made.id,
            "equal": made.equal,
            "kind": made.kind,
            "model": _model(entry),
            "data_digest": made.data_digest or None,
            "cutoff": made.cutoff,
            "rows": made.rows,
            "numbers": made.numbers,
            "different": made.different,
            "differences": [vars(each) for each in made.differences],
            "faults": list(made.faults),
        }
        return answer(body)

    return router
