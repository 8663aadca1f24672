"""Rate limits: what is granted in the process, between workers, and while Redis is away."""

from __future__ import annotations

import asyncio
import random
import uuid

from hypothesis import given
from hypothesis import strategies as st

from storecast.ports.cache import Limit
from storecast.stores.limits import MemoryLimiter, RedisLimiter
from storecast.stores.shared_redis import SharedRedis
from tests.servers import Redis, redis_server
from tests.stores.test_cache import Clock


@given(
    rate=st.floats(0.5, 200),
    burst=st.floats(1, 50),
    steps=st.lists(st.tuples(st.floats(0, 3), st.floats(0.1, 5)), max_size=60),
)
def test_no_more_is_granted_than_burst_and_rate_allow(rate, burst, steps) -> None:
    """Over any stretch of time; whoever waits as told is granted the next time."""

    async def run() -> None:
        clock = Clock()
        limiter, limit = MemoryLimiter(clock=clock), Limit(rate, burst)
        granted: list[tuple[float, float]] = []
        for pause, cost in steps:
            clock.now += pause
            wait = await limiter.take("ann", limit, cost)
            if wait:
                clock.now += wait * (1 + 1e-9) + 1e-9
                assert await limiter.take("ann", limit, cost) == 0.0
            granted.append((clock.now, min(cost, burst)))
        for first in range(len(granted)):
            total = 0.0
            for at, cost in granted[first:]:
                total += cost
                assert total <= burst + rate * (at - granted[first][0]) + 1e-4

    asyncio.run(run())


def test_callers_do_not_take_from_each_other() -> None:
    """One who asks too often leaves the others what is theirs."""

    async def run() -> None:
        limiter, limit = MemoryLimiter(clock=Clock()), Limit(1, 3)
        assert [await limiter.take("ann", limit) for _ in range(4)] == [0, 0, 0, 1.0]
        assert [await limiter.take("bob", limit) for _ in range(3)] == [0, 0, 0]

    asyncio.run(run())


def test_workers_together_grant_what_one_would(redis: Redis) -> None:
    """Four workers that ask as fast as they can are granted the burst and the rate, and nearly all of it."""

    async def run() -> None:
        caller, limit = uuid.uuid4().hex, Limit(100, 200)
        workers = [RedisLimiter(SharedRedis(redis.url)) for _ in range(4)]
        loop = asyncio.get_running_loop()
        began, granted = loop.time(), 0

        async def ask(limiter: RedisLimiter) -> None:
            nonlocal granted
            while loop.time() < began + 1.0:
                wait = await limiter.take(caller, limit)
                granted += not wait
                if wait:
                    assert wait < 1
                    await asyncio.sleep(min(wait, 0.02))

        await asyncio.gather(*(ask(limiter) for limiter in workers for _ in range(3)))
        passed = loop.time() - began
        assert 200 < granted <= 200 + 100 * passed + 1
        for limiter in workers:
            await limiter.close()

    asyncio.run(run())


def test_small_limits_are_kept_exactly(redis: Redis) -> None:
    """Where the burst is small no worker takes tokens ahead; a cost above it counts as the burst."""

    async def run() -> None:
        caller, limit = uuid.uuid4().hex, Limit(0.5, 4)
        workers = [RedisLimiter(SharedRedis(redis.url)) for _ in range(2)]
        draw = random.Random(1)
        waits = [await draw.choice(workers).take(caller, limit) for _ in range(5)]
        assert waits[:4] == [0, 0, 0, 0]
        assert 1.5 < waits[4] <= 2
        assert await workers[0].take(uuid.uuid4().hex, limit, 1000) == 0
        for limiter in workers:
            await limiter.close()

    asyncio.run(run())


def test_limits_hold_without_redis(tmp_path) -> None:
    """A worker alone goes on limiting, and joins the others when Redis is back."""

    async def run() -> None:
        clock, limit = Clock(), Limit(1, 3)
        with redis_server(tmp_path) as server:
            limiter = RedisLimiter(SharedRedis(server.url, clock=clock), clock=clock)
            assert await limiter.take("ann", limit) == 0
            server.kill()
            assert [await limiter.take("ann", limit) for _ in range(4)] == [0, 0, 0, 1.0]
            server.start()
            clock.now += 2
            assert await limiter.take("bob", limit, 3) == 0
            assert 0.5 < await limiter.take("bob", limit) <= 1
            await limiter.close()

    asyncio.run(run())


def test_many_at_once_are_granted_what_is_there(redis: Redis) -> None:
    """Forty that ask in the same moment share what is taken ahead: none is refused while the burst lasts."""

    async def run() -> None:
        limiter, limit = RedisLimiter(SharedRedis(redis.url)), Limit(0.1, 60)
        caller = f"crowd-{uuid.uuid4()}"
        waits = await asyncio.gather(*(limiter.take(caller, limit) for _ in range(40)))
        assert waits == [0.0] * 40
        waits = await asyncio.gather(*(limiter.take(caller, limit) for _ in range(40)))
        assert [bool(wait) for wait in waits].count(False) == 20
        await limiter.close()

    asyncio.run(run())


def test_whoever_gives_up_keeps_nobody_waiting(redis: Redis) -> None:
    """A caller that is cut off while it asks leaves the others to ask for themselves."""

    async def run() -> None:
        limiter, limit = RedisLimiter(SharedRedis(redis.url)), Limit(0.1, 60)
        caller = f"crowd-{uuid.uuid4()}"
        first = asyncio.create_task(limiter.take(caller, limit))
        others = [asyncio.create_task(limiter.take(caller, limit)) for _ in range(5)]
        await asyncio.sleep(0)
        first.cancel()
        assert await asyncio.wait_for(asyncio.gather(*others), 10) == [0.0] * 5
        await limiter.close()

    asyncio.run(run())
