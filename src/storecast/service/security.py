"""Who may ask: API keys with roles and rates; without any key, callers of this machine alone.

A key is ``sc_<id>_<secret>``. The secret has 256 bits of chance, so its SHA-256 is what is stored; comparing
takes the same time whether the id is known or not.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from starlette.types import Scope

from storecast.errors import LogError
from storecast.ports.cache import Limit, RateLimiter
from storecast.ports.records import ApiKey, ApiKeys
from storecast.service.copies import keep_copy
from storecast.service.problems import Problem
from storecast.service.rules import ROLES

__all__ = ["Doors", "KeyRing", "is_loopback", "new_key"]

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")
_NOBODY = "0" * 64
_LONGEST = 200
_AGAIN, _PATIENCE = 0.25, 1.0  # seconds: between looks for a new key; that a caller waits for one
_GUESSES = 32  # callers that may wait for a look


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
    database is away knows them; services may share it.

    ``refresh`` is called again and again, which is how a revoked key ends. One that is issued counts at once:
    whoever comes with a key that is not known makes the ring look again.
    """

    def __init__(self, keys: ApiKeys, copy: Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._keys, self._copy, self._clock = keys, copy, clock
        self._known: dict[str, ApiKey] = {}
        self._kept = False  # the copy is of what is known
        self.read = False  # keys or copy were: before, nobody can say that there is no key
        self._reading = threading.Lock()  # of two looks the later must not be undone by the earlier
        self._one = asyncio.Lock()
        self._coming: asyncio.Task[None] | None = None  # a look that has not begun
        self._not_before = 0.0
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._known)

    def refresh(self) -> None:
        """Read all keys; where the database is away, what was read last goes on. Called in a thread."""
        with self._reading:
            self._refresh()

    def _refresh(self) -> None:
        try:
            found = {key.id: key for key in self._keys.listing()}
        except LogError:
            if not self.read and (copied := self._from_copy()) is not None:
                self._known = copied
                self.read = True
            return
        if found != self._known or not self._kept:
            self._known = found
            self._kept = keep_copy(self._copy, found.values())
        self.read = True  # last: whoever finds it set must find the keys too

    def _from_copy(self) -> dict[str, ApiKey] | None:
        try:
            return {k["id"]: ApiKey(**k) for k in json.loads(self._copy.read_text())}
        except (OSError, ValueError, TypeError, KeyError):
            return None

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

    async def check_again(self, token: str) -> ApiKey | None:
        """As ``check``, after a look at the database that began after this call: the key may be that new.

        A ring looks four times a second at most, and lets few wait for it, so that guessing costs it nothing.
        """
        if self._waiting >= _GUESSES or not token.startswith("sc_"):
            return None
        self._waiting += 1
        try:
            if self._coming is None:
                self._coming = asyncio.get_running_loop().create_task(self._look())
            await asyncio.wait({self._coming}, timeout=_PATIENCE)
        finally:
            self._waiting -= 1
        return self.check(token)

    async def _look(self) -> None:
        async with self._one:
            await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
            self._coming, self._not_before = None, time.monotonic() + _AGAIN
            await asyncio.to_thread(self.refresh)


class Doors:
    """Lets callers in: by key where there are keys, or where the address is not this machine's alone.

    Else, once it is known that there is no key, everybody on this machine is an operator. The Host header
    must then name this machine, so that a page of another site cannot get in through a name of its own (DNS
    rebinding); the Origin header, where there is one, this very service, so that no form of another site is
    taken for a wish of whoever looks at it.
    """

    def __init__(self, ring: KeyRing, limiter: RateLimiter, limit: Limit | None, *, local: bool) -> None:
        self._ring, self._limiter, self._limit, self._local = ring, limiter, limit, local

    async def admit(self, scope: Scope) -> tuple[str, str]:
        """Id and role of the caller; raises 401, 403, 421, 429, or 503 while the keys are not known."""
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
            if not self._ring.read:
                raise _not_read()
            return "local", "operator"
        key = self._ring.check(token) if len(token) <= _LONGEST else None
        if key is None and len(token) <= _LONGEST:
            key = await self._ring.check_again(token)
        if key is None:
            raise _unknown(bool(token)) if self._ring.read else _not_read()
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


def _not_read() -> Problem:
    return Problem(
        503,
        "keys-not-known",
        "Who may ask cannot be told yet",
        "The database that holds the keys is away, and there is no copy of them here.",
        "Ask again when the database answers: the service looks every few seconds, and its log says what is"
        " wrong (`log database away`).",
        headers={"retry-after": "2"},
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
