"""``/v1/datasets`` and ``/v1/jobs``: upload sales of your own, come back for forecasts of them."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Iterator
from typing import IO, Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from storecast.ports.uploads import BACKTEST_JOB, DATASET_JOB, UPLOAD
from storecast.ports.work import Dataset, Job
from storecast.service.calls import body_chunks, call_of, media_type
from storecast.service.context import Service
from storecast.service.fields import Before, Id, Limit, answer, found, iso, next_of
from storecast.service.multipart import FORM, FileForm
from storecast.service.openapi import documented, parameter
from storecast.service.problems import Problem, Wrong, invalid
from storecast.service.queries import read_query
from storecast.service.rules import declared

__all__ = ["job_dict", "make_router"]

_ENDINGS = {
    "text/csv": ".csv",
    "application/zip": ".zip",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
_PIECE = 1 << 20
_FORM_BODY = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "string", "contentMediaType": "application/octet-stream", "minLength": 1},
            "name": {"type": "string", "maxLength": 200},
        },
        "additionalProperties": False,
    }
}


def _dataset(item: Dataset, contents: list[str] | None = None) -> dict[str, Any]:
    report = json.loads(item.report) if item.report else None
    kept = [c for c in contents or () if c != UPLOAD]
    return {**vars(item), "created": iso(item.created), "report": report, "contents": kept}


def job_dict(item: Job) -> dict[str, Any]:
    """A job as it is answered; of a back-test, ``subject`` is the data set and ``asked`` the rest."""
    times = {n: iso(getattr(item, n)) for n in ("created", "started", "finished")}
    texts = {n: json.loads(t) if (t := getattr(item, n)) else None for n in ("result", "error")}
    asked = json.loads(item.subject) if item.kind == BACKTEST_JOB else None
    subject = asked.pop("dataset") if asked else item.subject
    return {**vars(item), **times, **texts, "subject": subject, "asked": asked}


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece


def _form_kind(form: FileForm) -> str:
    """The type of a form's file: as its part says, else by its name's ending."""
    if form.kind in _ENDINGS:
        return form.kind
    ending = form.name.rpartition(".")[2].lower()
    kinds = [kind for kind, known in _ENDINGS.items() if known == f".{ending}"]
    if not kinds:
        raise _unknown_kind(form.kind or form.name)
    return kinds[0]


def _unknown_kind(found: str) -> Problem:
    return Problem(
        415,
        "unsupported-media-type",
        "Data sets come as CSV, XLSX, Parquet or a zip",
        f"Found {found[:60]!r}.",
        f"Set content-type to one of {', '.join(_ENDINGS)}, or send a form with such a file.",
    )


def _name(given: str, kind: str) -> str:
    name = given or f"sales{_ENDINGS[kind]}"
    if len(name) > 200 or not name.isprintable() or "/" in name or "\\" in name:
        raise invalid([Wrong("name", "expected a file name of at most 200 printable characters, no path")])
    return name


def make_router(service: Service) -> APIRouter:
    """Upload, look, fetch, remove; jobs beside it. Planners see their own, operators all."""
    router = APIRouter(tags=["datasets"])
    datasets, jobs = service.tables.datasets, service.tables.jobs

    def owner(request: Request) -> str | None:
        call = call_of(request)
        return None if call.role == "operator" else call.caller

    @router.post(
        "/v1/datasets",
        status_code=202,
        summary="Upload sales to be checked, fitted and forecast",
        openapi_extra=declared("planner", direct=True)
        | documented(
            "DatasetAccepted",
            status=202,
            text="Stored; the job works on it.",
            body={
                kind: {"schema": {"type": "string", "format": "binary", "minLength": 1}} for kind in _ENDINGS
            }
            | {FORM: _FORM_BODY},
            parameters=[
                parameter("name", {"type": "string", "maxLength": 200}, "Its file name.", example="sales.csv")
            ],
        ),
    )
    async def upload(request: Request) -> Response:
        kind, who = media_type(request), call_of(request).caller
        if kind not in _ENDINGS and kind != FORM:
            raise _unknown_kind(kind)
        given = read_query(request, ("name",)).get("name", "")
        form = FileForm(request, ("name",))
        limit = service.config.csv_bytes
        pieces = form.file(limit) if kind == FORM else body_chunks(request, limit)
        with tempfile.TemporaryFile() as file:
            async for piece in pieces:
                await asyncio.to_thread(file.write, piece)
            if kind == FORM:
                kind = _form_kind(form)
                given = form.fields.get("name", "") or given or re.split(r"[/\\]", form.name)[-1]
            name = _name(given, kind)
            if not file.tell():
                raise invalid([Wrong("file" if form.name else "body", "the file is empty")])
            made = await asyncio.to_thread(datasets.upload, who, name, kind, _pieces(file))
        job = await asyncio.to_thread(jobs.submit, DATASET_JOB, owner=who, subject=made.id)
        reply = answer({"dataset": _dataset(made), "job": job_dict(job)}, 202)
        reply.raw_headers.append((b"location", f"/v1/jobs/{job.id}".encode()))
        return reply

    @router.get(
        "/v1/datasets",
        summary="Uploaded data sets",
        openapi_extra=declared("planner") | documented("DatasetsAnswer"),
    )
    def listing(request: Request, limit: Limit = 50, before: Before = None) -> Response:
        items = datasets.listing(owner=owner(request), limit=limit, before=before)
        return answer({"datasets": [_dataset(d) for d in items], "next": next_of(items, limit)})

    @router.get(
        "/v1/datasets/{dataset_id}",
        summary="One data set, its report and contents",
        openapi_extra=declared("planner") | documented("DatasetAnswer"),
    )
    def one(request: Request, dataset_id: Id) -> Response:
        item = found(datasets.find(dataset_id, owner=owner(request)), "data set", dataset_id)
        return answer(_dataset(item, datasets.contents(dataset_id)))

    @router.get(
        "/v1/datasets/{dataset_id}/contents",
        summary="Forecasts made of a data set, as CSV",
        openapi_extra=declared("planner") | documented(None, media={"text/csv": {"type": "string"}}),
    )
    def content(
        request: Request,
        dataset_id: Id,
        name: Annotated[
            str, Query(max_length=80, pattern=r"^[A-Za-z0-9._-]+$", examples=["forecast-series.csv"])
        ],
    ) -> Response:
        found(datasets.find(dataset_id, owner=owner(request)), "data set", dataset_id)
        if name == UPLOAD or name not in datasets.contents(dataset_id):
            raise Problem(404, "not-found", "The data set has no such content", remedy="See its contents.")
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(datasets.read(dataset_id, name), media_type="text/csv", headers=headers)

    @router.delete(
        "/v1/datasets/{dataset_id}",
        status_code=204,
        summary="Remove a data set with all its contents",
        openapi_extra=declared("planner"),
    )
    def remove(request: Request, dataset_id: Id) -> Response:
        if not datasets.delete(dataset_id, owner=owner(request)):
            found(None, "data set", dataset_id)
        return Response(status_code=204)

    @router.get("/v1/jobs", summary="Jobs", openapi_extra=declared("planner") | documented("JobsAnswer"))
    def jobs_(request: Request, limit: Limit = 50, before: Before = None) -> Response:
        items = jobs.listing(owner=owner(request), limit=limit, before=before)
        return answer({"jobs": [job_dict(j) for j in items], "next": next_of(items, limit)})

    @router.get(
        "/v1/jobs/{job_id}",
        summary="How far a job is",
        openapi_extra=declared("planner") | documented("JobAnswer"),
    )
    def job(request: Request, job_id: Id) -> Response:
        return answer(job_dict(found(jobs.find(job_id, owner=owner(request)), "job", job_id)))

    return router
