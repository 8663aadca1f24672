"""The back-test of a version as its cards read it: the model that serves beside both naives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storecast.forecasting.baselines import BASELINES

__all__ = ["Line", "Scored", "scored"]


def _number(values: Mapping[str, Any], name: str) -> float | None:
    found = values.get(name)
    return float(found) if isinstance(found, (int, float)) and math.isfinite(found) else None


@dataclass(frozen=True)
class Line:
    """Figures of one segment: ``error`` and ``naives`` (wmae) in dollars, ``wape`` and ``bias`` shares of 1;
    ``bands``: level -> (coverage in percent, width in dollars), none where they are another model's."""

    segment: str
    rows: int
    error: float | None
    naives: Mapping[str, float]
    wape: float | None
    bias: float | None
    bands: Mapping[float, tuple[float, float | None]]

    @property
    def better(self) -> float | None:
        """The error of the better naive."""
        return min(self.naives.values(), default=None)

    @property
    def against(self) -> float | None:
        """The error over that of the better naive, less 1: below 0 it is better."""
        if self.error is None or not self.better:
            return None
        return self.error / self.better - 1.0

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        bands = {f"{level:g}": {"coverage": c, "width": w} for level, (c, w) in self.bands.items()}
        return {
            "segment": self.segment,
            "rows": self.rows,
            "error": self.error,
            "naives": dict(self.naives),
            "wape": self.wape,
            "bias": self.bias,
            "against_better_naive": self.against,
            "bands": bands,
        }


@dataclass(frozen=True)
class Scored:
    """``whole``: all series; ``tables``: level, horizon, holiday, type, store or series -> lines in order;
    ``judged``: the model that was tested, which is another than the one that serves where a naive does."""

    judged: str
    horizon: int
    cutoffs: tuple[str, ...]
    whole: Line
    tables: Mapping[str, tuple[Line, ...]]


def _line(segment: str, values: Mapping[str, Any], model: str, own: bool) -> Line:
    suffix = "" if own else f":{model}"
    levels = sorted(float(n.removeprefix("coverage-")) for n in values if n.startswith("coverage-"))
    bands: dict[float, tuple[float, float | None]] = {}
    for level in levels if own else ():
        if (covered := _number(values, f"coverage-{level:g}")) is not None:
            bands[level] = (covered, _number(values, f"width-{level:g}"))
    naives = {name: e for name in BASELINES if (e := _number(values, f"wmae:{name}")) is not None}
    return Line(
        segment,
        int(_number(values, "rows") or 0),
        _number(values, f"wmae{suffix}"),
        naives,
        _number(values, f"wape{suffix}"),
        _number(values, f"bias{suffix}"),
        bands,
    )


def _lines(table: Mapping[str, Sequence[Any]], model: str, own: bool) -> tuple[Line, ...]:
    names = table.get("segment", ())
    rows = [{column: values[i] for column, values in table.items()} for i in range(len(names))]
    return tuple(_line(str(row["segment"]), row, model, own) for row in rows)


def scored(meta: Mapping[str, Any], model: str) -> Scored | None:
    """What the artifact with this ``meta`` keeps of the back-test of its ``model``; None where there was
    none, or nothing of this model in it."""
    metrics = meta.get("metrics", {})
    test = meta.get("planning", {}).get("backtest", {})
    judged = str(test.get("model", model))
    own = judged == model
    if not test or "wmae" not in metrics or not (own or model in BASELINES):
        return None
    tables = {name: _lines(table, model, own) for name, table in test.get("tables", {}).items()}
    # Of a naive that serves, the figures of all series are its own; those of the naives stand in the tables.
    whole = _line("all series", metrics, model, own or f"wmae:{model}" not in metrics)
    return Scored(judged, int(test.get("horizon", 0)), tuple(test.get("cutoffs", ())), whole, tables)
