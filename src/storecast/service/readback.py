"""A logged answer read back: its rows from readable texts or from a blob."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from storecast.errors import StorecastError
from storecast.ports import Entry
from storecast.service.problems import Problem
from storecast.stores.forecast_log.blobs import columns_of

__all__ = ["UNREADABLE", "Logged", "in_words", "logged_rows", "rows_of"]

Float = NDArray[np.float64]
_GIVEN = "given_"
UNREADABLE = (  # what damaged content raises
    StorecastError,
    Problem,
    msgspec.MsgspecError,
    zlib.error,
    struct.error,
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    AssertionError,
)


def in_words(error: BaseException) -> str:
    """What was wrong with content that could not be read."""
    return str(getattr(error, "what", None) or getattr(error, "title", None) or error)[:200]


@dataclass(frozen=True)
class Logged:
    """An answer as the log has it: series, weeks and numbers (R,) of each row, and what was given with it."""

    names: list[str]
    weeks: list[str]
    columns: dict[str, Float]
    given: dict[str, Float] = field(default_factory=dict)


def logged_rows(entry: Entry) -> Logged:
    """All rows of an entry; raises one of ``UNREADABLE`` where its content is damaged."""
    names: list[str] = []
    weeks: list[str] = []
    parts: dict[str, list[Float]] = {}
    for piece in _pieces(entry):
        names += piece.names
        weeks += piece.weeks
        for name, values in piece.columns.items():
            parts.setdefault(name, []).append(values)
    columns = {name: np.concatenate(values) for name, values in parts.items()}
    given = {n.removeprefix(_GIVEN): c for n, c in columns.items() if n.startswith(_GIVEN)}
    return _even(Logged(names, weeks, {n: c for n, c in columns.items() if not n.startswith(_GIVEN)}, given))


def rows_of(entry: Entry, first: int, count: int) -> list[dict[str, Any]]:
    """``count`` rows from the one with the number ``first``, counted from 0, a column each; what was given
    with a row has ``given_`` before its name. Raises as ``logged_rows`` does."""
    out: list[dict[str, Any]] = []
    at = 0
    for piece in _pieces(entry):
        here = slice(max(first - at, 0), max(first + count - at, 0))
        numbers = [values[here].tolist() for values in _even(piece).columns.values()]
        rows = zip(piece.names[here], piece.weeks[here], *numbers, strict=True)
        out += [dict(zip(("unique_id", "ds", *piece.columns), row, strict=True)) for row in rows]
        at += len(piece.names)
        if at >= first + count:
            break
    return out


def _pieces(entry: Entry) -> Iterator[Logged]:
    if entry.rows_blob is None:
        forecast: dict[str, Any] = msgspec.json.decode(entry.forecast)
        numbers = {**forecast, **msgspec.json.decode(entry.bands or "{}")}
        weeks = [str(week) for week in numbers.pop("ds")]
        yield _piece(numbers.pop("unique_id", [entry.series] * len(weeks)), weeks, numbers)
        return
    for piece in columns_of(entry.rows_blob):
        names, days = piece.pop("unique_id"), np.asarray(piece.pop("ds")).astype("datetime64[D]")
        yield _piece(names, [str(day) for day in days], piece)


def _piece(names: Iterable[Any], weeks: list[str], numbers: Mapping[str, Any]) -> Logged:
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in numbers.items()}
    return Logged([str(name) for name in names], weeks, columns)


def _even(rows: Logged) -> Logged:
    if {len(rows.names), len(rows.weeks)} | {len(c) for c in rows.columns.values()} != {len(rows.names)}:
        raise ValueError("columns of different lengths")
    return rows
