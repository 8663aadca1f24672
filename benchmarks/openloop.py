"""Open-loop load: requests come when they come, whether or not those before them are answered.

The time of each counts from when it was due, not from when it could be sent, so that a stall of the server
counts for all who would have come in it (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import gc
import random
import re
from collections import deque
from collections.abc import Sequence

__all__ = ["arrivals", "open_loop", "percentile"]

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def arrivals(rate: float, seconds: float, seed: int) -> list[float]:
    """When each of independent callers comes (a Poisson process of ``rate`` a second)."""
    draw, out, at = random.Random(seed), [], 0.0
    while (at := at + draw.expovariate(rate)) < seconds:
        out.append(at)
    return out


def percentile(values: Sequence[float], share: float) -> float:
    """The least of ``values`` that ``share`` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


async def _ask(line: _Line, request: bytes) -> None:
    reader, writer = line
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    status, length = head[9:12], _LENGTH.search(head)
    if status != b"200" or length is None:
        raise RuntimeError(f"not answered well: {head[:200]!r}")
    await reader.readexactly(int(length[1]))


async def open_loop(host: str, port: int, requests: Sequence[bytes], due: Sequence[float]) -> list[float]:
    """Send ``requests`` in turns, one at each time of ``due`` (seconds from now); seconds from then until its
    answer was whole, of each. Raises RuntimeError for an answer that is not 200."""
    loop, free, opened = asyncio.get_running_loop(), deque[_Line](), list[_Line]()

    async def one(at: float, request: bytes) -> float:
        await asyncio.sleep(max(0.0, at - loop.time()))
        while free and free[0][0].at_eof():
            free.popleft()
        if free:  # the one that rests longest: servers close idle ones
            line = free.popleft()
        else:
            line = await asyncio.open_connection(host, port)
            opened.append(line)
        await _ask(line, request)
        free.append(line)
        return loop.time() - at

    gc.collect()
    gc.disable()  # a pause of ours is not one of the server's
    begun = loop.time() + 0.1
    try:
        asked = (one(begun + at, requests[i % len(requests)]) for i, at in enumerate(due))
        return await asyncio.gather(*asked)
    finally:
        gc.enable()
        for _, writer in opened:
            writer.close()
