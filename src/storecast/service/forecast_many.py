"""Forecasts of many series: rows in pieces, logged as a digest and a blob; by two versions during a canary.

Each series is answered by one version. Where both answer, each has an entry of its own in the log, with its
rows alone; the answer names both, and every row its version.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from storecast.ports.records import Override
from storecast.service.arms import arm_of, asked_of, check_whole
from storecast.service.calls import call_of
from storecast.service.champion import Champion, column_names
from storecast.service.context import Service
from storecast.service.forecast_rows import Wanted, csv_head, csv_lines, head, pick, said_in
from storecast.service.logged import as_blob, as_inputs
from storecast.service.schemas.forecasts import ForecastsRequest

__all__ = ["CSV", "many"]

CSV = b"text/csv; charset=utf-8"
_ENCODE = msgspec.json.Encoder().encode
_STEP = 64  # series made into text before others get their turn
_ROWS = b'"forecasts":['


@dataclass(frozen=True)
class _Part:
    """What one ``version`` answers, and under which ``entry`` it is logged; ``said``: the overrides in it."""

    version: Champion
    wanted: Wanted
    entry: str
    said: list[Override]


async def many(
    service: Service, request: Request, champion: Champion, wanted: Wanted, asked: ForecastsRequest, csv: bool
) -> Response:
    """Several series, each by whom it is for."""
    theirs = _theirs(service, champion, wanted, asked)
    if theirs is None:
        if wanted.by == "series":
            for place in wanted.places:
                service.trials.note(place, wanted.weeks)
        parts = [await _logged(service, request, champion, wanted)]
        flags: Sequence[bool] = [False] * len(wanted.places)
    else:
        version, mine, flags = theirs
        rest = [place for place, on in zip(wanted.places, flags, strict=True) if not on]
        if not rest:
            parts = [await _logged(service, request, version, mine)]
            flags = [False] * len(flags)
        else:
            parts = [
                await _logged(service, request, champion, replace(wanted, places=rest)),
                await _logged(service, request, version, mine),
            ]
    if csv:
        return StreamingResponse(_in_turns(_csv(parts, flags)), headers={"content-type": CSV.decode()})
    return StreamingResponse(_in_turns(_json(service, parts, flags)), media_type="application/json")


def _theirs(
    service: Service, champion: Champion, wanted: Wanted, asked: ForecastsRequest
) -> tuple[Champion, Wanted, Sequence[bool]] | None:
    """The challenger, what it is to answer, and which of the series that is; None where it is nothing."""
    arms = [arm_of(service, champion, wanted.by, p, overrides=asked.overrides) for p in wanted.places]
    found = [arm for arm in arms if arm is not None]
    if not found:
        return None
    version, first = found[0].version, found[0]
    places = [arm.place for arm in found]

    def ask() -> Wanted:
        days = asked.dates or [version.weeks[w] for w in wanted.weeks if w < len(version.weeks)]
        weeks = [version.week(day) for day in days]
        mine = replace(wanted, places=places, weeks=weeks if asked.dates else range(len(weeks)))
        at = np.repeat(np.array(places), len(weeks)), np.tile(np.array(weeks), len(places))
        check_whole([c.tolist() for c in version.views["series"].columns(*at, wanted.levels)])
        return mine

    if not asked.dates and len(wanted.weeks) > len(version.weeks):
        return None
    mine = asked_of(service, first, ask)
    return None if mine is None else (version, mine, [arm is not None for arm in arms])


async def _logged(service: Service, request: Request, version: Champion, wanted: Wanted) -> _Part:
    """Write what one version answers to the log."""
    view = version.views[wanted.by]
    at, weeks = np.array(wanted.places, dtype=np.int64), np.array(wanted.weeks, dtype=np.int64)
    places, times = np.repeat(at, len(weeks)), np.tile(weeks, len(at))
    with call_of(request).step("look-up"):
        values = view.columns(places, times, wanted.levels)
    named = dict(zip(column_names(wanted.levels), values, strict=True))
    digest, blob = await service.made(as_blob, view.names, places, version.forecaster.weeks[times], named)
    entry = service.log.new_id()
    said = said_in(version, wanted)
    await service.record(
        request,
        "forecast",
        version,
        id=entry,
        series="",
        rows=len(places),
        inputs=_ENCODE({"by": wanted.by, "cutoff": version.cutoff}).decode()[:-1]
        + as_inputs(version, said, wanted.levels)
        + "}",
        digest=digest,
        blob=blob,
    )
    return _Part(version, wanted, entry, said)


def _in_order(parts: Sequence[_Part], flags: Sequence[bool]) -> Iterator[tuple[_Part, int]]:
    """Who answers each series, in the order they were asked for, and its place there."""
    places = [iter(part.wanted.places) for part in parts]
    for on in flags:
        yield parts[int(on)], next(places[int(on)])


def _json(service: Service, parts: Sequence[_Part], flags: Sequence[bool]) -> Iterator[bytes]:
    """The whole answer, series by series."""
    first, *others = parts
    said = [override for part in parts for override in part.said]
    lead = head(service, first.version, first.wanted, first.entry, said)
    for other in others:
        named = {
            "id": other.entry,
            "model": msgspec.Raw(other.version.head),
            "cutoff": other.version.cutoff,
        }
        lead = lead[: -len(_ROWS)] + b'"challenger":' + _ENCODE(named) + b"," + _ROWS
    for part, place in _in_order(parts, flags):
        rows = part.version.rows(part.wanted.by, place, part.wanted.levels)
        lines = pick(rows.json, part.wanted.weeks)
        if others:
            tail = b',"version":%d}' % part.version.info.version
            lines = [line[:-1] + tail for line in lines]
        yield lead + b",".join(lines)
        lead = b","
    yield b"]}"


def _csv(parts: Sequence[_Part], flags: Sequence[bool]) -> Iterator[bytes]:
    """The whole answer as CSV, series by series; with a column ``version`` where there are two."""
    said = [override for part in parts for override in part.said]
    names = csv_head(parts[0].wanted.levels, bool(said))
    both = len(parts) > 1
    yield (f"{names[:-1]},version\n" if both else names).encode()
    for part, place in _in_order(parts, flags):
        rows = part.version.rows(part.wanted.by, place, part.wanted.levels)
        lines = csv_lines(part.version, part.wanted, rows, said, place)
        if both:
            lines = [f"{line[:-1]},{part.version.info.version}\n" for line in lines]
        yield "".join(lines).encode()


async def _in_turns(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces in larger ones; others get their turn in between."""
    gathered: list[bytes] = []
    for piece in pieces:
        gathered.append(piece)
        if len(gathered) >= _STEP:
            yield b"".join(gathered)
            gathered.clear()
            await asyncio.sleep(0)
    yield b"".join(gathered)
