"""The OpenAPI document: FastAPI's, with the routes described that read their own bodies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from storecast import service
from storecast.service.problems import MEDIA_TYPE
from storecast.service.rules import PUBLIC
from storecast.service.schemas import structs

__all__ = ["documented", "install", "parameter"]

_REF = "#/components/schemas/"
_PROBLEMS = {
    "400": "The body is not what its type says.",
    "401": "A key is needed.",
    "403": "The key's role may not do that.",
    "404": "There is nothing of that name.",
    "405": "This path is not asked that way.",
    "408": "The body did not come.",
    "409": "It has changed meanwhile, or exists already.",
    "413": "The body is too large.",
    "415": "The body is of a type that is not taken here.",
    "421": "The host name is not this service's.",
    "422": "A field or row is wrong; the problem names it.",
    "429": "Too many requests with this key.",
    "503": "It cannot be answered just now.",
    "504": "The answer took too long.",
}


def ref(name: str) -> dict[str, Any]:
    """A reference to one of the schemas."""
    return {"$ref": _REF + name}


def parameter(name: str, schema: Mapping[str, Any], text: str, **more: Any) -> dict[str, Any]:
    """A query parameter."""
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text, **more}


def documented(
    answer: str | None,
    *,
    text: str = "Done.",
    body: Mapping[str, Mapping[str, Any]] | None = None,
    parameters: Sequence[Mapping[str, Any]] = (),
    media: Mapping[str, Mapping[str, Any]] | None = None,
    also: Mapping[int, str] | None = None,
    status: int = 200,
) -> dict[str, Any]:
    """``openapi_extra`` of a route that reads its own body: ``answer`` names its schema, ``body`` and
    ``media`` give media types and schemas of what else goes in and out."""
    content = {"application/json": {"schema": ref(answer)}} if answer else {}
    content |= {kind: {"schema": dict(schema)} for kind, schema in (media or {}).items()}
    out: dict[str, Any] = {"responses": {str(status): {"description": text, "content": content}}}
    for code, words in (also or {}).items():
        out["responses"][str(code)] = {"description": words, "content": content}
    if body:
        out["requestBody"] = {"required": True, "content": {kind: dict(how) for kind, how in body.items()}}
    if parameters:
        out["parameters"] = list(parameters)
    return out


def install(app: FastAPI) -> None:
    """Make ``app.openapi()`` give the whole document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    _, made = msgspec.json.schema_components(structs(), ref_template=_REF + "{name}")
    components = document.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **made}
    for gone in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(gone, None)
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key of `storecast keys issue`."}
    }
    examples = json.loads(resources.files(service).joinpath("examples.json").read_text("utf-8"))
    for path in document["paths"].values():
        for operation in path.values():
            _complete(operation)
            for code, response in operation["responses"].items():
                _exemplify(response, examples, code)
    return document


def _exemplify(response: dict[str, Any], examples: Mapping[str, Any], code: str) -> None:
    """Show what an answer looks like; of all problems, one is enough."""
    for media in response.get("content", {}).values():
        name = media["schema"].get("$ref", "").removeprefix(_REF)
        if name in examples and (name != "Problem" or code == "422"):
            media["example"] = examples[name]


def _complete(operation: dict[str, Any]) -> None:
    """Add what every operation has: its problems, and the key it needs."""
    role = operation["x-storecast-role"]
    operation.pop("x-storecast")
    operation["security"] = [] if role == PUBLIC else [{"key": []}]
    responses = operation["responses"]
    if "200" in responses and not responses["200"].get("content"):
        responses.pop("200") if any(c.startswith("2") and c != "200" for c in responses) else None
    problem = {MEDIA_TYPE: {"schema": ref("Problem")}}
    for code, text in _PROBLEMS.items():
        if code not in responses or code == "422":
            responses[code] = {"description": text, "content": problem}
