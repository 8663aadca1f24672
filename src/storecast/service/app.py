"""The application: routes, gate and life cycle put together; making one does nothing yet."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from storecast import __version__
from storecast.errors import StorecastError
from storecast.service.calls import call_of
from storecast.service.context import Service
from storecast.service.gate import Admission, Gate
from storecast.service.loop import repeated
from storecast.service.openapi import install
from storecast.service.problems import Problem, from_error, from_pydantic, reply
from storecast.service.routes import (
    actuals,
    answers,
    around,
    backtests,
    cards,
    changes,
    datasets,
    explanations,
    forecasts,
    health,
    models,
    monitoring,
    overrides,
    overview,
    predictions,
    scoring,
    series,
    session,
    trials,
    whatif,
)
from storecast.service.rules import rules_of

__all__ = ["create_app"]

_TEXT = """Weekly sales forecasts with bands and reasons, each logged before it is answered.

Refusals are problem documents (RFC 9457) that name the field or row and say what to do. Keys go into the
header `Authorization: Bearer sc_...`; roles are reader, planner and operator, each may do what those
before it may."""

_ROUTES = (
    forecasts,
    answers,
    predictions,
    whatif,
    explanations,
    changes,
    series,
    around,
    overview,
    models,
    cards,
    trials,
    backtests,
    actuals,
    overrides,
    datasets,
    monitoring,
    session,
    scoring,
    health,
)

# FastAPI's own would see but the routes that pass through its router; `telemetry.py` sees all.
_NONE_OF_ITS_OWN: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


def create_app(service: Service, admission: Admission) -> FastAPI:
    """The service as an ASGI application; raises SetupError where a route declares no role."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with repeated(service.chores):
            try:
                yield
            finally:
                service.draining = True
                service.makers.shutdown(wait=False, cancel_futures=True)
                await service.cache.close()

    app = FastAPI(
        title="Storecast",
        version=__version__,
        summary="Weekly retail sales forecasts",
        description=_TEXT,
        redoc_url=None,
        lifespan=lifespan,
        telemetry=_NONE_OF_ITS_OWN,
    )
    for router in _ROUTES:
        # Not include_router, which may wrap them: the rules are read from the routes themselves.
        app.router.routes.extend(router.make_router(service).routes)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(StorecastError, _on_error)
    app.state.refused = service.telemetry.refused  # for what never becomes a request
    rules = rules_of(app.routes)
    app.add_middleware(
        Gate,
        rules=lambda: rules,
        admission=admission,
        observer=service.telemetry,
        new_id=service.log.new_id,
        limit=service.config.in_flight,
        draining=lambda: service.draining,
    )
    install(app)
    return app


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _refuse(request, from_pydantic(error.errors()))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _refuse(request, Problem(error.status_code, "http", str(error.detail)))


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _refuse(request, error)


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StorecastError)
    return _refuse(request, from_error(error))


def _refuse(request: Request, problem: Problem) -> Response:
    call = call_of(request)
    call.problem = problem.kind  # the gate, which does not see it, has it counted
    return reply(problem, call.id)
