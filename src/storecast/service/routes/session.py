"""``/v1/session`` and ``/v1/usage``: who asks and what they may; and what people do in the web app."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from storecast import __version__
from storecast.service.calls import call_of, decode, read_body
from storecast.service.context import Service
from storecast.service.fields import answer
from storecast.service.openapi import documented, ref
from storecast.service.rules import declared
from storecast.service.schemas.planning import UsageReport

__all__ = ["make_router"]

_DECODER = msgspec.json.Decoder(UsageReport)


def make_router(service: Service) -> APIRouter:
    """What the web app needs beside the forecasts."""
    router = APIRouter(tags=["operations"])

    @router.get(
        "/v1/session",
        summary="Who asks, and what may be asked",
        openapi_extra=declared("reader") | documented("SessionAnswer"),
    )
    def session(request: Request) -> Response:
        call, config = call_of(request), service.config
        limits = {"upload_bytes": config.csv_bytes, "json_bytes": config.json_bytes, "rows": config.rows}
        body = {
            "caller": call.caller,
            "role": call.role,
            "open": call.caller == "local",
            "service": __version__,
            "name": config.name,
            "unit": config.unit,
            "limits": limits,
        }
        return answer(body)

    @router.post(
        "/v1/usage",
        status_code=204,
        summary="Count what was done in the web app",
        openapi_extra=declared("reader", direct=True)
        | documented(
            None,
            status=204,
            text="Counted.",
            body={
                "application/json": {
                    "schema": ref("UsageReport"),
                    "example": {"event": "page", "page": "forecast"},
                }
            },
        ),
    )
    async def usage(request: Request) -> Response:
        done = decode(await read_body(request, 4096), _DECODER)
        service.telemetry.used(done.event, done.page)
        return Response(status_code=204)

    return router
