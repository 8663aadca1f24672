"""Answers about sums (stores of departments, the total) against the actuals of their members."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.live import LEVELS, LiveRows, Tally
from storecast.forecasting.operators import ratio

__all__ = ["Members", "Sums"]

Float = NDArray[np.float64]
_MOST_MISSING = 0.05  # of a sum's forecast that may be of members without an actual
_EXAMPLES = 10


@dataclass(frozen=True)
class Members:
    """The S sums of one level: ``actual`` (H, S) of the members that have one, NaN where none has; ``known``
    (H, N) which have; ``share`` (H, S) of the forecast that is theirs."""

    actual: Float
    known: NDArray[np.bool_]
    share: Float

    @classmethod
    def of(cls, forecaster: Forecaster, name: str, actual: Float) -> Members:
        """The members of a level, whose series sold ``actual`` (H, N)."""
        level = forecaster.levels[name]
        known = np.isfinite(actual)
        # A shade more than nothing, so that members of which nothing is forecast are missed as well.
        size = np.abs(forecaster.point) + 1e-9
        share = ratio(np.nan_to_num(level.total(np.where(known, size, 0.0))), level.total(size))
        return cls(level.total(actual), known, share)


@dataclass
class Sums:
    """Figures by level; ``unjudged``: how many answers met actuals and were not judged, and the first of
    them in words."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    unjudged: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        level: str,
        version: int,
        forecaster: Forecaster,
        members: Members,
        cells: Float,
        weights: Float,
    ) -> None:
        """Judge the answers of one version, ``cells`` (5, H, S) as of ``Said``; ``weights`` (H,) in wmae."""
        answered = np.isfinite(cells[0]) & np.isfinite(members.actual)
        enough = members.share >= 1.0 - _MOST_MISSING
        keys = forecaster.levels[level].keys
        weeks = forecaster.weeks.astype("datetime64[D]")
        for h, s in np.argwhere(answered & ~enough):
            self.unjudged += 1
            if len(self.examples) < _EXAMPLES:
                why = _why(forecaster.levels[level].of == s, members, int(h), int(s))
                where = {"level": level, "version": version, "key": str(keys[s]), "ds": str(weeks[h])}
                self.examples.append({**where, "why": why})
        h, s = np.nonzero(answered & enough)
        share = members.share[h, s]
        point, *limits = cells[:, h, s] * share
        total = forecaster.levels[level].total
        naives = {
            name: total(np.where(members.known, values, np.nan))[h, s]
            for name, values in forecaster.naive.items()
        }
        self.tallies.setdefault(level, Tally()).add(
            LiveRows(
                version,
                members.actual[h, s],
                point,
                weights[h],
                naives,
                {x: (limits[2 * i], limits[2 * i + 1]) for i, x in enumerate(LEVELS)},
                keys[s],
                weeks[h],
                h + 1,
                np.full(len(h), np.nan),
            )
        )

    def as_dict(self) -> dict[str, Any]:
        """Level -> figures in all and by weeks ahead; ``unjudged`` with examples."""
        judged = {
            level: {"all": tally.figures("all")["all"], "horizon": tally.figures("horizon")}
            for level, tally in sorted(self.tallies.items())
            if tally.rows
        }
        return {"levels": judged, "unjudged": self.unjudged, "examples": self.examples}


def _why(mine: NDArray[np.bool_], members: Members, h: int, s: int) -> str:
    missing = int((mine & ~members.known[h]).sum())
    return (
        f"{missing:,} of {int(mine.sum()):,} series have no actual, "
        f"{100 * (1 - members.share[h, s]):.0f} % of what is forecast"
    )
