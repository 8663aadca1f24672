"""``/v1/models/trial``, ``shadow``, ``canary``: a challenger beside what serves; and what served when.

Beginnings and ends are written down and carried out by the follower, as promotions are. A breach ends a trial
without it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from storecast.ports import ReleaseInfo, Trial
from storecast.ports.moves import served_on
from storecast.ports.releases import OVERRULED
from storecast.service.context import Service
from storecast.service.fields import Body, Series, Why, answer
from storecast.service.openapi import documented
from storecast.service.problems import Problem
from storecast.service.routes.models import ask
from storecast.service.rules import declared

__all__ = ["make_router"]

Version = Annotated[int, Field(ge=1, le=2_000_000_000, examples=[2])]


class Shadow(Body):
    """Which registered version is to be compared with what serves, unseen, and why."""

    version: Version
    why: Annotated[Why, Field(examples=["trained on the new promotions"])]


class Canary(Body):
    """Which registered version is to answer a share of the series, and why."""

    version: Version
    share: Annotated[float, Field(gt=0.0, le=1.0, examples=[0.1])]
    why: Annotated[Why, Field(examples=["looked well in shadow"])]
    overrule: Annotated[bool, Field(description="Though the gate refused it.")] = False


class Because(Body):
    """Why."""

    why: Annotated[Why, Field(examples=["four weeks without a breach"])]


def make_router(service: Service) -> APIRouter:
    """Look, begin, end."""
    router = APIRouter(tags=["models"])
    accepted = declared("operator") | documented(
        "ModelEventAnswer", text="Written down; the follower carries it out.", status=202
    )

    def now() -> ReleaseInfo | None:
        champion = service.holder.champion
        return champion.info if champion else None

    def under_way() -> Trial:
        info = now()
        if info is None or info.trial is None:
            words = ("No challenger is on trial", "", "Begin one by /v1/models/shadow or /v1/models/canary.")
            raise Problem(409, "no-trial", *words)
        return info.trial

    @router.get(
        "/v1/models/trial",
        summary="The challenger beside what serves",
        openapi_extra=declared("reader") | documented("TrialAnswer"),
    )
    def trial() -> Response:
        info, found = now(), service.trials.challenger
        facts = found.version.facts if found else {}
        body = {
            "trial": vars(info.trial) if info and info.trial else None,
            "active": found is not None,
            "refused": service.trials.refused,
            "moves": found.moves.as_dict() if found else None,
            "gate": facts.get("gate", {}),
            "cutoff": found.version.cutoff if found else None,
        }
        return answer(body)

    @router.post(
        "/v1/models/shadow",
        status_code=202,
        summary="Compare another version with what serves, unseen",
        openapi_extra=accepted,
    )
    def shadow(request: Request, asked: Shadow) -> Response:
        return ask(service, request, "shadow", asked.why, asked.version)

    @router.post(
        "/v1/models/canary",
        status_code=202,
        summary="Let another version answer a share of the series",
        openapi_extra=accepted,
    )
    def canary(request: Request, asked: Canary) -> Response:
        why = f"{OVERRULED}{asked.why}" if asked.overrule else asked.why
        return ask(service, request, "canary", why, asked.version, asked.share)

    @router.post(
        "/v1/models/trial/stop",
        status_code=202,
        summary="Let what serves answer alone again",
        openapi_extra=accepted,
    )
    def stop(request: Request, asked: Because) -> Response:
        found = under_way()
        return ask(service, request, f"{found.kind}-stopped", asked.why, undo=found.version)

    @router.post(
        "/v1/models/trial/promote",
        status_code=202,
        summary="Let the challenger serve",
        openapi_extra=accepted,
    )
    def promote(request: Request, asked: Because) -> Response:
        found = under_way()
        return ask(service, request, "overrule" if found.overruled else "promote", asked.why, found.version)

    @router.get(
        "/v1/models/served",
        summary="What served on a day, and which version answered a series",
        openapi_extra=declared("reader") | documented("ServedAnswer"),
    )
    def served(
        on: Annotated[str, Query(max_length=40, description="A day, or a moment.", examples=["2012-11-02"])],
        series: Annotated[Series | None, Query(description="A series.", examples=["1"])] = None,
    ) -> Response:
        found = served_on(on, service.tables.events, service.config.name, now())
        spans = [
            {**vars(span), "answered": span.version if series is None else span.answers(series)}
            for span in found
        ]
        return answer({"on": on, "series": series, "served": spans})

    return router
