"""What the model says, kept for a while for whoever asks the same: this worker, or all that share Redis.

A look-up takes less time than asking Redis for it, so only answers of the model that take several times as
long are kept: of many rows, or of stores and totals that are sums of many series. What comes from the cache
is what the model gave, bit for bit; each answer is logged as its own all the same.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from storecast import __version__
from storecast.ports.cache import Cache
from storecast.service.champion import Champion

__all__ = ["Kept", "Modelled"]

Float = NDArray[np.float64]
_LARGEST = 4 << 20  # bytes of one value
_ENCODE = msgspec.msgpack.Encoder().encode


class Modelled(msgspec.Struct, array_like=True):
    """What is kept: ``columns`` as bytes of doubles, all of ``rows``; ``effects`` of a what-if."""

    rows: int
    columns: list[bytes]
    effects: list[tuple[str, float, str]] = []

    @classmethod
    def of(cls, columns: Sequence[Float], effects: Sequence[tuple[str, float, str]] = ()) -> Modelled:
        """From columns of one length."""
        made = [np.ascontiguousarray(column, dtype="<f8").tobytes() for column in columns]
        return cls(len(columns[0]), made, list(effects))

    def arrays(self) -> list[Float]:
        """The columns as they were."""
        return [np.frombuffer(column, dtype="<f8") for column in self.columns]


_DECODER = msgspec.msgpack.Decoder(Modelled)


def _read(value: bytes | None) -> Modelled | None:
    """None for what is no value of ours, whoever put it there."""
    if value is None:
        return None
    try:
        found = _DECODER.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return None
    whole = all(len(column) == 8 * found.rows for column in found.columns)
    return found if whole and found.columns else None


class Kept:
    """Answers of the model in ``cache``; the same question at one time is asked of the model once.

    ``in_thread`` calls what makes an answer, in a thread.
    """

    def __init__(
        self, cache: Cache, in_thread: Callable[[Callable[[], Modelled]], Awaitable[Modelled]]
    ) -> None:
        self._cache, self._in_thread = cache, in_thread
        self._under_way: dict[str, asyncio.Task[Modelled]] = {}

    async def get(self, champion: Champion, question: Any, make: Callable[[], Modelled]) -> Modelled:
        """What ``make`` gives, called in a thread where nobody has asked ``question`` of this version before.

        ``question`` names all that the answer depends on, but for the version. Raises what ``make`` raises.
        """
        asked = _ENCODE((__version__, champion.info.digest, question))
        key = hashlib.sha256(asked).hexdigest()
        if (task := self._under_way.get(key)) is None:
            task = self._under_way[key] = asyncio.create_task(self._found(key, make))
            task.add_done_callback(lambda done: self._done(key, done))
        # Whoever gives up does not take the answer from the others who wait for it.
        return await asyncio.shield(task)

    def _done(self, key: str, task: asyncio.Task[Modelled]) -> None:
        del self._under_way[key]
        if not task.cancelled():
            task.exception()  # heard, even where nobody waits any more

    async def _found(self, key: str, make: Callable[[], Modelled]) -> Modelled:
        if (found := _read(await self._cache.get(key))) is not None:
            return found
        made = await self._in_thread(make)
        if sum(map(len, made.columns)) <= _LARGEST:
            await self._cache.put(key, _ENCODE(made))
        return made
