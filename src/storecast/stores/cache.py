"""Caches of answers: in the process, and shared through Redis where it is configured.

Redis may be slow, dead or empty at any time: then answers are computed, and nobody notices but the clock.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

from storecast.stores.shared_redis import SharedRedis

__all__ = ["MemoryCache", "RedisCache"]

_PREFIX = "storecast:"


class MemoryCache:
    """The port ``Cache`` in this process: the least recently used goes first.

    ``bytes_limit`` bounds keys and values; a value older than ``seconds`` is gone; ``clock``: monotonic
    seconds. ``hits`` and ``misses`` count.
    """

    def __init__(
        self,
        *,
        bytes_limit: int = 32 << 20,
        seconds: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._seconds, self._clock = bytes_limit, seconds, clock
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self.size = self.hits = self.misses = 0

    async def get(self, key: str) -> bytes | None:
        """See ``ports.cache.Cache.get``."""
        found = self.look(key)
        if found is None:
            self.misses += 1
        else:
            self.hits += 1
        return found

    def look(self, key: str) -> bytes | None:
        """The value, uncounted."""
        found = self._kept.get(key)
        if found is None:
            return None
        until, value = found
        if self._clock() >= until:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return value

    async def put(self, key: str, value: bytes) -> None:
        """See ``ports.cache.Cache.put``."""
        self._drop(key)
        self._kept[key] = (self._clock() + self._seconds, value)
        self.size += len(key) + len(value)
        while self.size > self._limit:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self.size -= len(key) + len(found[1])

    async def close(self) -> None:
        """See ``ports.cache.Cache.close``."""
        self._kept.clear()
        self.size = 0


class RedisCache:
    """The port ``Cache`` shared between workers, with ``local`` before it."""

    def __init__(self, redis: SharedRedis, local: MemoryCache, *, seconds: float = 300.0) -> None:
        self._redis, self._local, self._seconds = redis, local, seconds
        self.hits = self.misses = 0

    @staticmethod
    def _name(key: str) -> str:
        return f"{_PREFIX}answer:{hashlib.sha256(key.encode()).hexdigest()}"

    async def get(self, key: str) -> bytes | None:
        """See ``ports.cache.Cache.get``."""
        found = self._local.look(key)
        if found is None:
            name = self._name(key)
            found = await self._redis.call(lambda client: client.get(name))
            if found is not None:
                await self._local.put(key, found)
        if found is None:
            self.misses += 1
        else:
            self.hits += 1
        return found

    async def put(self, key: str, value: bytes) -> None:
        """See ``ports.cache.Cache.put``."""
        await self._local.put(key, value)
        name, milliseconds = self._name(key), max(1, int(self._seconds * 1000))
        await self._redis.call(lambda client: client.set(name, value, px=milliseconds))

    async def close(self) -> None:
        """See ``ports.cache.Cache.close``."""
        await self._local.close()
        await self._redis.close()
