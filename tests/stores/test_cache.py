"""Caches: what is kept, for how long, and that Redis is never needed."""

from __future__ import annotations

import asyncio
import random
import uuid

import pytest

from storecast.errors import SetupError
from storecast.stores.cache import MemoryCache, RedisCache
from storecast.stores.shared_redis import SharedRedis
from tests.servers import Redis, redis_server


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_was_put_is_found_until_it_is_too_old() -> None:
    """A value is there for its seconds and not for one moment longer; hits and misses are counted."""

    async def run() -> None:
        clock = Clock()
        cache = MemoryCache(seconds=10, clock=clock)
        await cache.put("a", b"1")
        clock.now += 9.99
        assert await cache.get("a") == b"1"
        clock.now += 0.01
        assert await cache.get("a") is None
        assert await cache.get("b") is None
        assert (cache.hits, cache.misses, cache.size) == (1, 2, 0)

    asyncio.run(run())


def test_memory_is_bounded_and_the_least_used_goes_first() -> None:
    """Against a plain list as the model: the same keys stay, and never more bytes than allowed."""

    async def run() -> None:
        draw, cache = random.Random(3), MemoryCache(bytes_limit=200, clock=Clock())
        model: list[tuple[str, bytes]] = []  # the least recently used first
        for _ in range(3000):
            key = f"{draw.randrange(40):02}"
            there = dict(model)
            if draw.random() < 0.5:
                value = bytes(draw.randrange(60))
                model = [item for item in model if item[0] != key] + [(key, value)]
                while sum(len(k) + len(v) for k, v in model) > 200:
                    model.pop(0)
                await cache.put(key, value)
            else:
                assert await cache.get(key) == there.get(key)
                if key in there:
                    model = [item for item in model if item[0] != key] + [(key, there[key])]
            assert cache.size == sum(len(k) + len(v) for k, v in model) <= 200

    asyncio.run(run())


def test_a_value_larger_than_the_cache_is_not_kept() -> None:
    """It would push everything else out and not fit all the same."""

    async def run() -> None:
        cache = MemoryCache(bytes_limit=100)
        await cache.put("a", bytes(200))
        assert await cache.get("a") is None
        assert cache.size == 0

    asyncio.run(run())


def test_workers_share_through_redis(redis: Redis) -> None:
    """What one worker has put another finds, any bytes under any key; it is gone after its seconds."""
    key, value = f"{uuid.uuid4()} \0 Zoë?", bytes(range(256))

    async def run() -> None:
        one, two = (RedisCache(SharedRedis(redis.url), MemoryCache(), seconds=0.5) for _ in range(2))
        assert await two.get(key) is None
        await one.put(key, value)
        assert await two.get(key) == value
        await asyncio.sleep(0.6)
        three = RedisCache(SharedRedis(redis.url), MemoryCache())
        assert await three.get(key) is None
        for cache in (one, two, three):
            await cache.close()

    asyncio.run(run())


def test_answers_go_on_without_redis(tmp_path) -> None:
    """Redis killed, hanging, and back: each call ends soon, what this worker has put it still finds."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        clock = Clock()
        with redis_server(tmp_path) as server:
            shared = SharedRedis(server.url, clock=clock)
            cache = RedisCache(shared, MemoryCache())

            def state() -> tuple[bool, int]:
                return shared.alive, shared.failures

            await cache.put("before", b"1")
            for harm, cure in ((server.kill, server.start), (server.pause, server.resume)):
                harm()
                began = loop.time()
                for number in range(200):
                    assert await cache.get("before") == b"1"
                    await cache.put(f"during {number}", b"2")
                    assert await cache.get(f"during {number}") == b"2"
                    assert await cache.get("unknown") is None
                assert loop.time() - began < 3  # one wait for all, not one each
                assert state() == (False, failures := shared.failures)
                cure()
                clock.now += 2  # the rest is over
                await cache.put("after", b"3")
                assert state() == (True, failures)
            await cache.close()

    asyncio.run(run())


def test_a_cancelled_request_does_not_mix_up_answers(redis: Redis) -> None:
    """Callers that give up while Redis works leave no reply behind for the next."""

    async def run() -> None:
        clock, prefix = Clock(), uuid.uuid4().hex
        shared = SharedRedis(redis.url, clock=clock)
        plain = RedisCache(shared, MemoryCache())
        for number in range(50):
            await plain.put(f"{prefix} {number}", str(number).encode())
        draw, right = random.Random(5), 0
        for _ in range(300):
            cache = RedisCache(shared, MemoryCache())
            number = draw.randrange(50)
            task = asyncio.create_task(cache.get(f"{prefix} {number}"))
            for _ in range(draw.randrange(6)):
                await asyncio.sleep(0)
            task.cancel()
            other = draw.randrange(50)
            clock.now += 2  # the rest is over, if there was one
            found = await cache.get(f"{prefix} {other}")
            assert found in (
                str(other).encode(),
                None,
            )  # none: the machine was too busy to hear Redis in time
            right += found is not None
            await asyncio.gather(task, return_exceptions=True)
        assert right > 100
        await plain.close()

    asyncio.run(run())


def test_a_wrong_url_is_refused() -> None:
    """At the start, with the form that is expected, and without repeating a password."""
    with pytest.raises(SetupError, match="redis://host") as caught:
        SharedRedis("http://user:secret-word@host")
    assert "secret-word" not in str(caught.value)
