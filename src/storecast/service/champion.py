"""The version that serves, arranged for look-ups: a row is found by name and week, a band is arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.hierarchy import cents
from storecast.forecasting.intervals import Bands
from storecast.forecasting.lineage import Table
from storecast.forecasting.state import from_state
from storecast.ports import ArtifactContent, ReleaseInfo
from storecast.ports.records import Override
from storecast.service.exogenous import Exogenous
from storecast.service.series_rows import SeriesRows, as_text

__all__ = ["BY", "Champion", "View", "check_levels", "column_names"]

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
Float = NDArray[np.float64]
Int = NDArray[np.int64]
BY = ("series", "store", "total")
_LASTING = ("cutoff", "exogenous", "by_department")  # made once for each content
_KEPT = 1024  # series whose rows are kept as text, for each version
_LOWEST, _HIGHEST, _MOST = 1.0, 99.8, 10
_NEAR, _COMPARED, _LEADING = 3, 200, 8  # names that are told, compared; characters by which they are chosen


def check_levels(levels: Iterable[float]) -> tuple[float, ...]:
    """Levels in percent, narrow first, each once; raises RequestError outside 1 to 99.8, or above ten."""
    out = tuple(sorted(set(levels)))
    wrong = [x for x in out if not _LOWEST <= x <= _HIGHEST]
    if wrong or len(out) > _MOST:
        raise RequestError(
            "A band of this level cannot be given." if wrong else "Too many levels are asked for.",
            where="levels",
            expected=f"at most {_MOST} levels between {_LOWEST:g} and {_HIGHEST:g} percent",
            found=f"{wrong[0]:g}" if wrong else str(len(out)),
            remedy="Ask for levels such as 80 and 95.",
        )
    return out


def _nearest(name: str, names: Sequence[str]) -> list[str]:
    """Up to three like ``name``, among those that begin as it does: to compare all takes too long."""
    some = names
    for end in range(min(len(name), _LEADING), 0, -1):
        alike = [known for known in names if known.startswith(name[:end])]
        if len(alike) >= _NEAR:
            some = alike
            break
    return get_close_matches(name, some[:_COMPARED], n=_NEAR)


def column_names(levels: Sequence[float]) -> list[str]:
    """Names of the forecast columns: the point, then the lower and upper limit of each level."""
    names = ["storecast"]
    for level in levels:
        names += [f"storecast-lo-{level:g}", f"storecast-hi-{level:g}"]
    return names


@dataclass(frozen=True)
class View:
    """One level of the hierarchy: ``names`` (S,), ``place`` of each, ``point`` and ``sigma`` (H, S).

    Where planners' overrides are in ``point``, ``model`` (H, S) is without them, and ``said``: place ->
    week -> the overrides of that number, which are of its series where it is a sum.
    """

    by: str
    names: list[str]
    place: dict[str, int]
    point: Float
    sigma: Float
    bands: Bands
    model: Float | None = None
    said: Mapping[int, Mapping[int, tuple[Override, ...]]] = field(default_factory=dict)

    def find(self, name: str, where: str = "series") -> int:
        """The column of ``name``; raises RequestError naming the nearest known ones."""
        if (at := self.place.get(name)) is not None:
            return at
        near = _nearest(name[:80], self.names[:5000]) or self.names[:3]
        kind = {"series": "series", "store": "store", "total": "total"}[self.by]
        raise RequestError(
            f"There is no {kind} {name[:80]!r}.",
            where=where,
            expected=f"one of {len(self.names)}, such as {', '.join(near)}",
            found=name[:80],
            remedy="See /v1/series for what this version forecasts.",
        )

    def columns(self, at: Int | slice, weeks: Int | slice, levels: Sequence[float]) -> list[Float]:
        """Dollars in the order of ``column_names``: (h, s) for slices, (r,) for places ``weeks`` and ``at``
        of one length. A band moves by the dollars that overrides move its point; no limit goes below the
        floor for that."""
        point, sigma = self.point[weeks, at], self.sigma[weeks, at]
        bands = replace(self.bands, floor=self.bands.floor[at])
        out = [point]
        if self.model is None:
            for level in levels:
                low, high = bands.limits(point, sigma, level)
                out += [cents(low), cents(high)]
            return out
        model = self.model[weeks, at]
        move, floor = point - model, np.minimum(bands.floor, point)
        for level in levels:
            low, high = bands.limits(model, sigma, level)
            out += [cents(np.maximum(low + move, floor)), cents(np.maximum(high + move, floor))]
        return out


@dataclass(frozen=True)
class Champion:
    """One published version, ready to answer. ``info`` says which it is; ``head`` is that as JSON;
    ``facts``: what was recorded with it (metrics, gate, calendar); ``table``: it beside its parent;
    ``signed_by``: id of a key, "" for nobody; ``plain``: the same without overrides, where it is answered
    with some."""

    info: ReleaseInfo
    forecaster: Forecaster
    views: dict[str, View]
    weeks: list[str]
    week_at: dict[str, int]
    head: bytes
    facts: Mapping[str, Any]
    table: Table
    signed_by: str = ""
    plain: Champion | None = None
    _rows: dict[tuple[str, int, tuple[float, ...]], SeriesRows] = field(default_factory=dict)
    _texts: dict[tuple[str, int, Hashable], Sequence[Any]] = field(default_factory=dict)

    @classmethod
    def from_content(cls, info: ReleaseInfo, content: ArtifactContent) -> Champion:
        """The version that ``content`` holds; raises what damaged content raises."""
        forecaster = from_state(content.arrays, content.texts, content.meta)
        views = {}
        for by, level in forecaster.levels.items():
            names = level.keys.tolist()
            place = {name: i for i, name in enumerate(names)}
            views[by] = View(by, names, place, forecaster.points(by), level.sigma, level.bands)
        weeks = [str(week) for week in forecaster.weeks.astype("datetime64[D]")]
        return cls(
            info,
            forecaster,
            views,
            weeks,
            {w: i for i, w in enumerate(weeks)},
            _head(info),
            content.meta,
            Table.of(info.version, info.digest, content.arrays, content.meta),
            content.signed_by,
        )

    def as_published(self, info: ReleaseInfo) -> Champion:
        """The same content under another publication of it."""
        return self._with_lasting(replace(self, info=info, head=_head(info)))

    def overridden(self, views: dict[str, View]) -> Champion:
        """The same with planners' overrides in its ``views``; texts of all other series stay kept."""
        # of copies: others are answered meanwhile
        rows = {k: rows for k, rows in self._rows.copy().items() if k[1] not in views[k[0]].said}
        texts = {k: texts for k, texts in self._texts.copy().items() if k[1] not in views[k[0]].said}
        return self._with_lasting(replace(self, views=views, plain=self, _rows=rows, _texts=texts))

    def _with_lasting(self, made: Champion) -> Champion:
        for name in _LASTING:
            if name in vars(self):
                vars(made)[name] = vars(self)[name]
        return made

    @cached_property
    def cutoff(self) -> str:
        """The last week that the version has seen."""
        return str(self.forecaster.cutoff)

    @cached_property
    def exogenous(self) -> Exogenous | None:
        """How this version's forecasts change with given inputs; None where it reads none."""
        return Exogenous.of(self.forecaster, self.facts)

    @cached_property
    def by_department(self) -> dict[tuple[str, str], int]:
        """Places of the series by store and department."""
        f = self.forecaster
        pairs = zip(f.stores.tolist(), f.blocks.tolist(), strict=True)
        return {pair: i for i, pair in enumerate(pairs)}

    @property
    def hierarchical(self) -> bool:
        """Whether stores have departments, so that a store is a sum of series."""
        return "store" in self.views

    def view(self, by: str) -> View:
        """A level of the hierarchy; raises RequestError where this version does not have it."""
        if by in self.views:
            return self.views[by]
        if by == "store":  # every series is its own store
            return self.views["series"]
        raise RequestError(
            f"This version has no level {by!r}.",
            where="by",
            expected=" or ".join(self.views),
            found=by[:80],
            remedy="Choose one of the levels it has.",
        )

    def week(self, date: str, where: str = "dates") -> int:
        """The place of a week; raises RequestError where it was not forecast."""
        if (at := self.week_at.get(date)) is not None:
            return at
        raise RequestError(
            "A week is asked for that this version does not forecast.",
            where=where,
            expected=f"a week from {self.weeks[0]} to {self.weeks[-1]}, every 7 days, as YYYY-MM-DD",
            found=date[:80],
            remedy=self.nearest(date),
        )

    def nearest(self, date: str) -> str:
        """What to ask for instead of a day that is no week of ours."""
        try:
            day = np.datetime64(date, "D")
        except ValueError:
            return "Write dates as YYYY-MM-DD."
        ahead = int((day - self.forecaster.cutoff).astype(np.int64)) if not np.isnat(day) else 0
        if 0 < ahead <= 7 * len(self.weeks):
            return f"The week that ends on {self.weeks[-(-ahead // 7) - 1]} holds that day: ask for it."
        return "Ask for one of these weeks, or train on newer data."

    def rows(self, by: str, at: int, levels: tuple[float, ...]) -> SeriesRows:
        """All weeks of one series of the view ``by``, kept for the next time."""
        key = (by, at, levels)
        if (found := self._rows.get(key)) is not None:
            return found
        view = self.views[by]
        columns = [
            c.tolist() for c in view.columns(np.full(len(self.weeks), at), np.arange(len(self.weeks)), levels)
        ]
        flags = {week: _flag(view, week, at) for week in view.said.get(at, ())}
        made = as_text(view.names[at], self.weeks, columns, column_names(levels), flags)
        _keep(self._rows, key, made)
        return made

    def texts(
        self, by: str, at: int, form: Hashable, write: Callable[[], Sequence[T]] | None
    ) -> Sequence[T] | None:
        """All weeks of one series in another form of text, kept for the next time; ``write`` makes them where
        they are not, without it they are None then."""
        key = (by, at, form)
        found: Sequence[T] | None = self._texts.get(key)
        if found is None and write is not None:
            found = write()
            _keep(self._texts, key, found)
        return found


def _keep(kept: dict[K, V], key: K, made: V) -> None:
    if len(kept) >= _KEPT:
        kept.pop(next(iter(kept)), None)
    kept[key] = made


def _head(info: ReleaseInfo) -> bytes:
    named = {"name": info.name, "version": info.version, "digest": info.digest, "model": info.model}
    return msgspec.json.encode(named)


def _flag(view: View, week: int, at: int) -> str:
    """What a row says of its overrides: the model's own number, and the id of a series' override."""
    assert view.model is not None
    ids = f',"override":"{view.said[at][week][0].id}"' if view.by == "series" else ""
    return f',"storecast-model":{view.model.item(week, at)!r}{ids}'
