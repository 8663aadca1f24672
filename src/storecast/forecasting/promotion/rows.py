"""The rows that the gate judges, as arrays, and the names of their segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from storecast.errors import RequestError

__all__ = ["BacktestArrays", "check_rows", "segment_labels"]

Float = NDArray[np.float64]
Text = NDArray[np.str_]
_SALES_CLASSES = (("first 80 %", 0.8), ("next 15 %", 0.95), ("last 5 %", 1.0))


@dataclass(frozen=True)
class BacktestArrays:
    """Back-test rows as arrays of one length R, every value finite.

    ``y``, ``candidate``, ``naives`` name -> forecasts: dollars; ``weight`` of the row in wmae; ``week``,
    ``cutoff`` dates and ``h`` weeks ahead; ``segments`` kind -> the segment's name as it is to be shown
    ("type A"), "" for rows of none (see ``segment_labels``).
    """

    y: Float
    weight: Float
    candidate: Float
    naives: Mapping[str, Float]
    week: NDArray[np.datetime64]
    cutoff: NDArray[np.datetime64]
    h: NDArray[np.int64]
    segments: Mapping[str, Text] = field(default_factory=dict)


def check_rows(rows: BacktestArrays) -> None:
    """Raises RequestError for rows that are empty, unweighted or hold a value that is not finite."""
    values = {"y": rows.y, "weight": rows.weight, "candidate": rows.candidate, **rows.naives}
    wrong = [name for name, array in values.items() if not np.isfinite(array).all()]
    if wrong or not len(rows.y) or not rows.naives or not rows.weight.min() > 0:
        raise RequestError(
            "A model cannot be judged by these back-test rows.",
            where=", ".join(wrong),
            expected="at least one row, finite values, weights above 0, at least one naive",
            found=f"{len(rows.y)} rows, {len(rows.naives)} naives"
            + (", values that are not finite" if wrong else ""),
            remedy="Back-test at cutoffs that have actuals after them.",
        )


def segment_labels(
    h: NDArray[np.int64],
    weight: Float,
    y: Float,
    *,
    buckets: Sequence[tuple[int, int]],
    store_type: Text | None = None,
    department: Text | None = None,
) -> dict[str, Text]:
    """Names of the usual segments of R rows, by kind, for ``BacktestArrays.segments``.

    Horizon ``buckets`` (first, last), holiday weeks (weight above 1), store type, and departments in three
    groups by their share of the sales ``y``, so that small ones are judged together.
    """
    horizon = np.full(len(h), "", dtype="<U32")
    for first, last in buckets:
        horizon[(h >= first) & (h <= last)] = f"horizon {first}-{last}"
    labels: dict[str, Text] = {"horizon": horizon}
    labels["holiday"] = np.where(weight > 1.0, "holiday weeks", "other weeks")
    if store_type is not None:
        labels["type"] = np.where(store_type == "", "", np.char.add("type ", store_type))
    if department is not None and len(np.unique(department)) > 1:
        labels["department"] = _department_groups(department, y)
    return labels


def _department_groups(department: Text, y: Float) -> Text:
    names, of = np.unique(department, return_inverse=True)
    sales = np.bincount(of, np.abs(y), len(names))
    order = np.argsort(-sales, kind="stable")
    before = (np.cumsum(sales[order]) - sales[order]) / max(float(sales.sum()), 1e-9)
    # A department belongs to the class in which its sales begin, so that the first is never empty.
    limits = np.array([limit for _, limit in _SALES_CLASSES])
    place = np.minimum(np.searchsorted(limits, before, side="right"), len(limits) - 1)
    group = np.empty(len(names), dtype="<U40")
    group[order] = np.array([f"departments: {name} of sales" for name, _ in _SALES_CLASSES])[place]
    return group[of]
