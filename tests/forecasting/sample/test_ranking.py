"""Methods rank on the sample as they do on real stores: checked with plain arithmetic over many seeds."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from storecast.forecasting.sample import SampleSpec, make_sample

KNOWN, SEEDS = 104, range(12)


def _regression(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Ridge on store, month, year, weather and economy, as the usual notebook has it."""

    def features(frame: pd.DataFrame) -> np.ndarray:
        store = np.eye(46)[frame["store"].astype(int)]
        month = np.eye(13)[frame["ds"].dt.month]
        others = frame[["temperature", "fuel_price", "cpi", "unemployment", "is_holiday"]].to_numpy(float)
        return np.hstack([store, month, others, frame[["ds"]].apply(lambda c: c.dt.year).to_numpy(float)])

    x, ahead = features(train), features(test)
    centre, spread = x.mean(axis=0), x.std(axis=0) + 1e-9
    x, ahead = (x - centre) / spread, (ahead - centre) / spread
    y = train["y"].to_numpy()
    weights = np.linalg.solve(x.T @ x + 1e-3 * len(x) * np.eye(x.shape[1]), x.T @ (y - y.mean()))
    return np.asarray(ahead @ weights + y.mean())


def _same_date(week: date) -> date:
    """The date a year before."""
    return (
        week.replace(year=week.year - 1, day=28)
        if (week.month, week.day) == (2, 29)
        else week.replace(year=week.year - 1)
    )


def _scores(seed: int, known: int = KNOWN, ahead: int = 39) -> dict[str, float]:
    """WMAE of four methods on the weeks after ``known``, as a share of mean weekly sales."""
    frame = make_sample(SampleSpec(seed=seed))
    wide = frame.pivot(index="ds", columns="unique_id", values="y")
    values, weeks = wide.to_numpy(), [ds.date() for ds in wide.index]
    actual = values[known : known + ahead]
    weight = np.where(frame.groupby("ds")["is_holiday"].first().to_numpy()[known : known + ahead], 5.0, 1.0)
    last_year = values[known - 52 : known - 52 + ahead]
    growth = values[known - 13 : known].sum(axis=0) / values[known - 65 : known - 52].sum(axis=0)
    aligned = np.empty_like(actual)
    for i, week in enumerate(weeks[known : known + ahead]):
        weeks_back = (_same_date(week) - weeks[0]) / timedelta(weeks=1)
        low = int(weeks_back)
        share = weeks_back - low
        aligned[i] = (1 - share) * values[low] + share * values[low + 1]
    split = wide.index[known]
    rest = frame[(frame["ds"] >= split) & (frame["ds"] < split + pd.Timedelta(weeks=ahead))]
    regressed = rest.assign(p=_regression(frame[frame["ds"] < split], rest))
    forecasts = {
        "naive": last_year,
        "growth": last_year * growth,
        "aligned": aligned * growth,
        "regression": regressed.pivot(index="ds", columns="unique_id", values="p").to_numpy(),
    }
    scale = weight.sum() * values.shape[1] * actual.mean()
    return {name: float((weight[:, None] * abs(actual - f)).sum() / scale) for name, f in forecasts.items()}


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    """One row a seed, one column a method."""
    return pd.DataFrame([_scores(seed) for seed in SEEDS])


def test_seasonal_naive_errs_as_on_real_stores(scores: pd.DataFrame):
    """The seasonal naive's WMAE is 4 to 7 % of mean weekly sales on every seed."""
    assert scores["naive"].between(0.04, 0.07).all()


def test_growth_pays(scores: pd.DataFrame):
    """Seasonal naive is worse than last year x growth on every seed, by 20 to 45 % in the middle."""
    ratio = scores["naive"] / scores["growth"]
    assert ratio.min() > 1.08
    assert 1.20 < ratio.median() < 1.45


def test_looking_back_at_the_same_date_pays(scores: pd.DataFrame):
    """Reading last year by date beats reading it by week number, by 3 to 12 % in the middle."""
    ratio = scores["growth"] / scores["aligned"]
    assert 1.03 < ratio.median() < 1.12
    assert (ratio > 1).mean() > 0.8


def test_looking_back_at_the_same_date_pays_most_at_christmas():
    """On the eight weeks from mid-November the date matters as much or more than in the year as a whole."""
    gains = [s["growth"] / s["aligned"] for s in (_scores(seed, known=95, ahead=5) for seed in SEEDS)]
    assert np.median(gains) > 1.03


def test_regression_on_store_month_and_weather_is_far_behind(scores: pd.DataFrame):
    """The usual features, trained honestly, lose to both naives on every seed, to growth by half and more."""
    assert (scores["regression"] > 1.05 * scores["naive"]).all()
    assert (scores["regression"] / scores["growth"]).median() > 1.4
