"""What goes on beside the answers while a worker runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

__all__ = ["repeated"]

_LOG = logging.getLogger("storecast.service")
_LAST = 1.0  # seconds in which what is under way at the end may come to its own


@contextmanager
def repeated(chores: Mapping[Callable[[], None], float]) -> Iterator[None]:
    """Call each of ``chores`` every so many seconds until the block ends; an error of its own ends nothing.

    Each has a thread of its own: one that waits for a database that hangs keeps neither another nor an answer
    waiting. At the end it is left behind.
    """
    ended = threading.Event()
    threads = [
        threading.Thread(target=_repeat, args=(work, seconds, ended), name=work.__qualname__, daemon=True)
        for work, seconds in chores.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        last = time.monotonic() + _LAST
        for thread in threads:
            thread.join(max(0.0, last - time.monotonic()))


def _repeat(work: Callable[[], None], seconds: float, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            work()
        except Exception as error:  # noqa: BLE001 - it is told, and tried again
            _LOG.error("%s failed", work.__qualname__, exc_info=error)
        ended.wait(seconds)
