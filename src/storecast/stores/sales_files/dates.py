"""Dates in any usual spelling, with every reading they allow; which one holds is decided in ``quality``."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storecast.forecasting.quality import UNKNOWN, DateReadings, refuse
from storecast.stores.sales_files.numbers import NULLS, as_text

__all__ = ["parse_dates", "parse_parts"]

_MOST = 50_000  # different dates; more are moments in time, not weeks
_YEARS = range(1950, 2150)
_EPOCH = date(1970, 1, 1).toordinal()
_EXCEL = date(1899, 12, 30)  # day 0 of a spreadsheet's count
_MONTHS = {
    name: month
    for month, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], start=1
    )
} | {
    "mär": 3,
    "mrz": 3,
    "mai": 5,
    "okt": 10,
    "dez": 12,
    "ene": 1,
    "abr": 4,
    "ago": 8,
    "dic": 12,
    "fév": 2,
    "avr": 4,
    "août": 8,
    "déc": 12,
}
_CLOCK = re.compile(r"[T\s]+(\d{1,2}):(\d\d)(:\d\d(\.\d+)?)?\s*([AaPp][Mm])?\s*(Z|UTC|[+-]\d\d:?\d\d)?$")
_YEAR_FIRST = re.compile(r"^(\d{4})[-/. ]?\s*(\d{1,2})[-/. ]?\s*(\d{1,2})$")
_COMPACT = re.compile(r"^(\d{4})(\d\d)(\d\d)$")
_YEAR_LAST = re.compile(r"^(\d{1,2})\s*[-/. ]\s*(\d{1,2})\s*[-/. ]\s*(\d{4}|\d{2})$")
_NAMED = re.compile(
    r"^(?:[^\W\d]+\.?,?\s+)?(?:(\d{1,2})(?:st|nd|rd|th|\.)?[-/. ]+([^\W\d_]{3,})\.?|([^\W\d_]{3,})\.?[-/. ]+"
    r"(\d{1,2})(?:st|nd|rd|th)?),?[-/. ]+(\d{4}|\d{2})$"
)
_SERIAL = re.compile(r"^(\d{5})(\.0+)?$")

Readings = tuple[int, int, int, bool]  # day first, month first, swapped, fixed order
_NONE: Readings = (UNKNOWN, UNKNOWN, UNKNOWN, True)


def _day(year: int, month: int, day: int) -> int:
    """Days since 1970, or ``UNKNOWN`` where there is no such day."""
    if year < 100:
        year += 2000 if year < 70 else 1900
    if year not in _YEARS:
        return UNKNOWN
    try:
        return date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return UNKNOWN  # 31 February: no reading is an answer here, not an error


def _fixed(year: int, month: int, day: int) -> Readings:
    plain = _day(year, month, day)
    return plain, plain, _day(year, day, month), True


def _read(text: str) -> Readings:
    """All readings of one spelling."""
    text = _CLOCK.sub("", text)
    if match := _COMPACT.match(text) or _YEAR_FIRST.match(text):
        year, month, day = (int(g) for g in match.groups())
        return _fixed(year, month, day)
    if match := _YEAR_LAST.match(text):
        first, second, year = (int(g) for g in match.groups())
        return _day(year, second, first), _day(year, first, second), UNKNOWN, False
    if match := _NAMED.match(text):
        name = (match[2] or match[3]).casefold()
        month = _MONTHS.get(name[:4]) or _MONTHS.get(name[:3]) or 0
        return _fixed(int(match[5]), month, int(match[1] or match[4]))
    if match := _SERIAL.match(text):
        found = _EXCEL + timedelta(days=int(match[1]))
        return _fixed(found.year, found.month, found.day)
    return _NONE


def _form(text: str) -> str:
    """The pattern of a spelling: digits and letters of any number alike."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", text))


def _readings(codes: np.ndarray[Any, np.dtype[np.int64]], texts: list[str]) -> DateReadings:
    read = [_read(text) for text in texts]
    day, month, swapped = (np.array([r[k] for r in read], dtype=np.int64) for k in range(3))
    forms: dict[str, int] = {}
    form = np.array([forms.setdefault(_form(text), len(forms)) for text in texts], dtype=np.int64)
    return DateReadings(
        codes,
        tuple(texts),
        day,
        month,
        swapped,
        np.array([r[3] for r in read], dtype=bool),
        form,
        np.array([text.casefold() in NULLS for text in texts], dtype=bool),
    )


def _typed(column: Any) -> Any:
    """Date and time cells as text, the clock left out where it is midnight."""
    if pa.types.is_date(column.type):
        return pc.cast(column, pa.string())
    text = pc.strftime(
        pc.cast(column, pa.timestamp("s", column.type.tz), safe=False), format="%Y-%m-%d %H:%M:%S"
    )
    return pc.replace_substring_regex(text, r" 00:00:00$", "")


def _check_clock(file: str, column: str, texts: list[str]) -> None:
    clocks = {match.group().strip() for text in texts if (match := _CLOCK.search(text))}
    if len(clocks) > 2 or len(texts) > _MOST:
        raise refuse(
            "moments",
            f"Column {column} holds moments in time, not weeks: these look like transactions.",
            "sum the sales to one row a series and week and try again",
            file=file,
            column=column,
            expected="one date a week",
            found=f"{len(texts):,} different times such as {texts[0]}",
        )


def parse_dates(file: str, name: str, column: Any) -> DateReadings:
    """The readings of a date column; refused where it holds clock times."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        column = _typed(column)
    coded = pc.dictionary_encode(as_text(column))
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    texts = [str(text) for text in coded.dictionary.to_pylist()]
    _check_clock(file, name, texts)
    return _readings(coded.indices.to_numpy(zero_copy_only=False).astype(np.int64), texts)


def parse_parts(file: str, name: str, year: Any, month: Any, day: Any) -> DateReadings:
    """The readings of dates written in three columns."""
    parts = [pc.replace_substring_regex(as_text(part), r"\.0+$", "") for part in (year, month, day)]
    joined = pc.binary_join_element_wise(*parts, "-")
    joined = pc.if_else(pc.equal(joined, "--"), "", joined)
    # A month by name reads as day-month-year.
    named = pc.match_substring_regex(joined, r"^\d+-[^\d]+-\d+$")
    other = pc.binary_join_element_wise(parts[2], parts[1], parts[0], "-")
    return parse_dates(file, name, pc.if_else(named, other, joined))
