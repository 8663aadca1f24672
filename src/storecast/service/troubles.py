"""Tells in the log why what the service leans on is away, and when it is back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

__all__ = ["teller"]

_LOG = logging.getLogger("storecast.service")


def teller(troubles: Mapping[str, Callable[[], str | None]]) -> Callable[[], None]:
    """To be called again and again: a line in the log for each change of a trouble, None standing for none.

    ``troubles``: by what is leaned on, what its last use found.
    """
    told: dict[str, str | None] = dict.fromkeys(troubles)

    def tell_troubles() -> None:
        for name, look in troubles.items():
            found, before = look(), told[name]
            if found == before:
                continue
            told[name] = found
            if found is None:
                _LOG.info("%s back", name)
            else:
                _LOG.warning("%s away", name, extra={"fields": {"found": found}})

    return tell_troubles
