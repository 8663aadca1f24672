"""An answer of ``/v1/forecasts`` as text: its head, its rows, and which of them planners changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from storecast.ports.records import Override
from storecast.service.champion import Champion, column_names
from storecast.service.context import Service
from storecast.service.overridden import shown
from storecast.service.series_rows import SeriesRows

__all__ = ["Wanted", "csv_head", "csv_lines", "head", "pick", "said_in"]

_T = TypeVar("_T")
_ENCODE = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Wanted:
    """A request that can be met: places of series in the view ``by``, and the weeks (0 for the first)."""

    by: str
    places: Sequence[int]
    weeks: Sequence[int]
    levels: tuple[float, ...]


def said_in(champion: Champion, wanted: Wanted) -> list[Override]:
    """The overrides that are in an answer, each once."""
    said = champion.views[wanted.by].said
    if not said:
        return []
    places = [p for p in wanted.places if p in said] if len(wanted.places) <= len(said) else None
    if places is None:
        asked = set(wanted.places)
        places = [p for p in said if p in asked]
    weeks = set(wanted.weeks)
    return list(
        {o.id: o for p in places for w, found in said[p].items() if w in weeks for o in found}.values()
    )


def head(service: Service, champion: Champion, wanted: Wanted, entry: str, said: Sequence[Override]) -> bytes:
    """What an answer says before its rows."""
    notes = champion.forecaster.notes if wanted.by == "series" else {}
    names = champion.views[wanted.by].names
    noted = {names[p]: notes[names[p]] for p in wanted.places if names[p] in notes} if notes else {}
    return b"".join(
        (
            b'{"id":"',
            entry.encode(),
            b'","model":',
            champion.head,
            b',"cutoff":"',
            champion.cutoff.encode(),
            b'","unit":',
            _ENCODE(service.config.unit),
            b',"by":"',
            wanted.by.encode(),
            b'","levels":',
            _ENCODE(wanted.levels),
            b',"notes":',
            _ENCODE(noted),
            b',"overrides":',
            _ENCODE([shown(override) for override in said]) if said else b"[]",
            b',"forecasts":[',
        )
    )


def pick(items: Sequence[_T], weeks: Sequence[int]) -> Sequence[_T]:
    """The items of these weeks; a range begins with the first."""
    return items[: len(weeks)] if isinstance(weeks, range) else [items[w] for w in weeks]


def csv_head(levels: tuple[float, ...], said: bool) -> str:
    """Names of the columns; ``said``: with those of overrides."""
    more = ["storecast-model", "override"] if said else []
    return ",".join(["unique_id", "ds", "horizon", *column_names(levels), *more]) + "\n"


def csv_lines(
    champion: Champion, wanted: Wanted, rows: SeriesRows, said: Sequence[Override], at: int | None = None
) -> Sequence[str]:
    """The lines of one series; where some of the answer's numbers are overridden (``said``) each also has
    the model's, and the override's id."""
    lines = pick(rows.csv, wanted.weeks)
    if not said:
        return lines
    view, place = champion.views[wanted.by], wanted.places[0] if at is None else at
    found = view.said.get(place, {})
    model = view.point if view.model is None else view.model
    return [
        f"{line[:-1]},{model.item(week, place)!r},"
        f"{found[week][0].id if week in found and wanted.by == 'series' else ''}\n"
        for line, week in zip(lines, wanted.weeks, strict=True)
    ]
