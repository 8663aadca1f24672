"""What planners know better, laid over forecasts: which override counts, and what it makes of them.

An override is a row that is never changed: a later one for the same series and week counts before an earlier
one, an undo is a row of its own, and what has expired counts no more, so that the row before it does again.
Bands move with their forecast by the same dollars: the planner's number is taken to be as uncertain as the
model's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.hierarchy import Level, cents

__all__ = ["MODES", "Said", "counting", "moved", "moved_sums", "settled", "states"]

Float = NDArray[np.float64]
MODES = ("value", "difference", "percent")


class Said(Protocol):
    """One override as it was said, or taken back."""

    @property
    def id(self) -> str:
        """Its id, time-ordered."""
        ...

    @property
    def unique_id(self) -> str:
        """The series."""
        ...

    @property
    def ds(self) -> str:
        """The week, an ISO date."""
        ...

    @property
    def mode(self) -> str:
        """One of MODES."""
        ...

    @property
    def value(self) -> float | None:
        """Dollars or percent, as ``mode`` has it; None: it takes another back."""
        ...

    @property
    def expires(self) -> int | None:
        """Microseconds since 1970 from which it counts no more."""
        ...

    @property
    def undoes(self) -> str | None:
        """The id of what it takes back."""
        ...


S = TypeVar("S", bound=Said)


def settled(model: float, mode: str, value: float) -> float:
    """Dollars, to the cent, that an override makes of the ``model``'s: ``value`` itself, that many dollars
    more (``difference``), or that many percent more (``percent``)."""
    if mode == "value":
        number = value
    elif mode == "difference":
        number = model + value
    else:
        number = model * (1.0 + value / 100.0)
    return round(number * 100.0) / 100.0


def counting(said: Iterable[S], now: int) -> dict[tuple[str, str], S]:
    """(unique_id, ds) -> the override that counts at ``now`` (microseconds since 1970): of the rows that are
    neither undone nor expired the one with the highest id. One without a value takes back all before it."""
    rows = sorted(said, key=lambda row: row.id)
    undone = {row.undoes for row in rows if row.undoes is not None}
    out: dict[tuple[str, str], S] = {}
    for row in rows:
        over = row.expires is not None and row.expires <= now
        if row.undoes is not None or row.id in undone or over:
            continue
        if row.value is None:
            out.pop((row.unique_id, row.ds), None)
        else:
            out[row.unique_id, row.ds] = row
    return out


def states(said: Sequence[S], now: int) -> dict[str, str]:
    """Id -> what became of each of ``said``, all rows of their series: it ``counts``, is ``undone``,
    ``expired`` or ``replaced`` by a later one; an ``undo``; or it took back all before it (``withdrawn``)."""
    undone = {row.undoes for row in said if row.undoes is not None}
    now_counts = {row.id for row in counting(said, now).values()}

    def state(row: S) -> str:
        if row.undoes is not None:
            return "undo"
        if row.id in undone:
            return "undone"
        if row.value is None:
            return "withdrawn"
        if row.expires is not None and row.expires <= now:
            return "expired"
        return "counts" if row.id in now_counts else "replaced"

    return {row.id: state(row) for row in said}


def moved(point: Float, said: Mapping[tuple[int, int], S]) -> Float:
    """(H, N) ``point`` with what is ``said`` of (week, series) in place of the model's."""
    out = point.copy()
    for (week, at), override in said.items():
        if override.value is not None:
            out[week, at] = settled(float(point[week, at]), override.mode, override.value)
    return out


def moved_sums(sums: Float, level: Level, before: Float, after: Float) -> Float:
    """(H, S) ``sums`` of one level of the hierarchy once its series went from ``before`` to ``after`` (H, N):
    to the cent what the series add up to; one that has ended is not in its sums, overridden or not."""
    weeks, series = np.nonzero(before != after)
    out = sums.copy()
    places = level.of[series]
    counted = places >= 0
    weeks, series, places = weeks[counted], series[counted], places[counted]
    np.add.at(out, (weeks, places), (after - before)[weeks, series])
    return cents(out)
