"""``/v1/backtests``: how good the version that serves was on weeks it had not seen, and asking anew."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from storecast.forecasting.drivers import trees
from storecast.ports.uploads import BACKTEST_JOB, BacktestOrder
from storecast.service.calls import call_of
from storecast.service.champion import check_levels
from storecast.service.context import Service
from storecast.service.fields import ID, Body, answer, found
from storecast.service.openapi import documented
from storecast.service.problems import Problem
from storecast.service.routes.datasets import job_dict
from storecast.service.rules import declared

__all__ = ["make_router"]

_MOST_FITS = 12
Model = Literal["blend", "aligned", "boosting", "seasonal-naive", "naive-growth"]


class NewBacktest(Body):
    """Of an uploaded ``dataset``, or without one of the history that the version that serves learnt from: fit
    ``model`` (that version's without) at the last ``windows`` cutoffs, ``step`` weeks apart, and compare
    ``horizon`` weeks ahead with what came. Events that were known in training are not part of a version."""

    dataset: Annotated[str | None, Field(pattern=ID, description="Id of a data set.")] = None
    model: Model | None = None
    horizon: Annotated[int, Field(ge=1, le=52, examples=[8])] = 13
    windows: Annotated[int, Field(ge=1, le=_MOST_FITS, examples=[2])] = 3
    step: Annotated[int, Field(ge=1, le=52, examples=[8])] = 13
    levels: Annotated[
        list[Annotated[float, Field(ge=1.0, le=99.8)]] | None, Field(min_length=1, max_length=10)
    ] = None


def make_router(service: Service) -> APIRouter:
    """Look, and ask for another."""
    router = APIRouter(tags=["models"])
    datasets, jobs = service.tables.datasets, service.tables.jobs

    @router.get(
        "/v1/backtests",
        summary="How the version that serves did on weeks it had not seen",
        openapi_extra=declared("reader") | documented("BacktestsAnswer"),
    )
    def backtests() -> Response:
        champion = service.holder.serving()
        model = {n: getattr(champion.info, n) for n in ("name", "version", "digest", "model")}
        facts = champion.facts
        weight, importance = trees(champion.forecaster)
        judged = facts.get("planning", {}).get("backtest", {})
        body = {
            "model": model,
            "cutoff": champion.cutoff,
            "metrics": facts.get("metrics", {}),
            "gate": facts.get("gate", {}),
            "cutoffs": judged.get("cutoffs", []),
            "horizon": judged.get("horizon"),
            "tables": judged.get("tables", {}),
            "boosting_weight": weight,
            "importance": importance,
        }
        return answer(body)

    @router.post(
        "/v1/backtests",
        status_code=202,
        summary="Back-test a model, on an upload or on what serves",
        openapi_extra=declared("planner")
        | documented("JobAnswer", status=202, text="Written down; the job's result has the scores."),
    )
    def ask(request: Request, asked: NewBacktest) -> Response:
        call = call_of(request)
        if asked.dataset is not None:
            owner = None if call.role == "operator" else call.caller
            item = found(datasets.find(asked.dataset, owner=owner), "data set", asked.dataset)
            if item.state == "refused":
                raise Problem(
                    409,
                    "conflict",
                    "This data set was refused",
                    "Its report says why.",
                    "Correct the file and upload it again.",
                )
        else:
            service.holder.serving()
        levels = (80.0, 95.0) if asked.levels is None else check_levels(asked.levels)
        order = BacktestOrder(
            asked.dataset or "", asked.model or "", asked.horizon, asked.windows, asked.step, levels
        )
        job = jobs.submit(BACKTEST_JOB, owner=call.caller, subject=order.text())
        reply = answer(job_dict(job), 202)
        reply.raw_headers.append((b"location", f"/v1/jobs/{job.id}".encode()))
        return reply

    return router
