"""Refusals as problem documents (RFC 9457): what was wrong, at which field or row, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.responses import Response

from storecast.errors import (
    ArtifactError,
    ConflictError,
    DataError,
    LogError,
    RegistryError,
    RequestError,
    SetupError,
    StorecastError,
)

__all__ = ["MEDIA_TYPE", "Problem", "Wrong", "from_error", "from_msgspec", "from_pydantic", "reply"]

MEDIA_TYPE = "application/problem+json"
_STATUS: dict[type[StorecastError], tuple[int, str]] = {
    RequestError: (422, "invalid-request"),
    DataError: (422, "invalid-data"),
    ConflictError: (409, "conflict"),
    LogError: (503, "log-unavailable"),
    ArtifactError: (503, "version-unavailable"),
    RegistryError: (503, "registry-unavailable"),
    SetupError: (503, "setup"),
}
_PATH = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_SHOWN = 100
_REMEDY = "See /docs for what this route takes."


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong: the ``field`` (``rows[3].store``, ``levels``), the ``row`` counted from 1
    where there are rows, and what is wrong with it."""

    field: str
    detail: str
    row: int | None = None


@dataclass(eq=False)
class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """A refusal on its way out: ``kind`` is the last part of its type, ``errors`` name fields and rows."""

    status: int
    kind: str
    title: str
    detail: str = ""
    remedy: str = ""
    errors: tuple[Wrong, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, instance: str = "") -> bytes:
        """The document as JSON; empty members are left out."""
        document: dict[str, Any] = {
            "type": f"urn:storecast:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
        }
        if self.detail:
            document["detail"] = self.detail
        document["remedy"] = self.remedy or _REMEDY
        if self.errors:
            document["errors"] = [
                {"field": e.field, "detail": e.detail} | ({} if e.row is None else {"row": e.row})
                for e in self.errors
            ]
        if instance:
            document["instance"] = f"urn:storecast:request:{instance}"
        return msgspec.json.encode(document | dict(self.more))


def reply(problem: Problem, instance: str = "") -> Response:
    """The problem as a response."""
    return Response(problem.body(instance), problem.status, dict(problem.headers), MEDIA_TYPE)


def from_error(error: StorecastError) -> Problem:
    """The problem that a refusal of the layers below becomes; the one table of statuses."""
    status, kind = next((_STATUS[c] for c in type(error).__mro__ if c in _STATUS), (500, "internal"))
    detail = [f"Expected {error.expected}." if error.expected else ""]
    detail.append(f"Found {error.found}." if error.found else "")
    errors = (Wrong(error.where, error.found or error.what),) if error.where else ()
    headers = {"retry-after": "1"} if status == 503 else {}
    title = error.what.rstrip(".")
    return Problem(
        status,
        kind,
        title[:1].upper() + title[1:],
        " ".join(part for part in detail if part),
        error.remedy,
        errors if status < 500 else (),
        headers=headers,
    )


def from_msgspec(error: msgspec.DecodeError | RecursionError | UnicodeDecodeError) -> Problem:
    """The problem of a JSON body that is not JSON, or not of the shape that is asked for."""
    if isinstance(error, msgspec.ValidationError):
        text = str(error)
        found = _PATH.search(text)
        path = found["path"].lstrip(".") if found else ""
        detail = text[: found.start()] if found else text
        return invalid([Wrong(path or "body", detail, _row(path))])
    return Problem(
        400,
        "malformed-json",
        "The body is not JSON",
        str(error)[:300] if isinstance(error, msgspec.DecodeError) else "It is nested too deeply.",
        "Send one JSON object in UTF-8; numbers are finite, nesting is shallow.",
    )


def from_pydantic(errors: Iterable[Mapping[str, Any]]) -> Problem:
    """The problem of a request that FastAPI refused."""
    wrong = []
    for error in errors:
        place, *path = [str(part) for part in error.get("loc", ())] or ["body"]
        name = "".join(f"[{p}]" if p.isdecimal() else f".{p}" for p in path).lstrip(".")
        shown = name or place
        wrong.append(Wrong(shown if place in ("body", "query", "path") else f"{place} {shown}", error["msg"]))
    return invalid(wrong)


def invalid(errors: Iterable[Wrong]) -> Problem:
    """422: some fields or rows cannot be right; the first hundred are named."""
    wrong = tuple(errors)
    fields = ", ".join(dict.fromkeys(e.field for e in wrong[:5]))
    return Problem(
        422,
        "invalid-request",
        "The request is not valid",
        f"{len(wrong)} {'field is' if len(wrong) == 1 else 'fields are'} wrong: {fields}.",
        "Correct the named fields; /docs shows what each takes.",
        wrong[:_SHOWN],
    )


def _row(path: str) -> int | None:
    found = re.match(r"(?:rows|actuals)\[(\d+)\]", path)
    return int(found[1]) + 1 if found else None
