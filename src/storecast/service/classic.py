"""Rows as the classic form has them: a store, perhaps a department, a week, and what is known of it.

From JSON or from CSV piece by piece, every row becomes three numbers (level, place, week) and, where given,
its exogenous values. All rows are checked before any is answered.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from storecast.service.champion import Champion, View
from storecast.service.problems import Problem, Wrong, invalid
from storecast.service.schemas import ClassicRow

__all__ = ["EXOGENOUS", "GIVEN", "LARGEST", "CsvRows", "Gathered", "gather"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
EXOGENOUS = ("temperature", "fuel_price", "cpi", "unemployment")
GIVEN = ("holiday_flag", *EXOGENOUS)
_ALIASES = {"isholiday": "holiday_flag", "is_holiday": "holiday_flag", "department": "dept"}
_IGNORED = ("weekly_sales",)  # what is asked for may stand in the file
_COLUMNS = ("store", "dept", "date", *GIVEN, *_IGNORED)
_NOT_GIVEN = ("", "NA", "NULL", "null")
_FLAGS = {"0": 0.0, "1": 1.0, "true": 1.0, "false": 0.0}
_DAY_FIRST = re.compile(r"(\d{2})-(\d{2})-(\d{4})\Z", re.ASCII)
LARGEST = 1e9  # of any input, as a number; beyond is a slip
_LONGEST_LINE = 64 * 1024
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
class _Finder:
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
            return (int(view.by == "store"), at) if at is not None else self._unknown("store", store, view.names)
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
        return f"{what}: there is no {what} {name[:40]!r}; known are {', '.join(names[:3])} and {len(names)} in all"

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

    def places(self, stores: Sequence[str], depts: Sequence[str], first: int) -> list[tuple[int, int]]:
        """(view, place) of each row; what is wrong is noted under rows counted from ``first``."""
        found = list(map(self.place, stores, depts))
        for i, item in enumerate(found):
            if isinstance(item, str):
                self.note(first + i, item)
                found[i] = (0, 0)
        return found  # type: ignore[return-value]

    def weeks(self, dates: Sequence[str], first: int) -> list[int]:
        """The week of each row, likewise."""
        found = list(map(self.week, dates))
        for i, item in enumerate(found):
            if isinstance(item, str):
                self.note(first + i, item)
                found[i] = 0
        return found  # type: ignore[return-value]


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def gather(champion: Champion, rows: Sequence[ClassicRow]) -> Gathered:
    """Rows of a JSON body; raises a 422 problem that names what is wrong and in which row."""
    finder = _Finder(champion)
    stores = [str(r.store) for r in rows]
    depts = ["" if r.dept is None else str(r.dept) for r in rows]
    found = finder.places(stores, depts, 0)
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
    view, place = zip(*found, strict=True)
    return Gathered(np.array(view, np.int8), np.array(place, np.int32), np.array(weeks, np.int16), given)


class CsvRows:
    """Rows of a CSV body, fed piece by piece: memory grows by the numbers of a row, not by its text.

    UTF-8, comma, semicolon or tab between cells, a header with store and date, any of dept, holiday_flag,
    temperature, fuel_price, cpi, unemployment; ``most`` rows at most.
    """

    def __init__(self, champion: Champion, most: int) -> None:
        self._finder, self._most = _Finder(champion), most
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._rest = ""
        self._columns: list[str] | None = None
        self._delimiter = ","
        self._chunks: list[tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.int16], dict[str, Float]]] = []
        self._rows = 0

    def feed(self, piece: bytes, *, final: bool = False) -> None:
        """Take the next bytes; raises a 4xx problem on what is no such CSV."""
        if b"\0" in piece:
            raise _not_utf8("NUL bytes, as in UTF-16 or a binary file")
        try:
            text = self._rest + self._decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            raise _not_utf8(f"byte {error.object[error.start]:#04x}") from error
        if final:
            lines, self._rest = text, ""
        else:
            cut = text.rfind("\n") + 1
            lines, self._rest = text[:cut], text[cut:]
            if len(self._rest) > _LONGEST_LINE:
                raise invalid([Wrong("body", "a line is longer than 65,536 characters", self._rows + 1)])
        if lines:
            self._take(lines)

    def close(self) -> Gathered:
        """All rows; raises the problem that names what is wrong with them."""
        self.feed(b"", final=True)
        if self._finder.wrong:
            raise invalid(self._finder.wrong)
        if not self._rows:
            raise invalid([Wrong("body", "there are no rows")])
        view, place, week = (np.concatenate([c[i] for c in self._chunks]) for i in range(3))
        names = sorted({name for c in self._chunks for name in c[3]}, key=GIVEN.index)
        given = {}
        for name in names:
            parts = [c[3].get(name, np.full(len(c[1]), np.nan)) for c in self._chunks]
            given[name] = np.concatenate(parts)
        self._chunks.clear()
        return Gathered(view, place, week, given)

    def _take(self, lines: str) -> None:
        reader = csv.reader(lines.splitlines(), delimiter=self._delimiter, strict=True)
        try:
            if self._columns is None:
                start = next((line for line in lines.splitlines() if line.strip()), "")
                if not start:
                    return
                self._delimiter = max(",;\t", key=start.count)
                reader = csv.reader(lines.lstrip("\ufeff\r\n").splitlines(), delimiter=self._delimiter, strict=True)
                self._columns = _header(next(reader))
            rows = [row for row in reader if row]
        except csv.Error as error:
            raise invalid([Wrong("body", f"not CSV: {error}", self._rows + 1)]) from error
        if rows:
            self._gather(rows)

    def _gather(self, rows: list[list[str]]) -> None:
        assert self._columns is not None
        first, size = self._rows, len(self._columns)
        for i, row in enumerate(rows):
            if len(row) != size:
                raise invalid([Wrong(f"rows[{first + i}]", f"{len(row)} cells under {size} columns", first + i + 1)])
        self._rows += len(rows)
        if self._rows > self._most:
            raise Problem(
                413,
                "too-many-rows",
                "Too many rows",
                f"At most {self._most:,} rows are answered at one time.",
                "Split the file.",
            )
        cells = dict(zip(self._columns, zip(*rows, strict=True), strict=True))
        stores = [s.strip() for s in cells["store"]]
        depts = [d.strip() for d in cells["dept"]] if "dept" in cells else [""] * len(rows)
        found = self._finder.places(stores, depts, first)
        weeks = self._finder.weeks([d.strip() for d in cells["date"]], first)
        given = {}
        for name in GIVEN:
            if name in cells:
                read = self._flags if name == "holiday_flag" else self._numbers
                values = read(name, cells[name], first)
                if np.isfinite(values).any():
                    given[name] = values
        view, place = zip(*found, strict=True)
        self._chunks.append(
            (np.array(view, np.int8), np.array(place, np.int32), np.array(weeks, np.int16), given)
        )

    def _numbers(self, name: str, cells: Sequence[str], first: int) -> Float:
        if "_" not in "".join(cells):  # which float() takes for a separator
            try:
                out = np.array(list(map(float, cells)))
            except ValueError:
                pass
            else:
                if np.isfinite(out).all() and (np.abs(out) <= LARGEST).all():
                    return out
        return self._each(name, cells, first, _float)

    def _flags(self, name: str, cells: Sequence[str], first: int) -> Float:
        return self._each(name, cells, first, lambda text: _FLAGS[text.lower()])

    def _each(self, name: str, cells: Sequence[str], first: int, read: Callable[[str], float]) -> Float:
        out = np.full(len(cells), np.nan)
        for i, cell in enumerate(cells):
            text = cell.strip()
            if text in _NOT_GIVEN:
                continue
            try:
                out[i] = read(text)
            except (ValueError, KeyError):
                self._finder.note(first + i, f"{name}: {text[:40]!r} is no value of it")
        return out


def _float(text: str) -> float:
    value = float(text)
    if "_" in text or not abs(value) <= LARGEST:
        raise ValueError(text)
    return value


def _header(cells: Sequence[str]) -> list[str]:
    names = [re.sub(r"[\s-]+", "_", c.strip().lower()) for c in cells]
    names = [_ALIASES.get(n, n) for n in names]
    wrong = [Wrong("header", f"unknown column {c.strip()[:40]!r}") for c, n in zip(cells, names, strict=True) if n not in _COLUMNS]
    wrong += [Wrong("header", f"column {n} is there twice") for n in set(names) if names.count(n) > 1]
    wrong += [Wrong("header", f"there is no column {n}") for n in ("store", "date") if n not in names]
    if wrong:
        raise Problem(
            422,
            "invalid-header",
            "The header does not name the columns of these rows",
            f"Found {', '.join(names)[:200]}.",
            "Name store and date, and any of dept, holiday_flag, temperature, fuel_price, cpi, unemployment.",
            tuple(wrong[:20]),
        )
    return names


def _not_utf8(found: str) -> Problem:
    return Problem(
        400, "not-utf-8", "The body is not text in UTF-8", f"Found {found}.", "Save the file as CSV UTF-8."
    )
