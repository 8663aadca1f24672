"""``/v1/models`` and ``/v1/events``: what serves, and moving it.

Moves are written down and carried out by the follower; the workers then follow the release folder.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from storecast.ports.records import ModelEvent
from storecast.service.calls import call_of
from storecast.service.context import Service
from storecast.service.fields import Before, Body, Id, Limit, Why, answer, found, iso, next_of
from storecast.service.openapi import documented
from storecast.service.problems import Problem
from storecast.service.rules import declared

__all__ = ["ask", "make_router"]

_PUBLISHED = ("name", "version", "digest", "model", "kind", "who", "why", "published_at")


class Promote(Body):
    """Which registered version is to serve, and why."""

    version: Annotated[int, Field(ge=1, le=2_000_000_000, examples=[2])]
    why: Annotated[Why, Field(examples=["better at Christmas"])]
    overrule: Annotated[bool, Field(description="Though the gate refused it.")] = False


class RollBack(Body):
    """Why the version that serves is taken back, and which that is."""

    undo: Annotated[
        int | None,
        Field(
            alias="from",
            ge=1,
            le=2_000_000_000,
            description="What is taken back; by default what serves now.",
        ),
    ] = None
    why: Annotated[Why, Field(examples=["bands too narrow in store 7"])]


def _event(event: ModelEvent) -> dict[str, Any]:
    return {**vars(event), "at": iso(event.at), "finished": iso(event.finished)}


def ask(
    service: Service,
    request: Request,
    kind: str,
    why: str,
    version: int | None = None,
    share: float | None = None,
    *,
    undo: int | None = None,
) -> Response:
    """Write down for the follower what is asked for (see ``ModelEvents.request``); the answer says where to
    look what became of it."""
    made = service.tables.events.request(
        service.config.name,
        kind,
        who=call_of(request).caller,
        why=why,
        from_version=undo,
        to_version=version,
        share=share,
    )
    reply = answer(_event(made), 202)
    reply.raw_headers.append((b"location", f"/v1/events/{made.id}".encode()))
    return reply


def make_router(service: Service) -> APIRouter:
    """Look, promote, roll back, and what happened."""
    router = APIRouter(tags=["models"])
    events = service.tables.events

    @router.get(
        "/v1/models", summary="What serves", openapi_extra=declared("reader") | documented("ModelsAnswer")
    )
    def models() -> Response:
        holder = service.holder
        info = holder.champion.info if holder.champion else None
        body = {
            "champion": {n: getattr(info, n) for n in _PUBLISHED} if info else None,
            "earlier": [vars(e) for e in info.earlier] if info else [],
            "refused": holder.refused,
            "gate": holder.champion.facts.get("gate", {}) if holder.champion else {},
            "trial": vars(info.trial) if info and info.trial else None,
        }
        return answer(body)

    accepted = documented("ModelEventAnswer", text="Written down; the follower carries it out.", status=202)

    @router.get(
        "/v1/models/versions",
        summary="All registered versions",
        openapi_extra=declared("reader") | documented("VersionsAnswer"),
    )
    def versions() -> Response:
        kept = ("version", "digest", "created", "tags", "metrics")
        found = [{name: getattr(v, name) for name in kept} for v in service.holder.registered()]
        return answer({"versions": found})

    @router.post(
        "/v1/models/promote",
        status_code=202,
        summary="Let another version serve",
        openapi_extra=declared("operator") | accepted,
    )
    def promote(request: Request, asked: Promote) -> Response:
        return ask(service, request, "overrule" if asked.overrule else "promote", asked.why, asked.version)

    @router.post(
        "/v1/models/rollback",
        status_code=202,
        summary="Let the version before serve again",
        openapi_extra=declared("operator") | accepted,
    )
    def roll_back(request: Request, asked: RollBack) -> Response:
        champion = service.holder.champion
        if champion is not None and champion.info.previous is None:
            raise Problem(
                409,
                "nothing-earlier",
                "There is no earlier version to go back to",
                remedy="Promote the version you want by its number.",
            )
        serves = champion.info.version if champion is not None else None
        return ask(service, request, "rollback", asked.why, undo=asked.undo or serves)

    @router.get(
        "/v1/events", summary="Who moved what", openapi_extra=declared("reader") | documented("EventsAnswer")
    )
    def listing(limit: Limit = 50, before: Before = None) -> Response:
        items = events.listing(limit=limit, model=service.config.name, before=before)
        return answer({"events": [_event(e) for e in items], "next": next_of(items, limit)})

    @router.get(
        "/v1/events/{event_id}",
        summary="What became of a move",
        openapi_extra=declared("reader") | documented("ModelEventAnswer"),
    )
    def one(event_id: Id) -> Response:
        return answer(_event(found(events.find(event_id), "event", event_id)))

    return router
