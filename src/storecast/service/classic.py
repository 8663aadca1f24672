"""Rows as the classic form has them: a store, perhaps a department, a week, and what is known of it.

Every row becomes three numbers (level, place, week) and, where given, its exogenous values. All rows are
checked before any is answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from storecast.service.champion import Champion, View
from storecast.service.problems import Wrong, invalid
from storecast.service.schemas.forecasts import ClassicRow

__all__ = ["EXOGENOUS", "GIVEN", "LARGEST", "Finder", "Gathered", "gather"]

_Asked = TypeVar("_Asked", bound=Hashable)
Float = NDArray[np.float64]
Int = NDArray[np.int64]
EXOGENOUS = ("temperature", "fuel_price", "cpi", "unemployment")
GIVEN = ("holiday_flag", *EXOGENOUS)
_DAY_FIRST = re.compile(r"(\d{2})-(\d{2})-(\d{4})\Z", re.ASCII)
LARGEST = 1e9  # of any input, as a number; beyond is a slip
_MOST_WRONG = 100


@dataclass
class Gathered:
    """Rows by column: ``view`` 0 for the level of series, 1 for stores that are sums; ``place`` in it;
    ``week``; ``given`` name -> (R,) values, NaN where not given, without names that no row gives."""

    view: NDArray[np.int8]
    place: NDArray[np.int32]
    week: NDArray[np.int16]
    given: dict[str, Float]

    def __len__(self) -> int:
        return len(self.place)


@dataclass
class Finder:
    """Finds places by store and department, weeks by date; remembers what was asked before."""

    champion: Champion
    wrong: list[Wrong] = field(default_factory=list)
    _places: dict[tuple[str, str], tuple[int, int] | str] = field(default_factory=dict)
    _weeks: dict[str, int | str] = field(default_factory=dict)

    def place(self, store: str, dept: str) -> tuple[int, int] | str:
        """(view, place), or why there is none."""
        key = (store, dept)
        found = self._places.get(key)
        if found is None:
            found = self._find(store, dept)
            if len(self._places) < 200_000:
                self._places[key] = found
        return found

    def _find(self, store: str, dept: str) -> tuple[int, int] | str:
        c = self.champion
        if not dept:
            view: View = c.view("store")
            at = view.place.get(store)
            return (
                (int(view.by == "store"), at) if at is not None else self._unknown("store", store, view.names)
            )
        if not c.hierarchical:
            return "dept: this version forecasts stores, not departments; leave it out"
        at = c.by_department.get((store, dept))
        if at is not None:
            return 0, at
        known = c.view("store")
        if store not in known.place:
            return self._unknown("store", store, known.names)
        return f"dept: store {store} has no department {dept[:40]!r}"

    def _unknown(self, what: str, name: str, names: Sequence[str]) -> str:
        known = ", ".join(names[:3])
        return f"{what}: there is no {what} {name[:40]!r}; of the {len(names)} known some are {known}"

    def week(self, date: str) -> int | str:
        """The week's place, or why there is none; ``date`` as YYYY-MM-DD or, as the classic file has it,
        DD-MM-YYYY."""
        found = self._weeks.get(date)
        if found is None:
            iso = _DAY_FIRST.sub(r"\3-\2-\1", date)
            at = self.champion.week_at.get(iso)
            found = at if at is not None else f"date: {date[:40]!r} is not forecast. {self._remedy(iso)}"
            if len(self._weeks) < 10_000:
                self._weeks[date] = found
        return found

    def _remedy(self, iso: str) -> str:
        weeks = self.champion.weeks
        return f"Weeks go from {weeks[0]} to {weeks[-1]}, every 7 days. {self.champion.nearest(iso)}"

    def note(self, row: int, text: str) -> None:
        """One more thing is wrong; raises the problem when there are enough."""
        name, _, detail = text.partition(": ")
        self.wrong.append(Wrong(f"rows[{row}].{name}", detail, row + 1))
        if len(self.wrong) >= _MOST_WRONG:
            raise invalid(self.wrong)

    def places(
        self, stores: Sequence[str], depts: Sequence[str], first: int
    ) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
        """View and place of each row; what is wrong is noted under rows counted from ``first``."""
        asked = list(zip(stores, depts, strict=True))
        view, place = self._of_rows(asked, lambda key: self.place(*key), (0, 0), first).T
        return view.astype(np.int8), place.astype(np.int32)

    def weeks(self, dates: Sequence[str], first: int) -> NDArray[np.int16]:
        """The week of each row, likewise."""
        return self._of_rows(dates, self.week, 0, first).astype(np.int16)

    def _of_rows(
        self, asked: Sequence[_Asked], find: Callable[[_Asked], object], nothing: object, first: int
    ) -> Int:
        """What ``find`` gives for each row, which it is asked once for all that are alike; ``nothing`` for
        those of which it says what is wrong."""
        places = {key: i for i, key in enumerate(dict.fromkeys(asked))}
        found = [find(key) for key in places]
        rows = np.fromiter(map(places.__getitem__, asked), np.int64, len(asked))
        if any(isinstance(item, str) for item in found):
            for row, i in enumerate(rows.tolist()):
                if isinstance(item := found[i], str):
                    self.note(first + row, item)
            found = [nothing if isinstance(item, str) else item for item in found]
        return np.array(found, np.int64)[rows]


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def gather(champion: Champion, rows: Sequence[ClassicRow]) -> Gathered:
    """Rows of a JSON body; raises a 422 problem that names what is wrong and in which row."""
    finder = Finder(champion)
    stores = [str(r.store) for r in rows]
    depts = ["" if r.dept is None else str(r.dept) for r in rows]
    view, place = finder.places(stores, depts, 0)
    weeks = finder.weeks([r.date for r in rows], 0)
    given = {}
    for name in GIVEN:
        values = [getattr(r, name) for r in rows]
        if any(v is not None for v in values):
            given[name] = np.array([_number(v) for v in values], dtype=np.float64)
            for i in np.flatnonzero(np.abs(given[name]) > LARGEST).tolist():
                finder.note(i, f"{name}: {values[i]!r} is no sensible value")
    if finder.wrong:
        raise invalid(finder.wrong)
    return Gathered(view, place, weeks, given)
