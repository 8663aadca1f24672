"""What the back-test says, as a planner asks: how far off, better than what, and do the bands hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from storecast.forecasting.backtest import Backtest
from storecast.forecasting.baselines import BASELINES
from storecast.forecasting.panel import DS, UNIQUE_ID, Y
from storecast.forecasting.scores import BUCKETS, horizon_bucket, score, score_by

__all__ = [
    "RECENT",
    "Accuracy",
    "Coverage",
    "Miss",
    "Score",
    "better_naive",
    "holds",
    "measure",
    "overlapping",
    "recent_misses",
    "top_rows",
    "total_errors",
]

RECENT = 4  # weeks: the last actuals that are held against their bands
_STANDARD_ERRORS = 2.0
_NEAR = 2.0  # percentage points


@dataclass(frozen=True)
class Score:
    """wmae of one set of rows beside both naives, dollars; ``name`` of the set or the store's key."""

    name: str
    rows: int
    wmae: float
    seasonal: float
    growth: float

    @property
    def better(self) -> float:
        """The better naive's wmae, dollars."""
        return min(self.seasonal, self.growth)

    @property
    def added(self) -> float:
        """Forecast value added against the better naive, dollars; positive is good."""
        return self.better - self.wmae


@dataclass(frozen=True)
class Coverage:
    """How often the band of ``nominal`` percent held the actual at a ``level`` of the hierarchy.

    ``measured``: percent of ``rows`` in ``weeks`` distinct weeks; ``width``: its mean, dollars; ``share``:
    that as a fraction of mean sales.
    """

    level: str
    nominal: float
    measured: float
    width: float
    share: float
    rows: int
    weeks: int


@dataclass(frozen=True)
class Accuracy:
    """All of it; ``by_store`` has the losers first, ``by_horizon`` the nearest weeks.

    ``wape`` and ``bias`` are fractions, ``store_coverage`` of the narrow band by store in percent.
    """

    total: Score
    wape: float
    bias: float
    by_horizon: tuple[Score, ...]
    by_holiday: tuple[Score, ...]
    by_store: tuple[Score, ...]
    coverage: tuple[Coverage, ...]
    store_coverage: dict[str, float]


@dataclass(frozen=True)
class Miss:
    """``outside`` of the last ``weeks`` actuals of a key fell outside the narrow band, ``above`` above it.

    ``actual`` and ``forecast`` are sums over these weeks, dollars.
    """

    key: str
    weeks: int
    outside: int
    above: int
    actual: float
    forecast: float


def _score(name: str, found: Any) -> Score:
    return Score(
        name, int(found["rows"]), *(float(found[f"wmae{m}"]) for m in ("", *(f":{b}" for b in BASELINES)))
    )


def better_naive(score: Score) -> str:
    """Which of the two naives is the better one here."""
    return BASELINES[0] if score.seasonal <= score.growth else BASELINES[1]


def top_rows(result: Backtest) -> pd.DataFrame:
    """The back-test of the sum of everything; a single series is its own sum."""
    return result.higher.get("total", result.rows)


def overlapping(result: Backtest) -> bool:
    """Whether some week was forecast from more than one cutoff."""
    rows = top_rows(result)
    return bool(rows[DS].duplicated().any())


def holds(found: Coverage) -> str:
    """The verdict on the measured coverage, in words.

    Stores share their weeks' luck, so the sample is the week, and what lies within two standard errors of the
    promise may be chance.
    """
    p = found.nominal / 100.0
    slack = 100.0 * _STANDARD_ERRORS * float(np.sqrt(p * (1.0 - p) / max(found.weeks, 1)))
    if found.measured < found.nominal - slack:
        return "too narrow"
    if found.measured > found.nominal + slack:
        return "wider than needed"
    return "holds" if found.measured >= found.nominal - _NEAR else "a little low, within chance"


def _coverages(result: Backtest, figures: dict[str, dict[str, float]]) -> list[Coverage]:
    found = []
    for name, frame in _frames(result).items():
        sold = float(frame[Y].abs().mean())
        for level in sorted(result.levels):
            width = figures[name][f"width-{level:g}"]
            measured = figures[name][f"coverage-{level:g}"]
            relative = width / sold if sold > 0 else float("nan")
            found.append(Coverage(name, level, measured, width, relative, len(frame), frame[DS].nunique()))
    return found


def _frames(result: Backtest) -> dict[str, pd.DataFrame]:
    return {"series": result.rows, **{n: result.higher[n] for n in ("store", "total") if n in result.higher}}


def _by_store(result: Backtest) -> tuple[tuple[Score, ...], dict[str, float]]:
    """Scores by store (series without departments), losers first, and the narrow band's coverage in percent.

    One pass for all stores: a panel of items has tens of thousands.
    """
    rows = result.higher.get("store", result.rows)
    columns = {
        method: (rows[Y] - rows[method]).abs() * rows["weight"] for method in ("storecast", *BASELINES)
    }
    if result.levels:
        low, high = (rows[f"storecast-{side}-{min(result.levels):g}"] for side in ("lo", "hi"))
        columns["held"] = (rows[Y] >= low) & (rows[Y] <= high)
    groups = pd.DataFrame({**columns, "weight": rows["weight"], "rows": 1}).groupby(rows["store"], sort=True)
    sums = groups.sum()
    errors = sums[["storecast", *BASELINES]].div(sums["weight"], axis=0)
    order = (
        (errors["storecast"] / errors[list(BASELINES)].min(axis=1))
        .sort_values(ascending=False, kind="stable")
        .index
    )
    held = 100.0 * sums["held"] / sums["rows"] if result.levels else pd.Series(dtype=float)
    found = tuple(
        Score(str(key), int(n), *(float(v) for v in values))
        for key, n, values in zip(order, sums["rows"][order], errors.loc[order].to_numpy(), strict=True)
    )
    return found, {str(key): float(v) for key, v in held.items()}


def measure(result: Backtest) -> Accuracy:
    """All figures of a back-test that the report shows."""
    figures = {name: score(frame, result.levels) for name, frame in _frames(result).items()}
    rows = result.rows
    horizons = {
        name: _score(str(name), row) for name, row in score_by(rows, horizon_bucket(rows), ()).iterrows()
    }
    kind = pd.Series(np.where(rows["weight"] > 1.0, "holiday", "other"), index=rows.index, name="holiday")
    holidays = {name: _score(str(name), row) for name, row in score_by(rows, kind, ()).iterrows()}
    by_store, held = _by_store(result)
    return Accuracy(
        total=_score("all", figures["series"]),
        wape=figures["series"]["wape"],
        bias=figures["series"]["bias"],
        by_horizon=tuple(horizons[n] for first, last in BUCKETS if (n := f"{first}-{last}") in horizons),
        by_holiday=tuple(holidays[n] for n in ("holiday", "other") if n in holidays),
        by_store=by_store,
        coverage=tuple(_coverages(result, figures)),
        store_coverage=held,
    )


def total_errors(result: Backtest) -> list[tuple[np.datetime64, float]]:
    """Cutoff -> how far the sum of all weeks and series was forecast off, a fraction of what was sold."""
    found: list[tuple[np.datetime64, float]] = []
    for cutoff, part in top_rows(result).groupby("cutoff", sort=True):
        sold = float(part[Y].sum())
        if sold > 0:
            found.append((np.datetime64(str(cutoff), "D"), float(part["storecast"].sum()) / sold - 1.0))
    return found


def recent_misses(result: Backtest, levels: Sequence[float]) -> tuple[Miss, ...]:
    """Stores (series without departments) most of whose last RECENT actuals fell outside the narrow band, as
    forecast from the latest cutoff; most first, then the largest error."""
    rows = result.higher.get("store", result.rows)
    rows = rows[rows["cutoff"] == rows["cutoff"].max()]
    rows = rows[rows[DS] >= np.sort(rows[DS].unique())[-RECENT:][0]]
    low, high = (rows[f"storecast-{side}-{min(levels):g}"] for side in ("lo", "hi"))
    marked = rows.assign(above=rows[Y] > high, below=rows[Y] < low)
    sums = marked.groupby(UNIQUE_ID)[["above", "below", Y, "storecast"]].sum()
    sums["weeks"] = marked.groupby(UNIQUE_ID).size()
    sums["outside"] = sums["above"] + sums["below"]
    sums["error"] = (sums[Y] - sums["storecast"]).abs()
    bad = sums[2 * sums["outside"] > sums["weeks"]].sort_values(
        ["outside", "error"], ascending=False, kind="stable"
    )
    return tuple(
        Miss(str(key), int(r.weeks), int(r.outside), int(r.above), float(r.y), float(r.storecast))
        for key, r in zip(bad.index, bad.itertuples(index=False), strict=True)
    )
