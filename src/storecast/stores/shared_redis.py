"""Connections to Redis that fail open: Redis may be slow, dead, empty or an impostor at any time."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from storecast.errors import SetupError

__all__ = ["SharedRedis"]

_TIMEOUT = 0.1  # seconds for one call: beyond it an answer is computed sooner than fetched
_CONNECTIONS = 32
_REST = 1.0  # seconds without Redis after a failure
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")  # what a URL may say about TLS

Result = TypeVar("Result")


def _trust(options: dict[str, Any]) -> ssl.SSLContext:
    """What verifies Redis' certificate and name, by the authorities of a file alone where one is named.

    Takes its part out of ``options``. One for all connections: to make it takes longer than a call may.
    """
    ca, certificate, key = (options.pop(name, None) for name in _FILES)
    if other := sorted(name for name in options if name.startswith("ssl_")):
        raise SetupError(
            "Redis over TLS is always verified",
            where="the Redis URL",
            expected=f"no other option of TLS than {', '.join(_FILES)}",
            found=", ".join(other),
            remedy="name the authority that signed its certificate by ssl_ca_certs",
        )
    try:
        context = ssl.create_default_context(cafile=ca)
        if certificate:
            context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError among them
        raise SetupError(
            "a file that the Redis URL names cannot be used",
            where=", ".join(name for name in (ca, certificate, key) if name),
            expected="certificates, or a private key, as PEM files",
            found=error.strerror or str(error),
            remedy=f"correct {', '.join(_FILES)} in the URL",
        ) from error
    return context


def _pool(url: str) -> Any:
    from redis.asyncio import BlockingConnectionPool, SSLConnection
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=_TIMEOUT,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise SetupError(
            "this is no Redis URL",
            expected="redis://host:6379/0, or rediss:// for TLS",
            remedy="correct the URL",
        ) from error
    if pool.connection_class is not SSLConnection:
        return pool
    context = _trust(pool.connection_kwargs)

    class Encrypted(SSLConnection):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.ssl_context.context = context

    pool.connection_class = Encrypted
    return pool


class SharedRedis:
    """A connection pool that fails open: ``call`` gives None where Redis does not answer in time, or is not
    who its certificate should say, and leaves it alone for a second. ``failures`` counts; ``trouble`` is what
    the last call found, None where it was answered.

    By ``rediss://`` its certificate and name are verified: by the system's authorities, or by those of
    ``?ssl_ca_certs=FILE`` alone. Raises ``SetupError`` where the URL is none or a file of it cannot be used.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        from redis.asyncio import Redis

        self.client: Any = Redis(connection_pool=_pool(url))
        self._clock = clock
        self._not_before = float("-inf")
        self.failures = 0
        self.trouble: str | None = None

    @property
    def alive(self) -> bool:
        """Whether the last call was answered."""
        return self.trouble is None

    async def call(self, action: Callable[[Any], Awaitable[Result]]) -> Result | None:
        """``action`` on the client within the time limit; None where that fails."""
        from redis.exceptions import RedisError

        if self._clock() < self._not_before:
            return None
        try:
            async with asyncio.timeout(_TIMEOUT):
                result = await action(self.client)
        except (RedisError, OSError, TimeoutError) as error:
            self.failures += 1
            self.trouble = str(error) or f"no answer in {_TIMEOUT:g} s"
            self._not_before = self._clock() + _REST
            return None
        self.trouble = None
        return result

    async def close(self) -> None:
        """End the connections."""
        await self.client.aclose()
        await self.client.connection_pool.disconnect()
