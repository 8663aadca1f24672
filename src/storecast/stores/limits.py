"""Rate limits: a bucket of tokens for each caller, in the process or shared through Redis."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from storecast.ports.cache import Limit
from storecast.stores.shared_redis import SharedRedis

__all__ = ["MemoryLimiter", "RedisLimiter"]

_CALLERS = 10_000  # buckets kept; a caller not seen for longest starts with a full one again
_AHEAD = 20  # a worker takes a 20th of the burst from Redis at once, and spends it by itself
_KEEP = 1.0  # seconds until tokens taken ahead are given up

# In the bucket: tokens and the time they were counted, by Redis's own clock, so that the clocks of
# workers do not matter. Given: rate, burst, least wanted, most wanted. Answer: granted, or minus the
# microseconds to wait.
_SCRIPT = """
local now = redis.call('TIME')
local at = now[1] * 1000000 + now[2]
local rate, burst, least, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = burst
if kept[1] then
  local passed = math.max(0, at - tonumber(kept[2]))
  tokens = math.min(burst, tonumber(kept[1]) + passed * rate / 1000000)
end
local answer
if tokens >= least then
  answer = math.min(tokens, most)
  tokens = tokens - answer
else
  answer = -math.ceil((least - tokens) * 1000000 / rate)
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', at))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return string.format('%.6f', answer)
"""


class MemoryLimiter:
    """The port ``RateLimiter`` in this process; ``clock``: monotonic seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def take(self, caller: str, limit: Limit, cost: float = 1.0) -> float:
        """See ``ports.cache.RateLimiter.take``."""
        now, cost = self._clock(), min(cost, limit.burst)
        tokens, at = self._buckets.pop(caller, (limit.burst, now))
        tokens = min(limit.burst, tokens + (now - at) * limit.rate)
        granted = tokens >= cost
        self._buckets[caller] = (tokens - cost if granted else tokens, now)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if granted else (cost - tokens) / limit.rate

    async def close(self) -> None:
        """Nothing is open."""


class _Asked(NamedTuple):
    """What Redis said to one who asked for ``cost`` tokens: as the script answers, None where it did not."""

    cost: float
    given: float | None


class RedisLimiter:
    """The port ``RateLimiter`` shared between workers: together they grant no more than one would.

    A worker takes a few tokens ahead and asks Redis once for all of them. While Redis is away each worker
    limits by itself.
    """

    def __init__(self, redis: SharedRedis, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis, self._clock = redis, clock
        self._alone = MemoryLimiter(clock=clock)
        self._ahead: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._asking: dict[str, asyncio.Future[_Asked | None]] = {}
        self._script = redis.client.register_script(_SCRIPT)

    async def take(self, caller: str, limit: Limit, cost: float = 1.0) -> float:
        """See ``ports.cache.RateLimiter.take``."""
        cost = min(cost, limit.burst)
        while True:
            tokens = self._taken_ahead(caller)
            if tokens >= cost:
                self._ahead[caller] = (tokens - cost, self._ahead[caller][1])
                return 0.0
            asking = self._asking.get(caller)
            if asking is None:
                break
            # Each asking for itself, they would take the burst ahead between them and refuse the rest.
            asked = await asyncio.shield(asking)
            if asked is None:
                continue  # whoever asked was cut off
            if asked.given is None:
                return await self._alone.take(caller, limit, cost)
            if asked.given < 0 and asked.cost <= cost:
                return -asked.given / 1e6
        given = await self._ask(caller, limit, cost)
        if given is None:
            return await self._alone.take(caller, limit, cost)
        if given < 0:
            return -given / 1e6
        # Others may have been granted tokens while this one waited for its own.
        self._ahead[caller] = (self._taken_ahead(caller) + given - cost, self._clock() + _KEEP)
        self._ahead.move_to_end(caller)
        if len(self._ahead) > _CALLERS:
            self._ahead.popitem(last=False)
        return 0.0

    async def _ask(self, caller: str, limit: Limit, cost: float) -> float | None:
        """Tokens, or minus the microseconds to wait; None while Redis is away. Others may await it."""
        asking = self._asking[caller] = asyncio.get_running_loop().create_future()
        most = max(cost, float(int(limit.burst / _AHEAD)))
        try:
            answer = await self._redis.call(
                lambda client: self._script(
                    keys=[f"storecast:limit:{caller}"],
                    args=[limit.rate, limit.burst, cost, most],
                    client=client,
                )
            )
            given = None if answer is None else float(answer)
            asking.set_result(_Asked(cost, given))
        finally:
            del self._asking[caller]
            if not asking.done():
                asking.set_result(None)
        return given

    def _taken_ahead(self, caller: str) -> float:
        tokens, until = self._ahead.get(caller, (0.0, 0.0))
        return tokens if self._clock() < until else 0.0

    async def close(self) -> None:
        """End the connections."""
        await self._redis.close()
