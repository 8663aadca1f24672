"""Rows of the classic form as CSV, read piece by piece."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from storecast.service.champion import Champion
from storecast.service.classic import GIVEN, LARGEST, Finder, Gathered
from storecast.service.problems import Problem, Wrong, invalid

__all__ = ["CsvRows"]

Float = NDArray[np.float64]
_Piece = tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.int16], dict[str, Float]]
_ALIASES = {"isholiday": "holiday_flag", "is_holiday": "holiday_flag", "department": "dept"}
_IGNORED = ("weekly_sales",)  # what is asked for may stand in the file
_COLUMNS = ("store", "dept", "date", *GIVEN, *_IGNORED)
_NOT_GIVEN = ("", "NA", "NULL", "null")
_FLAGS = {"0": 0.0, "1": 1.0, "true": 1.0, "false": 0.0}
_LONGEST_LINE = 64 * 1024
_NUMBERS = msgspec.json.Decoder(list[float])


def _float(text: str) -> float:
    value = float(text)
    if "_" in text or not abs(value) <= LARGEST:
        raise ValueError(text)
    return value


def _header(cells: Sequence[str]) -> list[str]:
    names = [re.sub(r"[\s-]+", "_", c.strip().lower()) for c in cells]
    names = [_ALIASES.get(n, n) for n in names]
    wrong = [
        Wrong("header", f"unknown column {c.strip()[:40]!r}")
        for c, n in zip(cells, names, strict=True)
        if n not in _COLUMNS
    ]
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


def _plain(lines: Sequence[str], delimiter: str, size: int) -> list[Sequence[str]] | None:
    """The cells by column of lines without quotes, which are cut in one go; None where a line is blank or
    does not have ``size`` cells."""
    if not lines:
        return []
    cells = f"{delimiter}\n{delimiter}".join((*lines, "")).split(delimiter)
    # Behind the cells of each line comes the end of the line: nowhere else, as a line holds none.
    ends = cells[size :: size + 1]
    if len(cells) != len(lines) * (size + 1) + 1 or ends.count("\n") != len(lines):
        return None
    return [cells[i : -1 : size + 1] for i in range(size)]


class CsvRows:
    """Rows of a CSV body, fed piece by piece: memory grows by the numbers of a row, not by its text.

    UTF-8, comma, semicolon or tab between cells, a header with store and date, any of dept, holiday_flag,
    temperature, fuel_price, cpi, unemployment; ``most`` rows at most.
    """

    def __init__(self, champion: Champion, most: int) -> None:
        self._finder, self._most = Finder(champion), most
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._rest = ""
        self._columns: list[str] | None = None
        self._delimiter = ","
        self._chunks: list[_Piece] = []
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
        if self._columns is None:
            lines = lines.lstrip("\ufeff\r\n")
        split = lines.splitlines()
        if self._columns is None:
            start = next((line for line in split if line.strip()), "")
            if not start:
                return
            self._delimiter = max(",;\t", key=start.count)
        reader = csv.reader(split, delimiter=self._delimiter, strict=True)
        try:
            if self._columns is None:
                self._columns = _header(next(reader))
            cells = None
            if '"' not in lines:
                cells = _plain(split[reader.line_num :], self._delimiter, len(self._columns))
            if cells is None:
                cells = self._columns_of([row for row in reader if row])
        except csv.Error as error:
            raise invalid([Wrong("body", f"not CSV: {error}", self._rows + 1)]) from error
        if cells:
            self._gather(dict(zip(self._columns, cells, strict=True)))

    def _columns_of(self, rows: list[list[str]]) -> list[Sequence[str]]:
        """The cells by column, none without a row."""
        assert self._columns is not None
        first, size = self._rows, len(self._columns)
        if not set(map(len, rows)) <= {size}:
            i, cut = next((i, row) for i, row in enumerate(rows, first) if len(row) != size)
            raise invalid([Wrong(f"rows[{i}]", f"{len(cut)} cells under {size} columns", i + 1)])
        return list(zip(*rows, strict=True))

    def _gather(self, cells: Mapping[str, Sequence[str]]) -> None:
        first, size = self._rows, len(cells["store"])
        self._rows += size
        if self._rows > self._most:
            raise Problem(
                413,
                "too-many-rows",
                "Too many rows",
                f"At most {self._most:,} rows are answered at one time.",
                "Split the file.",
            )
        view, place = self._finder.places(cells["store"], cells.get("dept"), first, str.strip)
        weeks = self._finder.weeks(cells["date"], first, str.strip)
        given = {}
        for name in GIVEN:
            if name in cells:
                read = self._flags if name == "holiday_flag" else self._numbers
                values = read(name, cells[name], first)
                if np.isfinite(values).any():
                    given[name] = values
        self._chunks.append((view, place, weeks, given))

    def _numbers(self, name: str, cells: Sequence[str], first: int) -> Float:
        try:
            out = np.array(_NUMBERS.decode(f"[{','.join(cells)}]"))
        except msgspec.DecodeError:  # empty cells, or numbers that JSON writes otherwise, or none at all
            return self._each(name, cells, first, _float)
        if len(out) == len(cells) and (np.abs(out) <= LARGEST).all():
            return out
        return self._each(name, cells, first, _float)

    def _flags(self, name: str, cells: Sequence[str], first: int) -> Float:
        known = {cell: _FLAGS.get(cell.strip().lower()) for cell in set(cells)}
        if None not in known.values():
            return np.array(list(map(known.__getitem__, cells)), dtype=np.float64)
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
