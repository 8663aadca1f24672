"""The panel: its columns, its frame form and its weeks x series matrix form.

Long form (a pandas frame, one row a series and week):

===============  ================  ==========================================================
column           dtype             meaning
===============  ================  ==========================================================
``unique_id``    str               series key: ``STORE`` or ``STORE_DEPT``
``ds``           datetime64[ns]    the week's anchor date, as in the file (any weekday)
``y``            float64           sales of that week, in the panel's unit; never NaN here
``store``        str, optional     parent in the hierarchy; absent in a flat panel
``dept``         str, optional     the block the series belongs to; absent in a panel of stores
``type``         str, optional     static: store type
``size``         float64, opt.     static: store size
``is_holiday``   bool, optional    the file's own holiday flag (weights, checks)
others           float64, opt.     observed exogenous: ``temperature``, ``fuel_price``, ``cpi``,
                                   ``unemployment``, ``markdown1`` .. ``markdown5``; NaN = unknown
===============  ================  ==========================================================

A missing row is a missing week: it is NaN in the matrix and never zero.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast.forecasting.attributes import texts_of

__all__ = [
    "DEPT",
    "DS",
    "IS_HOLIDAY",
    "OBSERVED",
    "STATIC",
    "STORE",
    "UNIQUE_ID",
    "Panel",
    "Y",
    "forecast_frame",
    "known_ahead",
    "known_columns",
    "natural_order",
]

UNIQUE_ID, DS, Y, STORE, DEPT = "unique_id", "ds", "y", "store", "dept"
IS_HOLIDAY = "is_holiday"
STATIC = ("type", "size")
OBSERVED = ("temperature", "fuel_price", "cpi", "unemployment", *(f"markdown{i}" for i in range(1, 6)))

Float = NDArray[np.float64]
Days = NDArray[np.datetime64]


@dataclass(frozen=True)
class Panel:
    """All histories as one weeks x series matrix.

    ``weeks`` (T,) datetime64[D], consecutive, seven days apart; ``keys`` (N,) str; ``values`` (T, N)
    sales, NaN = missing; ``stores`` (N,) and ``blocks`` (N,) str: parent store and block of each
    series (block: its department, or "" for one block of all); ``static`` name -> (N,);
    ``observed`` name -> (T, N), NaN = unknown. ``flagged`` (T,) the file's own holiday weeks, None without.
    """

    weeks: Days
    keys: NDArray[np.str_]
    values: Float
    stores: NDArray[np.str_]
    blocks: NDArray[np.str_]
    static: dict[str, NDArray[np.generic]] = field(default_factory=dict)
    observed: dict[str, Float] = field(default_factory=dict)
    flagged: NDArray[np.bool_] | None = None

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Panel:
        """Pivot a long frame (columns above) to matrices; the frame must have passed ``quality``."""
        column, names = pd.factorize(frame[UNIQUE_ID], sort=True)
        keys = np.asarray(names, dtype=str)
        ds = frame[DS].to_numpy(dtype="datetime64[D]")
        weeks = np.arange(ds.min(), ds.max() + np.timedelta64(1, "D"), np.timedelta64(7, "D"))
        row = ((ds - ds.min()).astype(np.int64)) // 7
        first = np.full(len(keys), -1, dtype=np.int64)
        first[column[::-1]] = np.arange(len(frame))[::-1]

        def matrix(name: str) -> Float:
            out = np.full((len(weeks), len(keys)), np.nan)
            out[row, column] = frame[name].to_numpy(dtype=np.float64)
            return out

        def label(name: str) -> NDArray[np.str_]:
            if name not in frame:
                return np.full(len(keys), "", dtype=str) if name == DEPT else keys.astype(str)
            return frame[name].take(first).to_numpy(dtype=str)

        return cls(
            weeks=weeks,
            keys=keys,
            values=matrix(Y),
            stores=label(STORE),
            blocks=label(DEPT),
            static={n: frame[n].take(first).to_numpy() for n in STATIC if n in frame},
            observed={n: matrix(n) for n in OBSERVED if n in frame},
            flagged=_flagged(frame, row, len(weeks)) if IS_HOLIDAY in frame else None,
        )

    @property
    def hierarchical(self) -> bool:
        """Whether several series share a store, so that sums by store are a level of their own."""
        return len(np.unique(self.stores)) < len(self.keys)

    def up_to(self, cutoff: np.datetime64) -> Panel:
        """The panel as it was known at ``cutoff`` (its week included), without series that begin later."""
        n = int(np.searchsorted(self.weeks, cutoff, side="right"))
        known = replace(
            self,
            weeks=self.weeks[:n],
            values=self.values[:n],
            observed={k: v[:n] for k, v in self.observed.items()},
            flagged=None if self.flagged is None else self.flagged[:n],
        )
        return known.of(np.asarray(np.isfinite(known.values).any(axis=0), dtype=bool))

    def of(self, series: NDArray[np.bool_]) -> Panel:
        """The panel of some ``series`` (N,) alone."""
        return replace(
            self,
            keys=self.keys[series],
            values=self.values[:, series],
            stores=self.stores[series],
            blocks=self.blocks[series],
            static={k: v[series] for k, v in self.static.items()},
            observed={k: v[:, series] for k, v in self.observed.items()},
        )

    def texts(self, name: str) -> NDArray[np.str_]:
        """(N,) a static attribute as text, "" where absent."""
        values = self.static.get(name)
        return np.full(len(self.keys), "") if values is None else texts_of(values)

    def categories(self, name: str) -> list[str]:
        """The texts that a static attribute has, in order: what ``code`` counts by."""
        return [text for text in np.unique(self.texts(name)).tolist() if text]

    def code(self, name: str, categories: Sequence[str] | None = None) -> Float:
        """(N,) a static attribute as numbers: text by its place among the sorted ``categories`` (without, the
        panel's own), NaN where absent or not among them."""
        values = self.static.get(name)
        if values is not None and np.issubdtype(values.dtype, np.number):
            return values.astype(np.float64)
        known = self.categories(name) if categories is None else categories
        place = {text: float(i) for i, text in enumerate(known) if text}
        return np.array([place.get(text, np.nan) for text in self.texts(name).tolist()])


def _flagged(frame: pd.DataFrame, row: NDArray[np.int64], weeks: int) -> NDArray[np.bool_]:
    out = np.zeros(weeks, dtype=bool)
    out[row[frame[IS_HOLIDAY].to_numpy(dtype=bool)]] = True
    return out


def known_ahead(panel: Panel, future: pd.DataFrame, horizon: int) -> dict[str, Float]:
    """Name -> (H, N) exogenous values of the weeks ahead that ``future`` gives (``unique_id, ds`` and columns
    of OBSERVED), NaN elsewhere; names without any are left out."""
    out: dict[str, Float] = {}
    if future.empty:
        return out
    keys = future[UNIQUE_ID].to_numpy(dtype=str)
    column = np.searchsorted(panel.keys, keys).clip(max=len(panel.keys) - 1)
    days = (future[DS].to_numpy(dtype="datetime64[D]") - panel.weeks[-1]).astype(np.int64)
    use = (panel.keys[column] == keys) & (days > 0) & (days <= 7 * horizon) & (days % 7 == 0)
    for name in OBSERVED:
        if name in future and name in panel.observed and future[name].notna().any():
            out[name] = np.full((horizon, len(panel.keys)), np.nan)
            out[name][days[use] // 7 - 1, column[use]] = future[name].to_numpy(dtype=np.float64)[use]
    return out


def natural_order(keys: NDArray[np.str_]) -> NDArray[np.int64]:
    """Indices that sort keys as people do: ``2`` before ``10``, ``1_9`` before ``1_10``."""
    parts = [
        [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in re.split(r"(\d+)", k) if p] for k in keys
    ]
    return np.array(sorted(range(len(keys)), key=parts.__getitem__), dtype=np.int64)


def known_columns(levels: tuple[float, ...]) -> list[str]:
    """Names of the forecast columns: the point, then lower and upper limit of each level, narrow first."""
    names = ["storecast"]
    for level in sorted(levels):
        names += [f"storecast-lo-{level:g}", f"storecast-hi-{level:g}"]
    return names


def forecast_frame(keys: NDArray[np.str_], weeks: Days, columns: dict[str, Float]) -> pd.DataFrame:
    """Long frame ``unique_id, ds, ...`` of (H, N) matrices, series by series, week by week."""
    names = pd.array(keys, dtype="str").repeat(len(weeks))  # each key made a pandas string once
    out = {UNIQUE_ID: names, DS: np.tile(weeks.astype("datetime64[ns]"), len(keys))}
    return pd.DataFrame({**out, **{name: values.T.ravel() for name, values in columns.items()}})
