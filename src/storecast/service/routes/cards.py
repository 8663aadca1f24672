"""``/v1/models/card``: what the version that serves is, how far to trust it, and the data behind it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from storecast.forecasting.cards import Served, Subject, data_card, model_card
from storecast.service.champion import Champion
from storecast.service.context import Service
from storecast.service.fields import answer
from storecast.service.openapi import documented
from storecast.service.rules import declared

__all__ = ["make_router"]


def _subject(service: Service, champion: Champion) -> Subject:
    info = champion.info
    created = next((v.created for v in service.holder.registered() if v.digest == info.digest), "")
    moves = [m for m in info.recent if info.version in (m.version, m.replaced)]
    return Subject(
        info.name,
        info.version,
        info.digest,
        champion.forecaster,
        champion.facts,
        created,
        champion.signed_by,
        service.config.unit,
        tuple(Served(m.at, m.kind, m.replaced, m.version, m.who, m.why) for m in moves),
    )


def make_router(service: Service) -> APIRouter:
    """Both cards."""
    router = APIRouter(tags=["models"])

    @router.get(
        "/v1/models/card",
        summary="Model card and data card of what serves",
        openapi_extra=declared("reader") | documented("CardsAnswer"),
    )
    def cards() -> Response:
        subject = _subject(service, service.holder.serving())
        return answer({"model": model_card(subject).as_dict(), "data": data_card(subject).as_dict()})

    return router
