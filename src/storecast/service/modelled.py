"""Questions that may need the model: answered at once where that is arithmetic, else in another thread, and
kept for whoever asks the same."""

from __future__ import annotations

import time

import numpy as np
from starlette.requests import Request

from storecast.service.arms import arm_of, asked_of, check_whole
from storecast.service.calls import call_of
from storecast.service.champion import Champion
from storecast.service.classic import Gathered
from storecast.service.context import Service
from storecast.service.kept import Modelled
from storecast.service.rows import Answered, answered, model_is_quick, overridden, read_by
from storecast.service.schemas.whatif import WhatIfRequest
from storecast.service.whatif import Outcome, asks_the_model, what_if

__all__ = ["answered_at_once", "answered_rows", "what_if_of"]

# Rows at a time, so that others get their turn: a few milliseconds of look-ups, and of the model, where it
# is quick and where it is not.
_LOOKED_UP, _QUICK, _MODELLED = 4000, 2000, 200


async def answered_rows(
    service: Service, request: Request, champion: Champion, rows: Gathered, levels: tuple[float, ...]
) -> Answered:
    """The rows looked up, or answered by the model where it reads what is given; where a planner has spoken,
    that stands, whatever is given."""
    found = await _answered_rows(service, request, champion.plain or champion, rows, levels)
    return found if champion.plain is None else overridden(champion, found, levels)


def answered_at_once(champion: Champion, rows: Gathered, levels: tuple[float, ...]) -> Answered:
    """The same, however long it takes, and nothing kept: for answers that are made again."""
    found = answered(champion.plain or champion, rows, levels)
    return found if champion.plain is None else overridden(champion, found, levels)


async def _answered_rows(
    service: Service, request: Request, champion: Champion, rows: Gathered, levels: tuple[float, ...]
) -> Answered:
    if not read_by(champion, rows):
        with call_of(request).step("look-up"):
            if len(rows) > _LOOKED_UP:
                return await service.made(answered, champion, rows, levels)
            return answered(champion, rows, levels)
    with call_of(request).step("model"):
        if len(rows) < (_QUICK if model_is_quick(champion, rows) else _MODELLED):
            return answered(champion, rows, levels)

        def ask() -> Modelled:
            return Modelled.of(answered(champion, rows, levels).columns)

        where = [array.tobytes() for array in (rows.view, rows.place, rows.week)]
        given = {name: values.tobytes() for name, values in rows.given.items()}
        made = await service.kept.get(champion, ("rows", levels, where, given), ask)
        return answered(champion, rows, levels, made.arrays())


async def what_if_of(
    service: Service, request: Request, champion: Champion, asked: WhatIfRequest, levels: tuple[float, ...]
) -> tuple[Champion, Outcome]:
    """What would be, and which version says so: of one series the challenger where that is in its share."""
    trials = service.trials
    if asked.by != "series" or trials.challenger is None:
        return champion, await _what_if(service, request, champion, asked, levels)
    place = champion.views["series"].find(asked.series)
    began = time.perf_counter()
    if (arm := arm_of(service, champion, "series", place, overrides=False)) is not None:

        def ask() -> Outcome:
            with call_of(request).step("model"):
                found = what_if(arm.version, asked, levels)
            check_whole([*found.base, *found.scenario, *found.difference])
            return found

        made = asked_of(service, arm, ask)
        trials.took(arm.found, time.perf_counter() - began)
        if made is not None:
            trials.counted(True)
            return arm.version, made
        began = time.perf_counter()
    made = await _what_if(service, request, champion, asked, levels)
    trials.took(None, time.perf_counter() - began)
    trials.counted(False)
    return champion, made


async def _what_if(
    service: Service, request: Request, champion: Champion, asked: WhatIfRequest, levels: tuple[float, ...]
) -> Outcome:
    """What would be; stores and totals are sums of many series, each of which the model is asked for."""
    with call_of(request).step("model"):
        if asked.by == "series" or not asks_the_model(champion, asked):
            return what_if(champion, asked, levels)

        def ask() -> Modelled:
            made = what_if(champion, asked, levels)
            columns = [*made.base, *made.scenario, *made.difference]
            return Modelled.of([np.array(column) for column in columns], made.effects)

        made = await service.kept.get(champion, ("what-if", levels, asked), ask)
        columns, each = [column.tolist() for column in made.arrays()], 1 + 2 * len(levels)
        return Outcome(columns[:each], columns[each : 2 * each], columns[2 * each :], made.effects)
