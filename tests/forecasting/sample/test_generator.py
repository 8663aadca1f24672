"""The sample panel: its schema, its seed, and that each option does what it says and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import holidays
import numpy as np
import pandas as pd
import pytest

from storecast.errors import RequestError
from storecast.forecasting.panel import Panel
from storecast.forecasting.sample import SampleSpec, make_sample

SMALL = SampleSpec(stores=20, weeks=110, seed=5)
SHOPS = SampleSpec(stores=6, weeks=110, departments=30, seed=5)


def _matrix(frame: pd.DataFrame, like: pd.DataFrame | None = None) -> pd.DataFrame:
    """Weeks x series; with ``like``, on its weeks and series."""
    wide = frame.pivot(index="ds", columns="unique_id", values="y")
    return wide if like is None else wide.reindex(index=like.index, columns=like.columns)


def _changed(plain: pd.DataFrame, other: pd.DataFrame) -> pd.Index:
    """The series of ``plain`` whose values are not the same bits in ``other``."""
    same = (plain == other) | (plain.isna() & other.isna())
    return plain.columns[~same.all()]


def test_default_sample_has_the_public_shape():
    """45 stores x 143 Fridays from 2010-02-05, no missing row, columns and types of the panel."""
    frame = make_sample(SampleSpec())
    assert len(frame) == 45 * 143
    assert frame["ds"].min() == pd.Timestamp("2010-02-05")
    assert frame["ds"].max() == pd.Timestamp("2012-10-26")
    assert set(frame["ds"].dt.day_of_week) == {4}
    assert {name: str(kind) for name, kind in frame.dtypes.items() if kind != frame["unique_id"].dtype} == {
        "ds": "datetime64[ns]",
        "is_holiday": "bool",
    } | dict.fromkeys(["y", "size", "temperature", "fuel_price", "cpi", "unemployment"], "float64")
    assert list(frame["store"].drop_duplicates()) == [str(i) for i in range(1, 46)]
    assert frame["type"].isin(["A", "B", "C"]).all()
    assert (frame["y"] > 0).all()
    assert frame.notna().all(axis=None)


@pytest.mark.parametrize("spec", [SMALL, SHOPS])
def test_same_seed_same_bits_and_another_seed_another_chain(spec: SampleSpec):
    """A seeded run repeats bit for bit; another seed is another chain."""
    first = make_sample(spec)
    pd.testing.assert_frame_equal(first, make_sample(spec), check_exact=True)
    assert not first["y"].equals(make_sample(replace(spec, seed=6))["y"])


@pytest.mark.parametrize("spec", [SMALL, SHOPS])
def test_a_longer_sample_continues_a_shorter_one(spec: SampleSpec):
    """The future of a sample is the same spec with more weeks: what was known stays as it was."""
    short, long = make_sample(spec), make_sample(replace(spec, weeks=150))
    past = long[long["ds"] <= short["ds"].max()]
    known = past["unique_id"].isin(short["unique_id"])
    pd.testing.assert_frame_equal(short, past[known].reset_index(drop=True), check_exact=True)


def test_sales_are_in_cents():
    """Every value is a whole number of cents."""
    cents = make_sample(SHOPS)["y"] * 100
    assert np.abs(cents - np.rint(cents)).max() < 1e-6


def test_it_fills_a_panel():
    """The frame is what the forecaster's panel reads: matrices with stores, departments and statics."""
    panel = Panel.from_frame(make_sample(SHOPS))
    assert panel.hierarchical
    assert set(panel.static) == {"type", "size"}
    assert "markdown5" in panel.observed
    assert len(panel.weeks) == 110


def test_closed_stores_miss_rows_between_two_part_open_weeks():
    """A closed store has no row for months, 1 to 6 sevenths of a week at both ends, else its own sales."""
    plain = _matrix(make_sample(SMALL))
    closed = _matrix(make_sample(replace(SMALL, closed_share=0.25)), plain)
    changed = _changed(plain, closed)
    assert len(changed) == 5
    for name in changed:
        gone = np.flatnonzero(closed[name].isna())
        assert len(gone) >= 13
        assert (np.diff(gone) == 1).all()
        ratio = (closed[name] / plain[name]).to_numpy()
        around = [gone[0] - 1, gone[-1] + 1]
        sevenths = ratio[around] * 7
        assert sevenths == pytest.approx(np.rint(sevenths), abs=1e-3)
        assert (sevenths > 0.5).all()
        assert (sevenths < 6.5).all()
        assert np.delete(ratio, [*gone, *around]) == pytest.approx(1.0, abs=0)


def test_new_stores_start_late_and_grow():
    """New stores have no row before a part-open first week and then grow into the plain store's level."""
    plain = _matrix(make_sample(SMALL))
    new = _matrix(make_sample(replace(SMALL, new_share=0.3)), plain)
    changed = _changed(plain, new)
    assert len(changed) == 6
    for name in changed:
        ratio = (new[name] / plain[name]).to_numpy()
        first = int(np.flatnonzero(~np.isnan(ratio))[0])
        assert np.isnan(ratio[:first]).all()
        assert 22 <= first <= 88
        assert ratio[first] < 0.9
        assert (np.diff(ratio[first + 1 :]) > -1e-6).all()
        assert ratio[first + 1] < 0.8


def test_ended_stores_stop_for_good():
    """Ended stores have rows up to a part-open last week and none after it."""
    plain = _matrix(make_sample(SMALL))
    ended = _matrix(make_sample(replace(SMALL, ended_share=0.2)), plain)
    changed = _changed(plain, ended)
    assert len(changed) == 4
    for name in changed:
        ratio = (ended[name] / plain[name]).to_numpy()
        last = int(np.flatnonzero(~np.isnan(ratio))[-1])
        assert last < 109
        assert ratio[last] < 0.9
        assert ratio[:last] == pytest.approx(1.0, abs=0)


def test_lives_never_overlap():
    """Shares that add up to one give every store exactly one fate."""
    spec = replace(SMALL, closed_share=0.5, new_share=0.3, ended_share=0.2)
    values = _matrix(make_sample(spec))
    late, early = values.iloc[0].isna(), values.iloc[-1].isna()
    assert late.sum() == 6
    assert early.sum() == 4
    assert not (late & early).any()
    assert (values.loc[:, ~late & ~early].isna().sum() > 0).sum() == 10


def test_gaps_are_exactly_that_many_rows_and_touch_nothing_else():
    """A gap share of 12 % takes 12 % of the rows; first and last weeks and all other values stay."""
    plain = make_sample(SMALL)
    gappy = make_sample(replace(SMALL, gap_share=0.12))
    assert len(plain) - len(gappy) == round(0.12 * len(plain))
    pd.testing.assert_frame_equal(
        gappy, plain.merge(gappy[["unique_id", "ds"]], on=["unique_id", "ds"]), check_exact=True
    )
    assert (gappy.groupby("unique_id")["ds"].agg(["min", "max"]).nunique() == 1).all()


def test_intermittent_series_are_whole_units_at_a_price_with_true_zeros():
    """Chosen series sell whole units at one price, often none; the others are untouched."""
    plain = _matrix(make_sample(SMALL))
    slow = _matrix(make_sample(replace(SMALL, intermittent_share=0.4)), plain)
    changed = _changed(plain, slow)
    assert len(changed) == 8
    assert slow[changed].notna().all(axis=None)
    assert (slow[changed] == 0).mean().max() > 0.3
    for name in changed:
        sold = slow[name][slow[name] > 0].to_numpy()
        units = sold / np.gcd.reduce(np.rint(sold * 100).astype(np.int64)) * 100
        assert units == pytest.approx(np.rint(units), abs=1e-6)
        assert units.max() < 100


def test_promoted_series_spike_and_dip_without_a_flag():
    """Chosen series have weeks far above and, right after them, weeks below what they were, unannounced."""
    plain = make_sample(SMALL)
    with_promotions = make_sample(replace(SMALL, promotion_share=0.25))
    assert list(plain.columns) == list(with_promotions.columns)
    before, after = _matrix(plain), _matrix(with_promotions)
    changed = _changed(before, after)
    assert len(changed) == 5
    ratio = (after / before)[changed].to_numpy()
    spikes, dips = ratio > 1.3, ratio < 0.97
    assert 0.04 < spikes.mean() < 0.35
    assert 0.04 < dips.mean() < 0.45
    followed = dips[1:][spikes[:-1] & ~spikes[1:]]
    assert followed.all()
    assert (np.abs(ratio - 1) < 1e-4).any(axis=0).all()


def test_departments_are_shares_of_a_store_with_sparse_and_returning_ones():
    """Each store carries its largest department; a few weeks are negative; some departments skip weeks."""
    frame = make_sample(SampleSpec(stores=10, departments=60, weeks=143, seed=2))
    assert (frame["unique_id"] == frame["store"] + "_" + frame["dept"]).all()
    by_dept = frame.groupby("dept")["y"].sum()
    assert frame.loc[frame["dept"] == by_dept.idxmax(), "store"].nunique() == 10
    assert 0 < (frame["y"] < 0).mean() < 0.02
    rows = frame.groupby("unique_id").size()
    assert 0.01 < (rows < 120).mean() < 0.25
    assert (rows == 143).mean() > 0.7


def test_markdowns_are_unknown_before_they_begin():
    """No markdown is recorded in the first 92 weeks; after them most of the first kind are."""
    frame = make_sample(SHOPS)
    week = (frame["ds"] - frame["ds"].min()).dt.days // 7
    names = [f"markdown{i}" for i in range(1, 6)]
    assert frame.loc[week < 92, names].isna().all(axis=None)
    assert frame.loc[week >= 92, "markdown1"].notna().mean() > 0.8
    assert "markdown1" not in make_sample(SMALL)


def test_observed_values_are_the_region_s_and_plausible():
    """Summer is warmer than winter, prices and rates stay in a plausible range and never repeat the sales."""
    frame = make_sample(SampleSpec(seed=1))
    month = frame["ds"].dt.month
    by_store = frame.groupby("store")
    summer = frame[month == 7].groupby("store")["temperature"].mean()
    winter = frame[month == 1].groupby("store")["temperature"].mean()
    assert (summer > winter + 8).all()
    assert frame["fuel_price"].between(1.5, 5).all()
    assert frame["unemployment"].between(3, 13).all()
    assert (by_store["cpi"].last() > by_store["cpi"].first()).all()
    assert frame.groupby(["store", frame["ds"].dt.to_period("M")])["cpi"].nunique().max() == 1


def test_easter_moves_sales_with_it():
    """The week before Easter outsells the same week of the years in which Easter lies elsewhere."""
    easter = {
        day.year: day - timedelta(days=1)
        for day, name in holidays.country_holidays("DE", years=range(2010, 2014), language="en_US").items()
        if name == "Easter Monday"
    }

    def lift(moved: int) -> float:
        found = []
        for seed in range(6):
            frame = make_sample(SampleSpec(seed=seed, weeks=180))
            total = dict(frame.groupby(frame["ds"].dt.date)["y"].sum().items())
            for year, sunday in easter.items():
                friday = sunday + timedelta(days=moved - 2)
                others = [
                    total[friday + timedelta(weeks=52 * k)]
                    for k in (-2, -1, 1, 2)
                    if friday + timedelta(weeks=52 * k) in total
                    and abs((friday + timedelta(weeks=52 * k) - easter[year + k]).days) > 9
                ]
                if friday in total and others:
                    found.append(np.log(total[friday] / np.mean(others)))
        return float(np.mean(found))

    assert lift(0) > 0.03
    assert lift(0) > lift(21) + 0.03


def test_christmas_moves_sales_between_weeks_by_its_weekday():
    """With 25 December on a Saturday the week to the 24th is full; on a Tuesday it sells less, and the
    week that holds Christmas more: the shift comes from the calendar alone."""
    total = make_sample(SampleSpec(seed=3, weeks=160)).groupby("ds")["y"].sum()
    saturday = total[pd.Timestamp(date(2010, 12, 24))], total[pd.Timestamp(date(2010, 12, 31))]
    tuesday = total[pd.Timestamp(date(2012, 12, 21))], total[pd.Timestamp(date(2012, 12, 28))]
    assert tuesday[1] / tuesday[0] > 1.2 * saturday[1] / saturday[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"stores": 0},
        {"weeks": 0},
        {"departments": -1},
        {"seed": -1},
        {"closed_share": 1.2},
        {"gap_share": -0.1},
        {"gap_share": float("nan")},
        {"closed_share": 0.6, "new_share": 0.6},
        {"intermittent_share": 0.6, "promotion_share": 0.6},
        {"weeks": 8, "closed_share": 0.5},
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]):
    """A spec that cannot be met is refused with what was expected and what was found."""
    with pytest.raises(RequestError) as refusal:
        SampleSpec(**wrong)  # type: ignore[arg-type]
    assert refusal.value.expected
    assert refusal.value.found
    assert refusal.value.remedy


def test_more_gaps_than_weeks_are_refused():
    """Gaps never eat a series' first and last week: such a share is refused, not cut down in silence."""
    with pytest.raises(RequestError, match="gaps"):
        make_sample(replace(SMALL, gap_share=1.0))


@pytest.mark.parametrize(
    "spec", [SampleSpec(stores=1, weeks=1), SampleSpec(stores=2, weeks=3, departments=1)]
)
def test_the_smallest_samples_work(spec: SampleSpec):
    """One store and one week is a sample too."""
    frame = make_sample(spec)
    assert len(frame) == spec.stores * spec.weeks
    assert (frame["y"] > 0).all()
