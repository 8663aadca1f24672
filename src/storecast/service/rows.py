"""Rows of the classic form, answered: looked up, or asked of the model where it reads what is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import repeat

import msgspec
import numpy as np
from msgspec import UNSET, Struct, UnsetType, defstruct
from numpy.typing import NDArray

from storecast.ports.records import Override
from storecast.service.champion import Champion, View, column_names
from storecast.service.classic import Gathered
from storecast.service.logged import as_blob
from storecast.service.series_rows import csv_cell

__all__ = [
    "VIEWS",
    "Answered",
    "answered",
    "blob_of",
    "csv_lines",
    "json_lines",
    "model_is_quick",
    "overridden",
    "read_by",
    "said_in",
    "unused",
]

Float = NDArray[np.float64]
VIEWS = ("series", "store")  # by the number of a row's view
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True)
class Answered:
    """Rows with their forecasts, each distinct one once: row r is ``cells[of[r]]``. ``view``, ``place`` and
    ``week`` (C,) of each cell; ``columns`` in the order of ``column_names``, (C,) dollars each; ``read``:
    whether the version has read inputs for them, so that they are not those of its table."""

    view: NDArray[np.int64]
    place: NDArray[np.int64]
    week: NDArray[np.int64]
    of: NDArray[np.int64]
    columns: list[Float]
    read: bool = False

    def part(self, rows: slice) -> Answered:
        """Some of the rows, with the cells that they need."""
        cells, of = np.unique(self.of[rows], return_inverse=True)
        columns = [column[cells] for column in self.columns]
        return Answered(self.view[cells], self.place[cells], self.week[cells], of, columns, self.read)


def read_by(champion: Champion, rows: Gathered) -> list[str]:
    """Inputs that are given and that the version reads."""
    model = champion.exogenous
    return [name for name in rows.given if model is not None and name in model.names]


def model_is_quick(champion: Champion, rows: Gathered) -> bool:
    """Whether the model answers a row in a microsecond: no row is a sum, and the trees are narrowed."""
    return champion.exogenous is not None and champion.exogenous.quick and not rows.view.any()


def answered(
    champion: Champion, rows: Gathered, levels: tuple[float, ...], columns: list[Float] | None = None
) -> Answered:
    """Look every row up; rows whose inputs the version reads are answered by the model, each by itself.

    ``columns``: of such rows what the model has said, where that is known.
    """
    h = len(champion.weeks)
    code = (rows.place.astype(np.int64) * h + rows.week) * 2 + rows.view
    model, read = champion.exogenous, read_by(champion, rows)
    if read:
        cells, of = code, np.arange(len(code))
    else:
        cells, of = np.unique(code, return_inverse=True)
    view, (place, week) = cells % 2, np.divmod(cells // 2, h)
    if columns is not None:
        return Answered(view, place, week, of, columns, bool(read))
    columns = [np.empty(len(cells)) for _ in range(1 + 2 * len(levels))]
    for number, by in ((0, "series"), (1, "store")):
        at = np.flatnonzero(view == number)
        if not at.size:
            continue
        values = champion.views[by].columns(place[at], week[at], levels)
        if read:
            assert model is not None
            given = {name: rows.given[name][at] for name in read}
            values = model.changed(champion.views[by], place[at], week[at], given, values)
        for column, part in zip(columns, values, strict=True):
            column[at] = part
    return Answered(view, place, week, of, columns, bool(read))


def _said(champion: Champion, found: Answered) -> dict[int, tuple[View, tuple[Override, ...]]]:
    """Cell -> its view, and the overrides that are in its number."""
    out: dict[int, tuple[View, tuple[Override, ...]]] = {}
    for number, by in enumerate(VIEWS):
        view = champion.views.get(by)
        if view is None or not view.said:
            continue
        here = np.flatnonzero((found.view == number) & np.isin(found.place, list(view.said)))
        for cell in here.tolist():
            if said := view.said[int(found.place[cell])].get(int(found.week[cell])):
                out[cell] = (view, said)
    return out


def overridden(champion: Champion, found: Answered, levels: tuple[float, ...]) -> Answered:
    """What planners said in place of what was ``found``."""
    said = _said(champion, found)
    if not said:
        return found
    columns = [column.copy() for column in found.columns]
    for cell, (view, _) in said.items():
        at, week = found.place[cell : cell + 1], found.week[cell : cell + 1]
        for column, part in zip(columns, view.columns(at, week, levels), strict=True):
            column[cell] = part[0]
    return replace(found, columns=columns)


def said_in(champion: Champion, found: Answered) -> list[Override]:
    """The overrides that are in these rows, each once."""
    return list({o.id: o for _, said in _said(champion, found).values() for o in said}.values())


def _flags(champion: Champion, found: Answered) -> dict[int, tuple[float, str]]:
    """Cell -> the model's own number, and the id of a series' override."""
    out = {}
    for cell, (view, said) in _said(champion, found).items():
        assert view.model is not None
        own = view.model.item(int(found.week[cell]), int(found.place[cell]))
        out[cell] = (own, said[0].id if view.by == "series" else "")
    return out


def _names(champion: Champion, found: Answered) -> tuple[list[str], list[str | UnsetType], list[str]]:
    """Store, department (none for a store) and week of each cell."""
    places, weeks = found.place.tolist(), [champion.weeks[w] for w in found.week.tolist()]
    if not champion.hierarchical:
        names = champion.views["series"].names
        return [names[p] for p in places], [UNSET] * len(places), weeks
    views, f, sums = found.view.tolist(), champion.forecaster, champion.views["store"].names
    stores, blocks = f.stores.tolist(), f.blocks.tolist()
    return (
        [sums[p] if v else stores[p] for v, p in zip(views, places, strict=True)],
        [UNSET if v else blocks[p] for v, p in zip(views, places, strict=True)],
        weeks,
    )


@lru_cache(maxsize=64)  # callers choose their levels
def _json_row(names: tuple[str, ...]) -> type[Struct]:
    """A row of JSON with so many columns, of these names."""
    columns = [f"c{i}" for i in range(len(names))]
    head = [("store", str), ("dept", str | UnsetType), ("date", str)]
    rename = dict(zip(columns, names, strict=True))
    return defstruct("Row", [*head, *((name, float) for name in columns)], rename=rename)


def json_lines(champion: Champion, found: Answered, levels: tuple[float, ...]) -> list[bytes]:
    """Each cell as a JSON object."""
    named = dict(zip(column_names(levels), found.columns, strict=True))
    row, numbers = _json_row(tuple(named)), (column.tolist() for column in named.values())
    lines = _ENCODER.encode_lines(list(map(row, *_names(champion, found), *numbers))).split(b"\n")
    del lines[-1]  # behind the last line's end
    for cell, (own, key) in _flags(champion, found).items():
        override = f',"override":"{key}"' if key else ""
        lines[cell] = lines[cell][:-1] + f',"storecast-model":{own!r}{override}}}'.encode()
    return lines


def _csv_head(store: str, dept: str | UnsetType, with_dept: bool) -> str:
    return csv_cell(store) + (f",{csv_cell(dept or '')}" if with_dept else "")


def csv_lines(
    champion: Champion, found: Answered, levels: tuple[float, ...], dept: bool, both: bool
) -> list[str]:
    """Each cell as a line of CSV without its end; ``dept``: with that column; ``both``: with the model's own
    number and the override's id."""
    stores, depts, weeks = _names(champion, found)
    heads = map(cache(_csv_head), stores, depts, repeat(dept))
    rows = list(zip(*(column.tolist() for column in found.columns), strict=True))
    texts = _ENCODER.encode(rows)[2:-2].decode().split("],[")
    if both:
        flags = _flags(champion, found)
        for cell, text in enumerate(texts):
            own, key = flags.get(cell, (text.partition(",")[0], ""))
            texts[cell] = f"{text},{own},{key}"
    return list(map(",".join, zip(heads, weeks, texts, strict=True)))


def blob_of(
    champion: Champion, found: Answered, rows: Gathered, levels: tuple[float, ...]
) -> tuple[str, bytes]:
    """The rows as the log keeps them, with what was given."""
    of = found.of
    series, sums = champion.views["series"].names, champion.view("store").names
    at = (found.place + len(series) * found.view)[of]
    columns = {n: c[of] for n, c in zip(column_names(levels), found.columns, strict=True)}
    columns |= {f"given_{name}": values for name, values in rows.given.items()}
    return as_blob([*series, *sums], at, champion.forecaster.weeks[found.week[of]], columns)


def unused(champion: Champion, rows: Gathered) -> list[str]:
    """Inputs that are given and that the version does not read."""
    read = read_by(champion, rows)
    return [name for name in rows.given if name not in read]
