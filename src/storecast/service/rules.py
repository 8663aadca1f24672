"""Which role may ask which route: every route declares one, and is refused at start without."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from storecast.errors import SetupError

__all__ = ["PUBLIC", "ROLES", "Rule", "Rules", "declared", "rules_of"]

PUBLIC = "public"
ROLES = ("reader", "planner", "operator")  # each may do what those before it may
_DECLARED = "x-storecast-role"
_SMALL = 256 * 1024  # bytes of a body that is read whole

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One route: its ``template``, the least ``role``, and the ``limit`` of its body in bytes.

    ``direct``: the endpoint that the gate calls itself and that reads its own body; None where FastAPI
    does both, and takes no parameters in the query but those of ``query``. ``vital``: answered even under
    overload.
    """

    method: str
    template: str
    role: str
    limit: int = _SMALL
    direct: Endpoint | None = None
    vital: bool = False
    query: frozenset[str] = frozenset()


def declared(role: str, *, limit: int = _SMALL, direct: bool = False, vital: bool = False) -> dict[str, Any]:
    """``openapi_extra`` of a route: who may ask, and how its body is read."""
    assert role == PUBLIC or role in ROLES, role
    return {_DECLARED: role, "x-storecast": {"limit": limit, "direct": direct, "vital": vital}}


class Rules:
    """Routes found by method and path."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.all = tuple(rules)
        self._exact = {(r.method, r.template): r for r in rules if "{" not in r.template}
        self._patterns = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(r.template)) + r"\Z"), r)
            for r in rules
            if "{" in r.template
        ]

    def find(self, method: str, path: str) -> Rule | None:
        """The rule of a request, None where no route takes it; HEAD is asked of what GET takes."""
        if (rule := self._exact.get((method, path))) is not None:
            return rule
        if method == "HEAD":
            return self.find("GET", path)
        return next((r for p, r in self._patterns if r.method == method and p.match(path)), None)

    def methods(self, path: str) -> list[str]:
        """What a path may be asked with; empty where there is no such path."""
        found = {r.method for r in self.all if self._takes(r, path)}
        return sorted(found | {"HEAD"} if "GET" in found else found)

    def _takes(self, rule: Rule, path: str) -> bool:
        return rule.template == path or any(r is rule and p.match(path) for p, r in self._patterns)


def rules_of(routes: Sequence[BaseRoute]) -> Rules:
    """The rules of all ``routes``; raises SetupError where one does not declare its role."""
    rules = []
    for route in routes:
        if isinstance(route, APIRoute):
            extra = route.openapi_extra or {}
            if _DECLARED not in extra:
                raise _undeclared(route.path)
            how = extra["x-storecast"]
            query = frozenset(p.alias for p in route.dependant.query_params)
            for method in route.methods or ():
                direct = route.endpoint if how["direct"] else None
                rules.append(
                    Rule(method, route.path, extra[_DECLARED], how["limit"], direct, how["vital"], query)
                )
        elif isinstance(route, Route):  # the documentation's own pages
            rules += [Rule(m, route.path, PUBLIC) for m in route.methods or () if m != "HEAD"]
        else:
            raise _undeclared(repr(route))
    return Rules(rules)


def _undeclared(path: str) -> SetupError:
    return SetupError(
        "a route does not say who may ask it",
        where=path,
        expected=f"openapi_extra=declared(...) with one of {', '.join((PUBLIC, *ROLES))}",
        found="nothing",
        remedy="declare its role where the route is defined",
    )
