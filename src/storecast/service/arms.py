"""Which version answers a question about one series: the one that serves, or the challenger for its share.

The challenger answers where it can; what it cannot answer, such as a week that it does not forecast, the
champion does. Whatever goes wrong in it beyond that ends its trial, and the champion answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from storecast.errors import StorecastError
from storecast.service.challenger import Challenger
from storecast.service.champion import Champion
from storecast.service.context import Service
from storecast.service.problems import Problem

__all__ = ["Arm", "arm_of", "asked_of", "check_whole"]

T = TypeVar("T")


class NotWholeError(Exception):
    """An answer holds a number that is none."""


@dataclass(frozen=True)
class Arm:
    """The challenger's ``version`` as it is answered, with overrides where they are wanted, and the series'
    ``place`` in it; ``found``: the challenger itself."""

    version: Champion
    place: int
    found: Challenger


def arm_of(
    service: Service, champion: Champion, by: str, place: int, *, overrides: bool = True
) -> Arm | None:
    """Who answers the series at ``place`` of ``champion`` in its stead; None for nobody."""
    found = service.trials.of(champion, by, place)
    if found is None:
        return None
    version = service.book.over(found.version) if overrides else found.version
    return Arm(version, found.place[place], found)


def check_whole(columns: Sequence[Sequence[float]]) -> None:
    """Raise where a number is none."""
    if not all(math.isfinite(sum(column)) for column in columns):
        raise NotWholeError


def asked_of(service: Service, arm: Arm, ask: Callable[[], T]) -> T | None:
    """What the challenger says; None where it cannot answer, so that the champion is to be asked."""
    try:
        return ask()
    except (StorecastError, Problem):
        return None
    except NotWholeError:
        service.trials.breach(arm.found, "nan", "it answered with numbers that are none")
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody else pays for it
        service.trials.breach(arm.found, "error", f"it failed to answer: {type(error).__name__}: {error}")
    return None
