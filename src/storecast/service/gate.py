"""The first thing a request meets (route, overload, key, role, rate, size), the last thing an answer meets.

One plain ASGI middleware instead of many. The routes that are asked most are called from here, without
passing through FastAPI's router; all others go on to it with their body read and bounded.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Protocol

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storecast.errors import StorecastError
from storecast.service.calls import Call, media_type, read_body
from storecast.service.problems import Problem, from_error, from_msgspec, reply
from storecast.service.queries import read_query
from storecast.service.rules import PUBLIC, ROLES, Rule, Rules

__all__ = ["Admission", "Gate", "Observer"]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:-]{8,128}")
_SECONDS = 60.0  # a request that FastAPI handles may take
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_CDN = "https://cdn.jsdelivr.net"
_PAGE_POLICY = (
    f"default-src 'none'; script-src {_CDN} 'unsafe-inline'; style-src {_CDN} 'unsafe-inline'; "
    "img-src 'self' data: https://fastapi.tiangolo.com; connect-src 'self'; frame-ancestors 'none'"
).encode()
_PAGE_HEADERS = [*_HEADERS[:-1], (b"content-security-policy", _PAGE_POLICY)]
_PAGES = ("/docs",)
_AUDITED = ("planner", "operator")  # roles of routes whose use is written down


class Admission(Protocol):
    """Who is asking, and whether it is too much."""

    async def admit(self, scope: Scope) -> tuple[str, str]:
        """Id and role of the caller; raises a problem (401, 403, 429)."""
        ...


class Observer(Protocol):
    """Is told of everything that begins and ends."""

    def began(self, call: Call) -> None:
        """A request was taken on."""
        ...

    def ended(self, scope: Scope, template: str, status: int, seconds: float) -> None:
        """It was answered, or given up (status 499)."""
        ...

    def refused(self, kind: str) -> None:
        """A request was refused with a problem of this kind."""
        ...

    def audited(self, call: Call, method: str, template: str, path: str, status: int) -> None:
        """Somebody changed something, or tried to."""
        ...

    def failed(self, call: Call, error: Exception) -> None:
        """An error that nobody foresaw."""
        ...


class Gate:
    """``in_flight``: requests under way; ``limit``: at how many the next is turned away with 503."""

    def __init__(
        self,
        app: ASGIApp,
        rules: Callable[[], Rules],
        admission: Admission,
        observer: Observer,
        new_id: Callable[[], str],
        limit: int,
        draining: Callable[[], bool],
    ) -> None:
        self._app, self._make_rules = app, rules
        self._admission, self._observer, self._new_id = admission, observer, new_id
        self._limit, self._draining = limit, draining
        self._rules: Rules | None = None
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._rules is None:
            self._rules = self._make_rules()
        started = time.perf_counter()
        call = Call(self._id(scope), "", "", started)
        scope["storecast"] = call
        method, path = scope["method"], scope["path"]
        rule = self._rules.find(method, path)
        status = 499

        async def out(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message["headers"])
                headers.append((b"x-request-id", call.id.encode("latin-1")))
                headers += _PAGE_HEADERS if path in _PAGES else _HEADERS
                if self._draining():
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            await send(message)

        self.in_flight += 1
        self._observer.began(call)
        try:
            problem = await self._answer(rule, call, scope, receive, out)
            if problem is not None:
                self._observer.refused(problem.kind)
                if status == 499:  # nothing was sent yet
                    await reply(problem, call.id)(scope, receive, out)
        except ClientDisconnect:
            pass
        finally:
            self.in_flight -= 1
            if call.problem:
                self._observer.refused(call.problem)
            template = rule.template if rule else "unmatched"
            self._observer.ended(scope, template, status, time.perf_counter() - started)
            if rule and rule.role in _AUDITED:
                self._observer.audited(call, method, template, path, status)

    async def _answer(
        self, rule: Rule | None, call: Call, scope: Scope, receive: Receive, out: Send
    ) -> Problem | None:
        """Answer through ``out``; the problem where the request is refused."""
        if scope["method"] == "HEAD":  # as GET (RFC 9110, 9.3.2); the server leaves the body out
            scope = {**scope, "method": "GET"}
        try:
            if rule is None:
                return self._no_route(scope["path"])
            if self.in_flight > self._limit and not rule.vital:
                return _overload()
            if rule.role != PUBLIC:
                call.caller, call.role = await self._admission.admit(scope)
                if ROLES.index(call.role) < ROLES.index(rule.role):
                    return _forbidden(rule.role, call.role)
            if rule.direct is not None:
                response = await rule.direct(Request(scope, receive))
                await response(scope, receive, out)
            else:
                async with asyncio.timeout(_SECONDS):
                    await self._app(scope, await _buffered(rule, scope, receive), out)
        except Problem as problem:
            return problem
        except StorecastError as error:
            return from_error(error)
        except TimeoutError:
            return Problem(504, "timeout", "The answer took too long", remedy="Try again in a while.")
        except ClientDisconnect:
            raise
        except HTTPException as error:
            return Problem(error.status_code, "http", str(error.detail))
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer and the log a trace
            self._observer.failed(call, error)
            return Problem(
                500,
                "internal",
                "Something went wrong here",
                remedy="Try again; if it comes back, report the instance below.",
            )
        return None

    def _id(self, scope: Scope) -> str:
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                return value.decode("ascii") if _REQUEST_ID.fullmatch(value) else self._new_id()
        return self._new_id()

    def _no_route(self, path: str) -> Problem:
        assert self._rules is not None
        if methods := self._rules.methods(path):
            return Problem(
                405,
                "method-not-allowed",
                "This path is not asked that way",
                f"It takes {', '.join(methods)}.",
                "See /docs.",
                headers={"allow": ", ".join(methods)},
            )
        return Problem(404, "not-found", "There is nothing here", remedy="See /docs for the routes.")


async def _buffered(rule: Rule, scope: Scope, receive: Receive) -> Receive:
    """``receive`` of a body that has been read, bounded, and found to be JSON; the query is looked at too."""
    if scope["query_string"] and rule.template.startswith("/v1/"):
        read_query(Request(scope), sorted(rule.query))
    if scope["method"] in ("GET", "DELETE"):
        return receive
    request = Request(scope, receive)
    body = await read_body(request, rule.limit)
    if body:
        if media_type(request) != "application/json":
            raise Problem(
                415,
                "unsupported-media-type",
                "This route takes JSON",
                remedy="Set the header content-type: application/json.",
            )
        try:
            msgspec.json.decode(body)  # stricter than Python's: no NaN, no 1e309, nothing nested without end
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise from_msgspec(error) from error
    read = False

    async def again() -> Message:
        nonlocal read
        if read:
            return await receive()
        read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _overload() -> Problem:
    return Problem(
        503,
        "overload",
        "Too many requests are under way",
        remedy="Try again in a second.",
        headers={"retry-after": "1"},
    )


def _forbidden(needed: str, role: str) -> Problem:
    return Problem(
        403,
        "forbidden",
        "This key may not do that",
        f"It takes the role {needed}; the key has {role}.",
        f"Use a key of role {needed}: `storecast keys issue --role {needed}`.",
    )
