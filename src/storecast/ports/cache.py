"""What makes answers faster and callers fair; neither is ever needed for an answer."""

from __future__ import annotations

from typing import NamedTuple, Protocol

__all__ = ["Cache", "Limit", "RateLimiter"]


class Cache(Protocol):
    """Answers by key for a while. A key names all that the answer depends on, the model's digest too.

    ``hits`` and ``misses`` count what ``get`` found.
    """

    hits: int
    misses: int

    async def get(self, key: str) -> bytes | None:
        """The value, or None: never an error."""
        ...

    async def put(self, key: str, value: bytes) -> None:
        """Keep the value; never an error."""
        ...

    async def close(self) -> None:
        """End connections."""
        ...


class Limit(NamedTuple):
    """``rate`` requests a second in the long run, and up to ``burst`` at once."""

    rate: float
    burst: float


class RateLimiter(Protocol):
    """A bucket of tokens for each caller."""

    async def take(self, caller: str, limit: Limit, cost: float = 1.0) -> float:
        """0.0: granted. Else nothing is taken, and it is the seconds after which to ask again.

        A ``cost`` above the burst counts as the burst.
        """
        ...

    async def close(self) -> None:
        """End connections."""
        ...
