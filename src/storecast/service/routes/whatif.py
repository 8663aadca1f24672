"""``/v1/what-if`` and ``/v1/scenarios``: base, scenario and difference; and scenarios kept by name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from storecast.ports.work import Scenario
from storecast.service.calls import Reply, call_of, decode, media_type, read_body
from storecast.service.champion import check_levels
from storecast.service.context import Service
from storecast.service.fields import Before, Body, Id, Limit, Name, answer, found, iso, next_of
from storecast.service.logged import as_texts
from storecast.service.modelled import what_if_of
from storecast.service.openapi import documented, ref
from storecast.service.problems import Problem, from_msgspec
from storecast.service.rules import declared
from storecast.service.schemas.whatif import WhatIfRequest

__all__ = ["make_router"]

_DECODER = msgspec.json.Decoder(WhatIfRequest)
_ENCODE = msgspec.json.Encoder().encode
_LEVELS = (80.0, 95.0)
_EXAMPLE = {
    "series": "1",
    "horizon": 4,
    "levels": [80],
    "events": [{"kind": "promotion", "first": "2012-11-05", "last": "2012-11-09", "lift": 1.1}],
    "inputs": {"temperature": 20.0},
}


class SaveScenario(Body):
    """A what-if under a name; ``what_if`` is a body of /v1/what-if."""

    name: Annotated[Name, Field(examples=["Thanksgiving push"])]
    what_if: Annotated[
        dict[str, Any], Field(examples=[_EXAMPLE], json_schema_extra={"allOf": [ref("WhatIfRequest")]})
    ]


class ChangeScenario(SaveScenario):
    """As saved, and the ``version`` that is changed: of two changes at one time the later is refused."""

    version: Annotated[int, Field(ge=1, le=2_000_000_000)]


def _scenario(item: Scenario) -> dict[str, Any]:
    times = {"created": iso(item.created), "updated": iso(item.updated)}
    kept = {n: getattr(item, n) for n in ("id", "owner", "name", "version")}
    return {**kept, **times, "what_if": json.loads(item.body)}


def _understood(raw: dict[str, Any]) -> WhatIfRequest:
    try:
        return msgspec.convert(raw, WhatIfRequest)
    except msgspec.ValidationError as error:
        raise from_msgspec(error) from error


@lru_cache(maxsize=64)  # callers choose their levels
def _form(levels: tuple[float, ...]) -> str:
    """A week as JSON, its numbers left out: points first, then the bands of each."""
    limits = ",".join(f'"{level:g}":[%r,%r]' for level in levels)
    names = ("base", "scenario", "difference")
    return (
        '{"ds":"%s","horizon":%d,'
        + ",".join(f'"{name}":%r' for name in names)
        + "".join(f',"{name}_bands":{{{limits}}}' for name in names)
        + "}"
    )


def _weeks(weeks: Sequence[str], levels: tuple[float, ...], *parts: list[list[float]]) -> bytes:
    """A JSON array of weeks; ``parts``: base, scenario and difference, columns in the order of
    ``column_names``."""
    points = [part[0] for part in parts]
    bands = [column for part in parts for column in part[1:]]
    rows = zip(weeks, range(1, len(weeks) + 1), *points, *bands, strict=True)
    return f"[{','.join(map(_form(levels).__mod__, rows))}]".encode()


def make_router(service: Service) -> APIRouter:
    """Ask, save, ask again."""
    router = APIRouter(tags=["what-if"])
    scenarios = service.tables.scenarios

    async def ask(request: Request, asked: WhatIfRequest, inputs: bytes) -> Response:
        champion = service.holder.serving()
        levels = _LEVELS if asked.levels is None else check_levels(asked.levels)
        champion, made = await what_if_of(service, request, champion, asked, levels)
        weeks = champion.weeks[: asked.horizon]
        entry = service.log.new_id()
        forecast, bands = as_texts(weeks, levels, made.scenario)
        await service.record(
            request,
            "what-if",
            champion,
            id=entry,
            series=asked.series,
            rows=asked.horizon,
            inputs=inputs.decode(),
            forecast=forecast,
            bands=bands,
        )

        body = {
            "id": entry,
            "model": msgspec.Raw(champion.head),
            "unit": service.config.unit,
            "unique_id": asked.series,
            "by": champion.view(asked.by).by,
            "effects": [{"name": n, "dollars": d, "text": t} for n, d, t in made.effects],
            "weeks": msgspec.Raw(_weeks(weeks, levels, made.base, made.scenario, made.difference)),
        }
        return Reply(_ENCODE(body))

    @router.post(
        "/v1/what-if",
        summary="What would be forecast if something were otherwise",
        openapi_extra=declared("reader", direct=True)
        | documented(
            "WhatIfAnswer", body={"application/json": {"schema": ref("WhatIfRequest"), "example": _EXAMPLE}}
        ),
    )
    async def ask_now(request: Request) -> Response:
        if media_type(request) != "application/json":
            raise Problem(
                415, "unsupported-media-type", "Send JSON", remedy="Set content-type: application/json."
            )
        asked = decode(await read_body(request, 256 * 1024), _DECODER)
        return await ask(request, asked, _ENCODE(asked))

    @router.post(
        "/v1/scenarios",
        status_code=201,
        summary="Save a what-if under a name",
        openapi_extra=declared("planner") | documented("ScenarioAnswer", status=201),
    )
    def save(request: Request, asked: SaveScenario) -> Response:
        _understood(asked.what_if)
        made = scenarios.create(call_of(request).caller, asked.name, json.dumps(asked.what_if))
        return answer(_scenario(made), 201)

    @router.get(
        "/v1/scenarios",
        summary="Saved what-ifs",
        openapi_extra=declared("reader") | documented("ScenariosAnswer"),
    )
    def listing(limit: Limit = 50, before: Before = None) -> Response:
        items = scenarios.listing(owner=None, limit=limit, before=before)
        return answer({"scenarios": [_scenario(s) for s in items], "next": next_of(items, limit)})

    @router.get(
        "/v1/scenarios/{scenario_id}",
        summary="One saved what-if",
        openapi_extra=declared("reader") | documented("ScenarioAnswer"),
    )
    def one(scenario_id: Id) -> Response:
        return answer(_scenario(found(scenarios.find(scenario_id, owner=None), "scenario", scenario_id)))

    @router.get(
        "/v1/scenarios/{scenario_id}/answer",
        summary="What the version that serves says to a saved what-if",
        openapi_extra=declared("reader") | documented("WhatIfAnswer"),
    )
    async def answered(request: Request, scenario_id: Id) -> Response:
        item = await asyncio.to_thread(scenarios.find, scenario_id, owner=None)
        body = json.loads(found(item, "scenario", scenario_id).body)
        return await ask(request, _understood(body), _ENCODE({"scenario": scenario_id, **body}))

    @router.put(
        "/v1/scenarios/{scenario_id}",
        summary="Change a saved what-if",
        openapi_extra=declared("planner") | documented("ScenarioAnswer"),
    )
    def change(request: Request, scenario_id: Id, asked: ChangeScenario) -> Response:
        _understood(asked.what_if)
        made = scenarios.update(
            scenario_id,
            owner=_owner(request),
            version=asked.version,
            name=asked.name,
            body=json.dumps(asked.what_if),
        )
        return answer(_scenario(found(made, "scenario of yours", scenario_id)))

    @router.delete(
        "/v1/scenarios/{scenario_id}",
        status_code=204,
        summary="Remove a saved what-if",
        openapi_extra=declared("planner"),
    )
    def remove(request: Request, scenario_id: Id) -> Response:
        if not scenarios.delete(scenario_id, owner=_owner(request)):
            found(None, "scenario of yours", scenario_id)
        return Response(status_code=204)

    return router


def _owner(request: Request) -> str | None:
    """Planners change what is theirs, operators anything."""
    call = call_of(request)
    return None if call.role == "operator" else call.caller
