"""Scores of back-test rows against sums written out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from storecast.forecasting.backtest import Backtest, backtest
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.forecaster import ForecasterConfig
from storecast.forecasting.scores import BUCKETS, score, score_by, scores
from tests.forecasting.panels import as_panel, season_of, weeks_from


def _rows() -> pd.DataFrame:
    """Two series, two cutoffs, three weeks each; numbers small enough to follow."""
    rng = np.random.default_rng(0)
    rows = []
    for key, scale in (("a", 400.0), ("b", 900.0)):
        for cutoff in ("2020-01-03", "2020-01-31"):
            for h in (1, 2, 6):
                y = float(rng.integers(80, 120))
                rows.append(
                    {
                        "unique_id": key,
                        "cutoff": pd.Timestamp(cutoff),
                        "y": y,
                        "weight": 5.0 if h == 2 else 1.0,
                        "storecast": y + float(rng.integers(-9, 10)),
                        "storecast-lo-80": y - float(rng.integers(-2, 9)),
                        "storecast-hi-80": y + 5.0,
                        "seasonal-naive": y + float(rng.integers(-19, 20)),
                        "naive-growth": y + float(rng.integers(-14, 15)),
                        "h": h,
                        "store": key,
                        "naive_mse": scale,
                    }
                )
    return pd.DataFrame(rows)


def test_a_score_by_a_loop():
    """wmae, wape and bias of each method, value added, rmsse as the mean over series, coverage and width."""
    rows = _rows()
    found = score(rows, (80.0,))
    records = rows.to_dict("records")
    weights = sum(r["weight"] for r in records)
    size = sum(abs(r["y"]) for r in records)
    wmae = {}
    for method, suffix in (
        ("storecast", ""),
        ("seasonal-naive", ":seasonal-naive"),
        ("naive-growth", ":naive-growth"),
    ):
        wmae[method] = sum(r["weight"] * abs(r["y"] - r[method]) for r in records) / weights
        assert found[f"wmae{suffix}"] == pytest.approx(wmae[method])
        assert found[f"wape{suffix}"] == pytest.approx(sum(abs(r["y"] - r[method]) for r in records) / size)
        assert found[f"bias{suffix}"] == pytest.approx(sum(r[method] - r["y"] for r in records) / size)
    for naive in ("seasonal-naive", "naive-growth"):
        assert found[f"fva:{naive}"] == pytest.approx(wmae[naive] - wmae["storecast"])
    ratios = []
    for key in ("a", "b"):
        mine = [r for r in records if r["unique_id"] == key]
        mse = np.mean([(r["y"] - r["storecast"]) ** 2 for r in mine])
        ratios.append(math.sqrt(mse / mine[0]["naive_mse"]))
    assert found["rmsse"] == pytest.approx(np.mean(ratios))
    inside = [r["storecast-lo-80"] <= r["y"] <= r["storecast-hi-80"] for r in records]
    assert found["coverage-80"] == pytest.approx(100.0 * np.mean(inside))
    width = np.mean([r["storecast-hi-80"] - r["storecast-lo-80"] for r in records])
    assert found["width-80"] == pytest.approx(width)
    assert found["rows"] == 12.0


def test_rmsse_without_a_scale_is_unknown():
    """Where no series has a year of history to scale by, rmsse is NaN and the rest stands."""
    found = score(_rows().assign(naive_mse=math.nan), (80.0,))
    assert math.isnan(found["rmsse"])
    assert np.isfinite(found["wmae"])


def test_scores_by_a_key_put_the_worst_first():
    """One line a value, sorted by how much worse than the better naive it is."""
    rows = _rows()
    table = score_by(rows, rows["store"], (80.0,))
    assert set(table.index) == {"a", "b"}
    assert table.index.name == "store"
    for key in ("a", "b"):
        alone = score(rows[rows["store"] == key], (80.0,))
        assert table.loc[key, "wmae"] == pytest.approx(alone["wmae"])
        better = min(alone["wmae:seasonal-naive"], alone["wmae:naive-growth"])
        assert table.loc[key, "against-better-naive"] == pytest.approx(alone["wmae"] / better - 1.0)
    assert table["against-better-naive"].is_monotonic_decreasing


def _backtest(departments: bool) -> Backtest:
    rng = np.random.default_rng(0)
    season = season_of(weeks_from("2010-02-05", 140), 0.3)[:, None]
    values = 1000.0 * season * np.exp(0.1 * rng.standard_normal((140, 6)))
    groups = {"stores": ["a", "a", "b", "b", "c", "c"], "blocks": ["x", "y"] * 3} if departments else {}
    panel = as_panel(values, stores=groups.get("stores"), blocks=groups.get("blocks"))
    config = ForecasterConfig(model="aligned", horizon=39)
    return backtest(panel, config, [panel.weeks[94], panel.weeks[99]], US_RETAIL)


def test_the_report_covers_every_row_once():
    """Buckets of the horizon, holidays and others, and stores each hold all rows; the whole is their mean."""
    made = _backtest(departments=False)
    report = scores(made)
    whole = report["all"]
    assert isinstance(whole, dict)
    for name in ("by_horizon", "by_holiday", "by_store"):
        table = report[name]
        assert isinstance(table, pd.DataFrame)
        assert table["rows"].sum() == whole["rows"] == len(made.rows)
        assert np.average(table["wape"], weights=table["wape"] * 0 + table["rows"]) > 0
    horizon = report["by_horizon"]
    assert isinstance(horizon, pd.DataFrame)
    assert set(horizon.index) == {f"{a}-{b}" for a, b in BUCKETS}
    for first, last in BUCKETS:
        expected = ((made.rows["h"] >= first) & (made.rows["h"] <= last)).sum()
        assert horizon.loc[f"{first}-{last}", "rows"] == expected


def test_stores_with_departments_are_scored_on_their_sums():
    """The table by store judges the stores' own totals, not the mean of their departments' errors."""
    made = _backtest(departments=True)
    report = scores(made)
    table, higher = report["by_store"], report["higher"]
    assert isinstance(table, pd.DataFrame)
    assert isinstance(higher, dict)
    assert set(higher) == {"store", "total"}
    sums = made.rows.groupby(["store", "ds", "cutoff"], as_index=False)[["y", "storecast"]].sum()
    error = (sums["y"] - sums["storecast"]).abs().groupby(sums["store"]).sum() / sums.groupby("store")[
        "y"
    ].sum()
    for store in ("a", "b", "c"):
        assert table.loc[store, "wape"] == pytest.approx(error[store])
    assert higher["total"]["rows"] == 78.0
