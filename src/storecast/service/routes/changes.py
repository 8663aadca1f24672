"""``/v1/explanations/change``: why a forecast moved, in dollars that add up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from storecast.forecasting.change import Change, change, moved_by
from storecast.forecasting.lineage import Table
from storecast.ports.records import Override
from storecast.service.calls import Reply, call_of
from storecast.service.champion import Champion
from storecast.service.context import Service
from storecast.service.openapi import documented, parameter
from storecast.service.problems import Wrong, invalid
from storecast.service.queries import read_query
from storecast.service.rules import declared
from storecast.service.since import Since, find_since, told

__all__ = ["make_router"]

_ENCODE = msgspec.json.Encoder().encode
_TEXT = {"type": "string"}


def _weeks(champion: Champion, before: Table, text: str | None) -> list[str]:
    """Weeks that are asked for, else all that both versions forecast."""
    if text is not None:
        return [champion.weeks[champion.week(d, f"dates[{i}]")] for i, d in enumerate(text.split(",")[:53])]
    both = set(before.weeks.astype(str).tolist())
    return [week for week in champion.weeks if week in both]


@dataclass(frozen=True)
class _Said:
    """What planners said then, and say now."""

    then: Mapping[tuple[str, str], Override]
    now: Mapping[tuple[str, str], Override]


def _moved(line: Sequence[Table], since: Since, said: _Said, name: str, level: str, ds: str) -> Change:
    """One week."""
    now, present = moved_by(line[-1], said.now, name, ds, level)
    then, _ = moved_by(line[0], said.then, name, ds, level)
    if since.answer:
        if (name, ds) not in since.numbers:
            raise invalid([Wrong("since", f"that answer does not hold {name[:80]} in {ds}")])
        row = line[0].row(line[0].weeks.dtype.type(ds))
        own = 0 if row is None else int(line[0].point[row, line[0].members(name, level)].sum())
        then = round(since.numbers[name, ds] * 100.0) - own
    return change(line, name, ds, level=level, overrides=(then, now), override_text=told(present))


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
                parameter("series", _TEXT, "A series, a store, or total.", required=True, example="1"),
                parameter(
                    "since",
                    _TEXT,
                    "A version's number, the id of a logged answer, or last: the version that served before.",
                    example="last",
                ),
                parameter(
                    "dates",
                    {"type": "array", "items": {"type": "string", "format": "date"}},
                    "Weeks by date; all that both forecast without.",
                    explode=False,
                ),
                parameter(
                    "by",
                    {"type": "string", "enum": ["series", "store", "total"]},
                    "Where names are not unique.",
                ),
            ],
        ),
    )
    async def changes(request: Request) -> Response:
        champion = service.holder.serving()
        query = read_query(request, ("series", "since", "dates", "by"))
        if not (name := query.get("series", "")):
            raise invalid([Wrong("series", "say which series, store or total")])
        level = champion.view(query["by"]).by if "by" in query else champion.table.level_of(name[:200])
        champion.views[level].find(name)

        def looked_up() -> tuple[Since, list[Table]]:
            digests = {item.version: item.digest for item in service.holder.registered()}
            text = query.get("since", "last")
            since = find_since(champion, text, service.tables.answers, digests)
            return since, service.earlier.line(champion, since.version, since.digest)

        with call_of(request).step("look-up"):
            since, line = await asyncio.to_thread(looked_up)
            weeks = _weeks(champion, line[0], query.get("dates"))
            book = service.book
            said = _Said(book.counted_at(since.moment), book.counted_at(service.clock() // 1000))
            made = [_moved(line, since, said, name, level, ds) for ds in weeks]
        entry = service.log.new_id()
        await service.record(
            request,
            "explanation",
            champion,
            id=entry,
            series=name,
            rows=len(made),
            inputs=_ENCODE({"by": level, "since": since.answer or since.version}).decode(),
            forecast=_ENCODE({"ds": weeks, "storecast": [c.after / 100 for c in made]}).decode(),
            bands="{}",
        )
        compared = {"version": since.version, "digest": since.digest, "answer": since.answer or None}
        head = {"id": entry, "model": msgspec.Raw(champion.head), "unit": service.config.unit}
        return Reply(_ENCODE({**head, "since": compared, "changes": [c.as_dict() for c in made]}))

    return router
