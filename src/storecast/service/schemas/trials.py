"""Trials of a challenger beside what serves, and what served when."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

__all__ = ["ServedAnswer", "TrialAnswer"]


class TrialItem(Struct):
    """A challenger beside what serves: ``kind`` is shadow, which answers nobody, or canary, which answers a
    ``share`` of the series."""

    kind: str
    version: int
    digest: str
    model: str
    share: float
    who: str
    why: str
    at: str


class MovedSeries(Struct):
    """Dollars of one series over the weeks that both versions forecast."""

    unique_id: str
    champion: float
    challenger: float


class Moves(Struct):
    """The challenger's table beside the champion's: ``weeks`` and ``series`` of both, ``added`` and ``lost``
    series, dollars of each over them; ``difference``: the sum of all differences over the champion's;
    ``median`` and ``high`` (9 of 10 series move less) of a series' own; ``most``: what moves most, in
    dollars."""

    weeks: int
    series: int
    added: int
    lost: int
    champion: float
    challenger: float
    difference: float | None
    median: float | None
    high: float | None
    most: list[MovedSeries]
    reasons: list[str]


class TrialAnswer(Struct):
    """``trial``: what is under way, null for nothing; ``active``: whether this worker has it; ``refused``:
    why not, or why the last one ended by itself; ``moves``: how far it is from what serves; ``gate``: the
    verdict on it; ``cutoff``: the last week that it has seen."""

    trial: TrialItem | None
    active: bool
    refused: str
    moves: Moves | None
    gate: dict[str, Any]
    cutoff: str | None


class ServedSpan(Struct):
    """From ``first`` until ``until`` ("" for still) ``version`` served; a ``challenger`` beside it answered a
    ``share`` of the series, none in shadow. ``kind``, ``who`` and ``why`` of what began it; ``answered``: the
    version that answered the series asked about."""

    first: str
    until: str
    version: int
    digest: str
    kind: str
    who: str
    why: str
    challenger: int | None
    challenger_digest: str
    share: float
    answered: int


class ServedAnswer(Struct):
    """What served on a day, UTC, one after the other; empty before the first publication."""

    on: str
    series: str | None
    served: list[ServedSpan]
