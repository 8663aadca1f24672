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
from msgspec.structs import astuple
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
            iso = date
            if (at := self.champion.week_at.get(date)) is None:
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
        self,
        stores: Sequence[_Asked],
        depts: Sequence[_Asked] | None,
        first: int,
        read: Callable[[_Asked], str],
    ) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
        """View and place of each row; what is wrong is noted under rows counted from ``first``. ``depts``:
        None where no row has one; ``read``: the name that a store or department is."""
        if depts is None:
            found = self._of_rows(stores, lambda store: self.place(read(store), ""), (0, 0), first)
        else:
            asked = list(zip(stores, depts, strict=True))
            found = self._of_rows(asked, lambda key: self.place(*map(read, key)), (0, 0), first)
        view, place = found.T
        return view.astype(np.int8), place.astype(np.int32)

    def weeks(self, dates: Sequence[str], first: int, read: Callable[[str], str] = str) -> NDArray[np.int16]:
        """The week of each row, likewise."""
        return self._of_rows(dates, lambda date: self.week(read(date)), 0, first).astype(np.int16)

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


def _numbers(values: Sequence[float | None]) -> Float:
    if None in values:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.array(values, dtype=np.float64)


def gather(champion: Champion, rows: Sequence[ClassicRow]) -> Gathered:
    """Rows of a JSON body; raises a 422 problem that names what is wrong and in which row."""
    finder = Finder(champion)
    columns = dict(zip(ClassicRow.__struct_fields__, zip(*map(astuple, rows), strict=True), strict=True))
    some = {name: values for name, values in columns.items() if values.count(None) < len(values)}
    depts = ["" if dept is None else dept for dept in some["dept"]] if "dept" in some else None
    view, place = finder.places(columns["store"], depts, 0, str)
    weeks = finder.weeks(columns["date"], 0)
    given = {name: _numbers(some[name]) for name in GIVEN if name in some}
    for name, numbers in given.items():
        for i in np.flatnonzero(np.abs(numbers) > LARGEST).tolist():
            finder.note(i, f"{name}: {some[name][i]!r} is no sensible value")
    if finder.wrong:
        raise invalid(finder.wrong)
    return Gathered(view, place, weeks, given)
