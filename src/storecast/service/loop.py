"""What goes on beside the answers while a worker runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

__all__ = ["repeat"]

_LOG = logging.getLogger("storecast.service")


async def repeat(work: Callable[[], None], seconds: float) -> None:
    """Call ``work`` in a thread every ``seconds`` until cancelled; an error of its own ends nothing."""
    while True:
        try:
            await asyncio.to_thread(work)
        except Exception as error:  # noqa: BLE001 - it is told, and tried again
            _LOG.error("%s failed", work.__qualname__, exc_info=error)
        await asyncio.sleep(seconds)
