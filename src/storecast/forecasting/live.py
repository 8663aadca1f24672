"""Live accuracy: what was answered against what came, gathered as sums so that memory does not grow.

The figures are those of a back-test (``scores``), of the forecasts that people were given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.baselines import BASELINES
from storecast.forecasting.scores import BUCKETS

__all__ = ["BY", "LEVELS", "LiveRows", "Tally"]

Float = NDArray[np.float64]
LEVELS = (80.0, 95.0)
BY = ("version", "store", "horizon", "week")
_METHODS = ("storecast", *BASELINES)
_SUMS = (
    "rows",
    "weight",
    "size",
    "promised",
    *(f"{part}:promised" for part in ("absolute", "size")),  # of the forecasts that have a promise
    *(f"{part}:{method}" for method in _METHODS for part in ("weighted", "absolute", "error")),
    *(f"{part}:{level:g}" for level in LEVELS for part in ("banded", "within", "width")),
)
_AT = {name: i for i, name in enumerate(_SUMS)}


@dataclass(frozen=True)
class LiveRows:
    """Forecasts of one version whose weeks are over, as arrays of one length R: ``y`` and ``point`` dollars;
    ``weight`` in wmae; ``naives`` name -> forecasts; ``limits`` level -> (low, high), NaN where no band was
    answered; ``store``, ``week`` and ``h`` weeks ahead;
    ``promised`` the absolute error that the back-test makes one expect, NaN where it does not reach."""

    version: int
    y: Float
    point: Float
    weight: Float
    naives: Mapping[str, Float]
    limits: Mapping[float, tuple[Float, Float]]
    store: NDArray[np.str_]
    week: NDArray[np.datetime64]
    h: NDArray[np.int64]
    promised: Float


@dataclass
class Tally:
    """Sums by kind of group and label; ``add`` rows, ask for ``figures``."""

    sums: dict[str, dict[str, Float]] = field(default_factory=lambda: {name: {} for name in ("all", *BY)})

    def add(self, rows: LiveRows) -> None:
        """Count these rows, in all and in each of their groups."""
        if not len(rows.y):
            return
        parts = _parts(rows)
        self._add("all", np.zeros(len(rows.y), dtype=np.int64), ["all"], parts)
        self._add("version", np.zeros(len(rows.y), dtype=np.int64), [str(rows.version)], parts)
        for by, values in (("store", rows.store), ("week", rows.week.astype("datetime64[D]"))):
            names, of = np.unique(values, return_inverse=True)
            self._add(by, of, [str(name) for name in names], parts)
        last = np.array([last for _, last in BUCKETS])
        of = np.searchsorted(last, rows.h).clip(max=len(BUCKETS) - 1)
        self._add("horizon", of, [f"{a}-{b}" for a, b in BUCKETS], parts)

    def _add(self, by: str, of: NDArray[np.int64], labels: Sequence[str], parts: Float) -> None:
        found: Float = np.stack([np.bincount(of, part, len(labels)).astype(np.float64) for part in parts])
        for i, label in enumerate(labels):
            if found[_AT["rows"], i] > 0:
                self._put(by, label, found[:, i])

    def _put(self, by: str, label: str, total: Float) -> None:
        before = self.sums[by].get(label)
        self.sums[by][label] = total if before is None else before + total

    @property
    def rows(self) -> int:
        """How many forecasts were judged."""
        return int(self.sums["all"]["all"][_AT["rows"]]) if self.sums["all"] else 0

    def figures(self, by: str) -> dict[str, dict[str, float]]:
        """Label -> figures named as those of ``scores.score``; NaN where there is nothing to divide by."""
        return {label: _figures(self.sums[by][label]) for label in sorted(self.sums[by], key=_order)}

    def latest(self, weeks: int) -> dict[str, float] | None:
        """Figures of the last ``weeks`` with actuals, as those of ``figures``; None without any."""
        last = sorted(self.sums["week"])[-weeks:]
        return _figures(np.sum([self.sums["week"][week] for week in last], axis=0)) if last else None

    def by_week(self, name: str) -> Float:
        """One sum a week, in the order of weeks: ``absolute:storecast``, ``size``, ``within:80``, ..."""
        return np.array([self.sums["week"][week][_AT[name]] for week in sorted(self.sums["week"])])


def _order(label: str) -> tuple[int, str]:
    head = label.split("-")[0]
    return (int(head), label) if head.isdecimal() and len(head) < 10 else (0, label)


def _parts(rows: LiveRows) -> Float:
    """(K, R) what each row adds to each of the sums."""
    y, weight = rows.y, rows.weight
    out = np.zeros((len(_SUMS), len(y)))
    out[_AT["rows"]], out[_AT["weight"]], out[_AT["size"]] = 1.0, weight, np.abs(y)
    reached = np.isfinite(rows.promised)
    out[_AT["promised"]] = np.where(reached, rows.promised, 0.0)
    out[_AT["absolute:promised"]] = np.where(reached, np.abs(rows.point - y), 0.0)
    out[_AT["size:promised"]] = np.where(reached, np.abs(y), 0.0)
    for method in _METHODS:
        error = (rows.point if method == "storecast" else rows.naives[method]) - y
        out[_AT[f"weighted:{method}"]] = weight * np.abs(error)
        out[_AT[f"absolute:{method}"]] = np.abs(error)
        out[_AT[f"error:{method}"]] = error
    for level, (low, high) in rows.limits.items():
        there = np.isfinite(low) & np.isfinite(high)
        out[_AT[f"banded:{level:g}"]] = there
        out[_AT[f"within:{level:g}"]] = there & (y >= low) & (y <= high)
        out[_AT[f"width:{level:g}"]] = np.where(there, high - low, 0.0)
    return out


def _figures(sums: Float) -> dict[str, float]:
    def share(top: str, bottom: str) -> float:
        below = float(sums[_AT[bottom]])
        return float(sums[_AT[top]]) / below if below > 0 else float("nan")

    out = {"rows": float(sums[_AT["rows"]])}
    for method in _METHODS:
        suffix = "" if method == "storecast" else f":{method}"
        out[f"wmae{suffix}"] = share(f"weighted:{method}", "weight")
        out[f"wape{suffix}"] = share(f"absolute:{method}", "size")
        out[f"bias{suffix}"] = share(f"error:{method}", "size")
    for method in BASELINES:
        out[f"fva:{method}"] = out[f"wmae:{method}"] - out["wmae"]
    for level in LEVELS:
        out[f"coverage-{level:g}"] = 100.0 * share(f"within:{level:g}", f"banded:{level:g}")
        out[f"width-{level:g}"] = share(f"width:{level:g}", f"banded:{level:g}")
    return out
