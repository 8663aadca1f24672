"""What the figures rest on: rows, naives, errors and bands against plain loops."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from benchmarks import scoring

FIRST = date(2010, 2, 5)
Sales = dict[tuple[str, date], float]


def _week(index: int) -> date:
    return FIRST + timedelta(weeks=index)


def _panel(seed: int = 3, weeks: int = 90) -> tuple[pd.DataFrame, Sales]:
    """Four series: whole, with gaps, begun late, and with returns alone a year ago."""
    rng = np.random.default_rng(seed)
    sales: Sales = {}
    for i in range(weeks):
        sales["whole", _week(i)] = float(rng.uniform(50, 150))
        if rng.random() > 0.3:
            sales["gaps", _week(i)] = float(rng.uniform(50, 150))
        if i >= 70:
            sales["late", _week(i)] = float(rng.uniform(50, 150))
        sales["returns", _week(i)] = -5.0 if i < 40 else float(rng.uniform(1, 9))
    rows = [(key, pd.Timestamp(week), y, week.day == 14) for (key, week), y in sales.items()]
    return pd.DataFrame(rows, columns=["unique_id", "ds", "y", "is_holiday"]), sales


def _recent(sales: Sales, key: str, cutoff: date) -> float:
    known = {week: y for (name, week), y in sales.items() if name == key and week <= cutoff}
    recent = [y for week, y in known.items() if week > cutoff - timedelta(weeks=13)]
    return float(np.mean(recent or list(known.values())))


def _naive(sales: Sales, key: str, week: date, cutoff: date) -> float:
    then = sales.get((key, week - timedelta(weeks=52)))
    return _recent(sales, key, cutoff) if then is None else then


def _growth(sales: Sales, key: str, week: date, cutoff: date) -> float:
    naive = _naive(sales, key, week, cutoff)
    if (key, week - timedelta(weeks=52)) not in sales:
        return naive
    now = then = 0.0
    for back in range(13):
        pair = (key, cutoff - timedelta(weeks=back)), (key, cutoff - timedelta(weeks=back + 52))
        if all(place in sales for place in pair):
            now, then = now + sales[pair[0]], then + sales[pair[1]]
    return naive * min(max(now / then, 0.5), 2.0) if then > 0 else naive


def _places(rows: pd.DataFrame) -> list[tuple[str, date, date]]:
    """Series, week and cutoff of each row."""
    weeks, cutoffs = (pd.DatetimeIndex(rows[name]) for name in ("ds", "cutoff"))
    keys = [str(key) for key in rows["unique_id"]]
    return [(key, week.date(), cutoff.date()) for key, week, cutoff in zip(keys, weeks, cutoffs, strict=True)]


CUTOFFS = [_week(66), _week(80)]


def test_rows_are_the_actuals_ahead_of_series_that_were_known() -> None:
    """Every actual within the horizon is scored once a cutoff, holidays five-fold; unborn series are not."""
    frame, sales = _panel()
    rows = scoring.rows_of(frame, CUTOFFS, 9)
    expected = {}
    for cutoff in CUTOFFS:
        for (key, week), y in sales.items():
            born = any(name == key and when <= cutoff for name, when in sales)
            if born and cutoff < week <= cutoff + timedelta(weeks=9):
                expected[key, week, cutoff] = (y, 5.0 if week.day == 14 else 1.0)
    found = dict(zip(_places(rows), zip(rows["y"], rows["weight"], strict=True), strict=True))
    assert found == expected
    assert len(rows) == len(expected)
    assert ("late", _week(72), CUTOFFS[0]) not in found
    assert {weight for _, weight in found.values()} == {1.0, 5.0}


@pytest.mark.parametrize(
    ("method", "loop"), [(scoring.seasonal_naive, _naive), (scoring.naive_growth, _growth)]
)
def test_naives_are_those_of_a_plain_loop(method, loop) -> None:
    """Gaps, young series and years of returns are handled as the definitions say."""
    frame, sales = _panel()
    rows = scoring.rows_of(frame, CUTOFFS, 9)
    expected = [loop(sales, *place) for place in _places(rows)]
    np.testing.assert_allclose(method(frame, rows), expected, rtol=1e-12)


def test_a_naive_reads_nothing_after_the_cutoff() -> None:
    """Garbage in later weeks changes no answer for horizons up to a year."""
    frame, _ = _panel()
    rows = scoring.rows_of(frame, CUTOFFS[:1], 9)
    spoiled = frame.assign(y=frame["y"].where(frame["ds"] <= pd.Timestamp(CUTOFFS[0]), 1e9))
    for method in (scoring.seasonal_naive, scoring.naive_growth, scoring.recent_mean):
        np.testing.assert_array_equal(method(frame, rows), method(spoiled, rows))


def _forecast(rows: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(9)
    point = rows["y"] + rng.normal(0, 20, len(rows))
    return rows[scoring.KEYS].assign(point=point, **{"lo-80": point - 20, "hi-80": point + 20})


def test_errors_and_bands_are_those_of_a_plain_loop() -> None:
    """WMAE, WAPE, coverage and width come out as their formulas say, whatever the rows' order."""
    frame, _ = _panel()
    rows = scoring.rows_of(frame, CUTOFFS, 9)
    forecast = _forecast(rows)
    aligned = scoring.align(rows, forecast.sample(frac=1, random_state=1))
    top = bottom = absolute = sales = inside = 0.0
    for y, w, f in zip(rows["y"], rows["weight"], forecast["point"], strict=True):
        top, bottom = top + w * abs(y - f), bottom + w
        absolute, sales = absolute + abs(y - f), sales + abs(y)
        inside += f - 20 <= y <= f + 20
    assert scoring.wmae(rows, aligned["point"]) == pytest.approx(top / bottom)
    assert scoring.wape(rows, aligned["point"]) == pytest.approx(absolute / sales)
    band = scoring.bands(rows, aligned)
    assert set(band) == {80}
    assert band[80] == pytest.approx({"coverage": 100 * inside / len(rows), "width": 40.0, "rows": 100.0})


def test_a_missing_answer_is_never_left_out_of_an_error() -> None:
    """A row without a forecast is refused, so that no method is scored on the rows that suit it."""
    frame, _ = _panel()
    rows = scoring.rows_of(frame, CUTOFFS, 9)
    aligned = scoring.align(rows, _forecast(rows).iloc[1:])
    assert aligned["point"].isna().sum() == 1
    with pytest.raises(ValueError, match="no finite forecast"):
        scoring.wmae(rows, aligned["point"])
    with pytest.raises(ValueError, match="two answers"):
        scoring.align(rows, pd.concat([_forecast(rows), _forecast(rows).iloc[:1]]))


def test_a_series_loses_only_to_its_own_better_naive() -> None:
    """More than 5 % above the better of both naives of that very series counts as lost."""
    rows = pd.DataFrame({"unique_id": ["a", "b", "c"], "y": 0.0, "weight": 1.0})
    naives = [pd.Series([100.0, 100.0, 10.0]), pd.Series([200.0, 50.0, 10.0])]
    assert scoring.losers(rows, pd.Series([104.0, 60.0, 10.4]), naives, 0.05) == ["b"]
    assert scoring.losers(rows, pd.Series([106.0, 52.0, 10.6]), naives, 0.05) == ["a", "c"]
