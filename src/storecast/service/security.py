"""Who may ask: API keys with roles and rates; without any key, callers of this machine alone.

A key is ``sc_<id>_<secret>``. The secret has 256 bits of chance, so its SHA-256 is what is stored; comparing
takes the same time whether the id is known or not.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from starlette.types import Scope

from storecast.errors import LogError
from storecast.ports.cache import Limit, RateLimiter
from storecast.ports.records import ApiKey, ApiKeys
from storecast.service.problems import Problem
from storecast.service.rules import ROLES

__all__ = ["Doors", "KeyRing", "is_loopback", "new_key"]

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")
_NOBODY = "0" * 64
_LONGEST = 200


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    return host in _LOOPBACK or (host.startswith("127.") and host.replace(".", "").isdecimal())


def new_key(name: str, role: str, *, now: int, expires: int | None = None) -> tuple[str, ApiKey]:
    """A new key as its holder gets it, once, and as it is stored; times in microseconds since 1970."""
    assert role in ROLES, role
    key, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return f"sc_{key}_{secret}", ApiKey(key, name, role, _hash(secret), now, expires)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class KeyRing:
    """The keys as last read. ``copy``: a file (hashes alone) they are kept in, so that a restart while the
    database is away knows them."""

    def __init__(self, keys: ApiKeys, copy: Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._keys, self._copy, self._clock = keys, copy, clock
        self._known: dict[str, ApiKey] = {}
        self._read = False

    def __len__(self) -> int:
        return len(self._known)

    def refresh(self) -> None:
        """Read all keys; where the database is away, what was read last goes on. Called in a thread."""
        try:
            found = {key.id: key for key in self._keys.listing()}
        except LogError:
            if not self._read:
                self._known, self._read = self._from_copy(), True
            return
        if found != self._known or not self._read:
            self._known, self._read = found, True
            self._keep()

    def _from_copy(self) -> dict[str, ApiKey]:
        try:
            return {k["id"]: ApiKey(**k) for k in json.loads(self._copy.read_text())}
        except (OSError, ValueError, TypeError, KeyError):
            return {}

    def _keep(self) -> None:
        partial = self._copy.with_suffix(".partial")
        try:
            partial.unlink(missing_ok=True)
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump([vars(key) for key in self._known.values()], file)
            partial.replace(self._copy)
        except OSError:
            return  # without it a restart needs the database; nothing else does

    def check(self, token: str) -> ApiKey | None:
        """The valid key that ``token`` is, None for anything else."""
        prefix, _, rest = token.partition("_")
        name, _, secret = rest.partition("_")
        known = self._known.get(name) if prefix == "sc" else None
        same = hmac.compare_digest(_hash(secret), known.hash if known else _NOBODY)
        if known is None or not same or known.revoked is not None:
            return None
        if known.expires is not None and self._clock() // 1000 >= known.expires:
            return None
        return known if known.role in ROLES else None


class Doors:
    """Lets callers in: by key where there are keys, or where the address is not this machine's alone.

    Else everybody on this machine is an operator. The Host header must then name this machine, so that a page
    of another site cannot get in through a name of its own (DNS rebinding); the Origin header, where there
    is one, this very service, so that no form of another site is taken for a wish of whoever looks at it.
    """

    def __init__(self, ring: KeyRing, limiter: RateLimiter, limit: Limit | None, *, local: bool) -> None:
        self._ring, self._limiter, self._limit, self._local = ring, limiter, limit, local

    async def admit(self, scope: Scope) -> tuple[str, str]:
        """Id and role of the caller; raises 401, 403, 421 or 429."""
        token = host = origin = ""
        for name, value in scope["headers"]:
            if name == b"authorization":
                kind, _, given = value.decode("latin-1").partition(" ")
                token = given.strip() if kind.lower() == "bearer" else token
            elif name == b"x-api-key":
                token = token or value.decode("latin-1").strip()
            elif name == b"host":
                host = value.decode("latin-1").lower()
            elif name == b"origin":
                origin = value.decode("latin-1").lower()
        if self._local and not len(self._ring):
            _check_host(host)
            _check_origin(origin, host)
            return "local", "operator"
        key = self._ring.check(token) if len(token) <= _LONGEST else None
        if key is None:
            raise _unknown(bool(token))
        if self._limit is not None:
            wait = await self._limiter.take(key.id, self._limit)
            if wait > 0:
                raise _too_often(self._limit, wait)
        return key.id, key.role


def _check_host(host: str) -> None:
    bare = host if host.endswith("]") or ":" not in host else host.rpartition(":")[0]
    if not is_loopback(bare):
        raise Problem(
            421,
            "unknown-host",
            "This service answers to its own machine alone",
            f"Found host {host[:80]!r}.",
            "Call it by localhost, or issue a key: `storecast keys issue`.",
        )


def _check_origin(origin: str, host: str) -> None:
    if origin and origin.partition("://")[2] != host:
        raise Problem(
            403,
            "foreign-origin",
            "Pages of other sites may not ask here",
            f"Found origin {origin[:80]!r}.",
            "Call it from a program, or issue a key: `storecast keys issue`.",
        )


def _unknown(given: bool) -> Problem:
    return Problem(
        401,
        "unauthenticated",
        "This key is not known, or not valid any more" if given else "A key is needed",
        remedy="Send a key of `storecast keys issue` in the header Authorization: Bearer sc_...",
        headers={"www-authenticate": "Bearer"},
    )


def _too_often(limit: Limit, wait: float) -> Problem:
    return Problem(
        429,
        "too-many-requests",
        "This key asks too often",
        f"It may ask {limit.rate:g} times a second, {limit.burst:g} at once.",
        "Wait as long as Retry-After says.",
        headers={"retry-after": str(max(1, int(wait + 0.999)))},
    )
