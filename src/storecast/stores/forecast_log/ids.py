"""Time-ordered ids: UUID version 7 (RFC 9562, section 5.7), strictly rising within a process."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable

__all__ = ["first_id", "id_maker"]

_VARIANT = 0b10 << 62
_WORDS = struct.Struct("512Q")
_DRAWN: list[int] = []  # by one call for many: each call lets another thread in, which costs more than an id
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_DRAWN.clear)  # two processes must not draw the same


def _text(milliseconds: int, fraction: int, tail: int) -> str:
    number = (milliseconds << 80) | (7 << 76) | (fraction << 64) | tail
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _random() -> int:
    """64 bits."""
    try:
        return _DRAWN.pop()
    except IndexError:
        first, *rest = _WORDS.unpack(os.urandom(_WORDS.size))
        _DRAWN.extend(rest)
        return int(first)


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
        return _text(ticks >> 12, ticks & 0xFFF, _VARIANT | _random() >> 2)

    return new_id
