"""The overrides that count, held in memory, and versions as they are answered with them.

The table is read when it changed, the clock is asked at every answer: what expires counts no more from that
moment on. While the database is away what was read last goes on, after a restart from a copy on disk.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from storecast.errors import LogError
from storecast.forecasting.overrides import counting, moved, moved_sums
from storecast.forecasting.value_added import Scores, score
from storecast.ports.records import Actuals, Override, Overrides
from storecast.service.champion import Champion, View
from storecast.service.copies import keep_copy
from storecast.service.fields import iso

__all__ = ["OverrideBook", "Worth", "over", "scored", "shown"]

_NEVER = 1 << 62
_Made = tuple[Champion, tuple[Override, ...], int, Champion]  # of what, of which rows, until when, what


def shown(override: Override) -> dict[str, object]:
    """An override as answers that hold it name it."""
    names = ("id", "unique_id", "ds", "mode", "value", "who", "why")
    said: dict[str, object] = {name: getattr(override, name) for name in names}
    return {**said, "at": iso(override.at), "expires": iso(override.expires)}


class OverrideBook:
    """``copy``: a file they are kept in; ``clock``: nanoseconds since 1970."""

    def __init__(self, table: Overrides, copy: Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._table, self._copy, self._clock = table, copy, clock
        self._rows: tuple[Override, ...] = ()
        self._stamp: object = None
        self._made: list[_Made] = []  # lately: of what serves, and of a challenger

    def refresh(self) -> None:
        """Read them where they changed. Called in a thread."""
        try:
            stamp = self._table.stamp()
            if stamp == self._stamp:
                return
            rows = tuple(self._table.rows())
        except LogError:
            if self._stamp is None:
                self._rows, self._stamp = self._from_copy(), "copy"
            return
        self._rows, self._stamp = rows, stamp
        keep_copy(self._copy, rows)

    def counting(self) -> list[Override]:
        """Those that count now, by series and week."""
        found = counting(self._rows, self._clock() // 1000)
        return [found[key] for key in sorted(found)]

    def counted_at(self, moment: int) -> dict[tuple[str, str], Override]:
        """(unique_id, ds) -> what counted at ``moment``, in microseconds since 1970."""
        return counting((row for row in self._rows if row.at < moment), moment)

    def over(self, champion: Champion) -> Champion:
        """``champion`` as it is answered with the overrides that count now; itself where none does."""
        rows, now = self._rows, self._clock() // 1000
        if not rows:
            return champion
        for last in self._made:
            if last[0] is champion and last[1] is rows and now < last[2]:
                return last[3]
        until = min((r.expires for r in rows if r.expires is not None and r.expires > now), default=_NEVER)
        made = over(champion, counting(rows, now).values())
        self._made = [(champion, rows, until, made), *(m for m in self._made if m[0] is not champion)][:2]
        return made

    def _from_copy(self) -> tuple[Override, ...]:
        try:
            return tuple(Override(**row) for row in json.loads(self._copy.read_text()))
        except (OSError, ValueError, TypeError):
            return ()


def scored(table: Overrides, actuals: Actuals, stores: Mapping[str, str]) -> Scores:
    """What overrides were worth; ``stores``: series -> store."""
    return score(table.rows(), lambda keys, first: actuals.each(unique_ids=keys, since=first), stores)


class Worth:
    """What overrides were worth in all: ``ratio`` of the model's error that they took away, None where no
    week with one has actuals."""

    def __init__(self, table: Overrides, actuals: Actuals) -> None:
        self._table, self._actuals = table, actuals
        self.ratio: float | None = None

    def refresh(self) -> None:
        """Count anew. Called in a thread."""
        with suppress(LogError):  # what was counted last goes on
            found = scored(self._table, self._actuals, {}).of_all
            self.ratio = found.ratio if found else None


def over(champion: Champion, found: Iterable[Override]) -> Champion:
    """``champion`` as it is answered with these overrides; itself where none is of its series and weeks."""
    series = champion.views["series"]
    said: dict[tuple[int, int], Override] = {}
    for override in found:
        place, week = series.place.get(override.unique_id), champion.week_at.get(override.ds)
        if place is not None and week is not None:
            said[week, place] = override
    if not said:
        return champion
    after = moved(series.point, said)
    views: dict[str, View] = {}
    for by, view in champion.views.items():
        level = champion.forecaster.levels[by]
        point = after if by == "series" else moved_sums(view.point, level, series.point, after)
        by_place: dict[int, dict[int, tuple[Override, ...]]] = {}
        for (week, at), override in said.items():
            place = at if by == "series" else int(level.of[at])
            if place >= 0:
                weeks = by_place.setdefault(place, {})
                weeks[week] = (*weeks.get(week, ()), override)
        views[by] = replace(view, point=point, model=view.point, said=by_place)
    return champion.overridden(views)
