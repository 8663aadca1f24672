"""Alive, ready, measured: for orchestrators, load balancers and Prometheus."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from storecast import __version__
from storecast.service.calls import Reply
from storecast.service.context import Service
from storecast.service.openapi import documented
from storecast.service.rules import PUBLIC, declared

__all__ = ["make_router"]


def make_router(service: Service) -> APIRouter:
    """``/healthz``, ``/readyz``, ``/metrics``."""
    router = APIRouter(tags=["operations"])
    direct = declared(PUBLIC, direct=True, vital=True)

    @router.get(
        "/healthz", summary="Whether the process is alive", openapi_extra=direct | documented("Health")
    )
    async def healthz(request: Request) -> Response:
        return Reply(msgspec.json.encode({"status": "alive", "version": __version__}))

    @router.get(
        "/readyz",
        summary="Whether it may be sent traffic",
        openapi_extra=direct | documented("Readiness", also={503: "Not ready; the same document says why."}),
    )
    async def readyz(request: Request) -> Response:
        holder, log = service.holder, service.log
        champion = holder.champion
        checks = {
            "champion": champion is not None,
            "keys": service.keys_known(),
            "log": log.writable(),
            "accepting": not service.draining,
        }
        ready = all(checks.values())
        depths = log.depths()
        body = {
            "status": "ready" if ready else "not ready",
            "checks": checks,
            "model": msgspec.Raw(champion.head) if champion else None,
            "refused": holder.refused,
            "log": {"queue": depths.queue, "spool": depths.spool, "database": log.trouble() is None},
        }
        return Reply(msgspec.json.encode(body), status=200 if ready else 503)

    @router.get(
        "/metrics",
        summary="Prometheus metrics",
        openapi_extra=declared("reader", direct=True, vital=True)
        | documented(None, media={"text/plain": {"type": "string"}}),
    )
    async def metrics(request: Request) -> Response:
        return Reply(service.telemetry.page(), CONTENT_TYPE_LATEST.encode())

    return router
