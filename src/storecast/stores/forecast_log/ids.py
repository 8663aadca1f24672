"""Time-ordered ids: UUID version 7 (RFC 9562, section 5.7), strictly rising within a process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

__all__ = ["first_id", "id_maker"]

_VARIANT = 0b10 << 62


def _text(milliseconds: int, fraction: int, tail: int) -> str:
    number = (milliseconds << 80) | (7 << 76) | (fraction << 64) | tail
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def first_id(at: int) -> str:
    """The smallest id of time ``at`` (microseconds since 1970): bounds of a search by time."""
    return _text(at // 1000, (at % 1000 << 12) // 1000, _VARIANT)


def id_maker(clock: Callable[[], int]) -> Callable[[], str]:
    """A function that makes ids from ``clock`` (nanoseconds since 1970); safe to call from any thread.

    The 12 bits after the version hold the fraction of the millisecond; a clock that stands still or
    goes back counts on from the last id, so that ids of one process rise strictly.
    """
    lock, last = threading.Lock(), 0

    def new_id() -> str:
        nonlocal last
        milliseconds, rest = divmod(clock(), 1_000_000)
        ticks = (milliseconds << 12) | ((rest << 12) // 1_000_000)
        with lock:
            last = ticks = max(ticks, last + 1)
        return _text(ticks >> 12, ticks & 0xFFF, _VARIANT | int.from_bytes(os.urandom(8)) >> 2)

    return new_id
