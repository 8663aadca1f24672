"""``/v1/explanations/change``: why a forecast moved, in dollars that add up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from storecast.forecasting.change import Change, change_with, moved_by
from storecast.forecasting.lineage import Table
from storecast.ports.records import Override
from storecast.service.answers import answer_of
from storecast.service.calls import call_of
from storecast.service.champion import Champion
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
from storecast.service.queries import read_query
from storecast.service.rules import declared
from storecast.service.since import Since, find_since

__all__ = ["make_router"]

_TEXT = {"type": "string"}


def _weeks(champion: Champion, before: Table, text: str | None) -> list[str]:
    """Weeks that are asked for, else all that both versions forecast."""
    if text is not None:
        return [champion.weeks[week] for week in dates_asked(champion, text)]
    both = set(before.weeks.astype(str).tolist())
    return [week for week in champion.weeks if week in both]


@dataclass(frozen=True)
class _Said:
    """What planners said then, and say now."""

    then: Mapping[tuple[str, str], Override]
    now: Mapping[tuple[str, str], Override]


def _moved(line: Sequence[Table], since: Since, said: _Said, name: str, level: str, ds: str) -> Change:
    """One week."""
    if since.answer and (name, ds) not in since.numbers:
        raise invalid([Wrong("since", f"that answer does not hold {name[:80]} in {ds}")])
    dollars = since.numbers.get((name, ds))
    answered = None if dollars is None else round(dollars * 100.0)
    return change_with(line, name, ds, level, then=said.then, now=said.now, answered=answered)


def make_router(service: Service) -> APIRouter:
    """One series, some weeks."""
    router = APIRouter(tags=["forecasts"])

    @router.get(
        "/v1/explanations/change",
        summary="Why forecasts moved, as dollars that add up",
        openapi_extra=declared("reader", direct=True)
        | documented(
            "ChangesAnswer",
            parameters=[
                SERIES,
                parameter(
                    "since",
                    _TEXT,
                    "A version's number, the id of a logged answer, or last: the version that served before.",
                    example="last",
                ),
                dates_parameter("Weeks by date; all that both forecast without."),
                BY,
            ],
        ),
    )
    async def changes(request: Request) -> Response:
        champion = service.holder.serving()
        query = read_query(request, ("series", "since", "dates", "by"))
        name = series_asked(query)
        level = champion.view(query["by"]).by if "by" in query else champion.table.level_of(name[:200])
        champion.views[level].find(name)

        def looked_up() -> tuple[Since, list[Table]]:
            digests = {item.version: item.digest for item in service.holder.registered()}
            text = query.get("since", "last")
            since = find_since(champion, text, partial(answer_of, service, request), digests)
            return since, service.earlier.line(champion, since.version, since.digest)

        with call_of(request).step("look-up"):
            since, line = await asyncio.to_thread(looked_up)
            weeks = _weeks(champion, line[0], query.get("dates"))
            book = service.book
            said = _Said(book.counted_at(since.moment), book.counted_at(service.clock() // 1000))
            made = [_moved(line, since, said, name, level, ds) for ds in weeks]
            present = [o for ds in weeks for o in moved_by(line[-1], said.now, name, ds, level)[1]]
        compared = {"version": since.version, "digest": since.digest, "answer": since.answer or None}
        return await explanation_reply(
            service,
            request,
            champion,
            series=name,
            asked={"by": level, "since": since.answer or since.version},
            said=present,
            weeks=weeks,
            dollars=[each.after / 100 for each in made],
            body={"since": compared, "changes": [each.as_dict() for each in made]},
        )

    return router
