"""Query strings of the routes that read their own requests: known names, each once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from starlette.requests import Request

from storecast.service.problems import Problem, Wrong, invalid

__all__ = ["pairs", "read_query", "wants_csv", "wants_overrides"]


def pairs(request: Request) -> list[tuple[str, str]]:
    """Names and values in their order; raises 400 where they are not UTF-8."""
    query: bytes = request.scope["query_string"]
    if not query:
        return []
    try:
        found = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=2000)
    except ValueError as error:
        raise Problem(
            400, "malformed-query", "The query cannot be read", remedy="Percent-encode it as UTF-8."
        ) from error
    return found


def read_query(request: Request, known: Sequence[str]) -> dict[str, str]:
    """The query; raises 422 for a name that is not ``known`` or is there twice."""
    out: dict[str, str] = {}
    for name, value in pairs(request):
        if name not in known:
            raise invalid(
                [Wrong(name[:80], f"there is no such parameter; known are {', '.join(known) or 'none'}")]
            )
        if name in out:
            raise invalid([Wrong(name, "given more than once")])
        out[name] = value
    return out


def wants_csv(request: Request, given: str | None) -> bool:
    """Whether CSV is asked for, by ``format=csv`` or the Accept header."""
    if given is not None:
        if given not in ("json", "csv"):
            raise invalid([Wrong("format", "expected json or csv")])
        return given == "csv"
    return "text/csv" in request.headers.get("accept", "")


def wants_overrides(query: Mapping[str, str]) -> bool:
    """Whether planners' overrides are to be in the answer: yes, but for ``overrides=false``."""
    if (given := query.get("overrides", "true").lower()) not in ("true", "false"):
        raise invalid([Wrong("overrides", "expected true or false")])
    return given == "true"
