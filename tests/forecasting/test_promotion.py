"""The gate: what passes, what is blocked, and that noise alone rarely passes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from storecast.errors import RequestError
from storecast.forecasting.promotion import (
    BacktestArrays,
    block_length,
    gain_deviations,
    holm,
    judge,
    segment_labels,
    serve_naive,
)

Float = NDArray[np.float64]
FIRST = np.datetime64("2020-01-03")
HOLIDAYS = 6  # every how many weeks


def _rows(
    gains: dict[str, Float], *, series: int = 5, every: int = HOLIDAYS, seed: int = 0
) -> BacktestArrays:
    """Rows of ``series`` a week whose candidate errs by 500 and each naive by ``gains`` (weeks,) more."""
    weeks = len(next(iter(gains.values())))
    of = np.tile(np.arange(weeks), series)
    y = np.random.default_rng(seed).uniform(900.0, 1100.0, len(of))
    h = of % 13 + 1
    weight = np.where(of % every == every - 1, 5.0, 1.0)
    return BacktestArrays(
        y=y,
        weight=weight,
        candidate=y + 500.0,
        naives={name: y - (500.0 + gain[of]) for name, gain in gains.items()},
        week=FIRST + 7 * of,
        cutoff=FIRST + 7 * (of - h),
        h=h,
        segments=segment_labels(h, weight, y, buckets=((1, 4), (5, 13))),
    )


def _autoregressive(rng: np.random.Generator, weeks: int, rho: float) -> Float:
    x = rng.standard_normal(weeks + 60)
    for t in range(1, len(x)):
        x[t] += rho * x[t - 1]
    return x[60:]


def test_a_clearly_better_model_passes() -> None:
    """A model better than both naives in nearly every week serves, and the reason gives the figures."""
    rng = np.random.default_rng(1)
    report = judge(
        _rows(
            {
                "seasonal-naive": 150 + 50 * rng.standard_normal(52),
                "naive-growth": 120 + 50 * rng.standard_normal(52),
            }
        ),
        model="blend",
    )
    assert report.passed
    assert report.serves == "blend"
    assert "beats both naives on 52 weeks" in report.reason
    total = [v for v in report.segments if v.segment == "all"]
    assert [v.verdict for v in total] == ["better", "better"]
    assert all(0 < v.gain_low < v.gain for v in total)


def test_both_naives_must_be_beaten() -> None:
    """To be better than one naive and as good as the other is not enough; the better naive serves."""
    rng = np.random.default_rng(2)
    report = judge(
        _rows({"seasonal-naive": 300 + 50 * rng.standard_normal(52), "naive-growth": 50 * _centred(rng, 52)}),
        model="blend",
    )
    assert not report.passed
    assert report.serves == "naive-growth"
    assert "not proven better than naive-growth" in report.reason


def _centred(rng: np.random.Generator, weeks: int) -> Float:
    x: Float = rng.standard_normal(weeks)
    x -= x.mean()
    return x


def test_a_model_that_repeats_the_naive_never_passes() -> None:
    """The naive under another name gains nothing in any week and is never promoted."""
    rows = _rows({"seasonal-naive": np.zeros(52), "naive-growth": np.full(52, 80.0)})
    for seed in range(20):
        report = judge(
            replace(rows, candidate=rows.naives["seasonal-naive"]), model="blend", seed=seed, draws=200
        )
        assert not report.passed
        assert report.serves == "seasonal-naive"


def test_a_worse_model_is_called_worse() -> None:
    """A model beyond noise worse than a naive gets that verdict, not just "not proven"."""
    rng = np.random.default_rng(3)
    worse = -100 + 30 * rng.standard_normal(52)
    report = judge(_rows({"seasonal-naive": worse, "naive-growth": worse + 5}), model="blend")
    assert not report.passed
    assert report.segments[0].verdict == "worse"
    assert report.segments[0].p_value <= 0.05
    assert "is worse than seasonal-naive" in report.reason


@pytest.mark.parametrize(("weeks", "rho"), [(26, 0.0), (52, 0.0), (39, 0.5), (52, 0.5)])
def test_noise_rarely_passes(weeks: int, rho: float) -> None:
    """A model no better than the naive passes in about 5 % of worlds, also where errors last for weeks."""
    rng = np.random.default_rng(11)
    runs = 1000
    passes = [
        judge(
            replace(_rows({"naive": 100 * _autoregressive(rng, weeks, rho)}, series=1), segments={}),
            model="blend",
            draws=300,
        ).passed
        for _ in range(runs)
    ]
    assert 0.02 <= np.mean(passes) <= 0.08


def test_single_weeks_would_promote_noise() -> None:
    """Drawn week by week, lasting errors pass far more often than 5 %: that is what the blocks are for."""
    rng = np.random.default_rng(12)
    weeks, runs, draws = 52, 1000, 300
    passes = 0
    for _ in range(runs):
        gains = _autoregressive(rng, weeks, 0.5)[:, None]
        starts = rng.integers(0, weeks, (draws, weeks))
        deviation = gain_deviations(gains, np.ones(weeks), starts, np.ones(draws), 1)
        passes += (1 + np.sum(deviation >= gains.mean())) / (draws + 1) <= 0.05
    assert passes / runs > 0.11


def test_noise_rarely_blocks() -> None:
    """With no true difference in any segment, one is called worse in about 5 % of worlds or fewer."""
    rng = np.random.default_rng(14)
    blocked = []
    for _ in range(400):
        rows = _rows({name: 100 * _autoregressive(rng, 52, 0.3) for name in ("a", "b")}, series=1)
        report = judge(rows, model="blend", draws=500)
        blocked.append(any(v.verdict == "worse" for v in report.segments if v.segment != "all"))
    assert np.mean(blocked) <= 0.06


def test_harm_in_holiday_weeks_blocks() -> None:
    """Better in all, but worse than a naive in holiday weeks: the naive serves and the reason says so."""
    rng = np.random.default_rng(4)
    gain = 200 + 30 * rng.standard_normal(60)
    gain[HOLIDAYS - 1 :: HOLIDAYS] = -80 + 10 * rng.standard_normal(10)
    report = judge(_rows({"seasonal-naive": gain, "naive-growth": gain + 20}), model="blend")
    total = [v for v in report.segments if v.segment == "all"]
    assert [v.verdict for v in total] == ["better", "better"]
    assert not report.passed
    assert report.serves == "seasonal-naive"
    assert "worse than seasonal-naive in the segment holiday weeks" in report.reason
    worse = {(v.segment, v.against) for v in report.segments if v.verdict == "worse"}
    assert worse == {("holiday weeks", "seasonal-naive"), ("holiday weeks", "naive-growth")}


def test_an_unproven_segment_does_not_block() -> None:
    """A segment that lost by chance, not beyond noise, is "not proven" and does not stop a good model."""
    rng = np.random.default_rng(5)
    gain = 200 + 30 * rng.standard_normal(60)
    gain[HOLIDAYS - 1 :: HOLIDAYS] = -20 + 150 * _centred(rng, 10)
    report = judge(_rows({"seasonal-naive": gain, "naive-growth": gain + 5}), model="blend")
    holiday = [v for v in report.segments if v.segment == "holiday weeks"]
    assert all(v.gain < 0 and v.verdict == "not proven" for v in holiday)
    assert report.passed


def test_few_weeks_of_a_segment_are_not_judged() -> None:
    """Three holiday weeks, however bad, say too little; four may speak."""
    gain = np.full(52, 200.0) + np.random.default_rng(6).standard_normal(52)
    gain[14::15] = -300.0  # weeks 14, 29 and 44
    report = judge(_rows({"seasonal-naive": gain, "naive-growth": gain}, every=15), model="blend")
    holiday = [v for v in report.segments if v.segment == "holiday weeks"]
    assert [(v.verdict, v.weeks) for v in holiday] == [("not judged", 3)] * 2
    assert all(np.isnan([v.p_value, v.p_holm, v.gain_low]).all() for v in holiday)
    assert all(v.gain == pytest.approx(-300.0) for v in holiday)
    assert json.loads(json.dumps(report.as_dict(), allow_nan=False))["segments"][-1]["p_value"] is None
    longer = judge(_rows({"seasonal-naive": gain, "naive-growth": gain}, every=12), model="blend")
    assert {v.verdict for v in longer.segments if v.segment == "holiday weeks"} != {"not judged"}


def test_a_short_test_judges_nothing() -> None:
    """Under eight weeks nothing is judged, the better naive serves and the report says so."""
    report = judge(
        _rows({"seasonal-naive": np.full(7, 90.0), "naive-growth": np.full(7, 60.0)}), model="blend"
    )
    assert not report.passed
    assert report.serves == "naive-growth"
    assert "7 weeks of test are too few" in report.reason
    assert {v.verdict for v in report.segments} == {"not judged"}
    nothing = serve_naive("The history is too short.")
    assert (nothing.passed, nothing.serves, nothing.segments) == (False, "naive-growth", ())


def test_a_naive_as_the_model_is_not_promoted_over_itself() -> None:
    """Judging a naive ends with the better of the two serving."""
    rows = _rows({"seasonal-naive": np.full(30, 50.0), "naive-growth": np.full(30, 20.0)})
    report = judge(replace(rows, candidate=rows.naives["seasonal-naive"]), model="seasonal-naive")
    assert (report.passed, report.serves) == (False, "naive-growth")
    assert "naive forecast itself" in report.reason


def test_gains_are_differences_of_wmae() -> None:
    """The gain of every segment is the difference of weighted errors over its rows, by a plain loop."""
    rng = np.random.default_rng(7)
    gains = {"seasonal-naive": 100 * rng.standard_normal(30), "naive-growth": 100 * rng.standard_normal(30)}
    rows = _rows(gains)
    report = judge(rows, model="blend", draws=50)
    checked = 0
    for verdict in report.segments:
        above = below = 0.0
        weeks = set()
        for i in range(len(rows.y)):
            labels = {str(label[i]) for label in rows.segments.values()} | {"all"}
            if verdict.segment in labels:
                error = abs(rows.y[i] - rows.naives[verdict.against][i]) - abs(rows.y[i] - rows.candidate[i])
                above += rows.weight[i] * error
                below += rows.weight[i]
                weeks.add(rows.week[i])
        assert verdict.gain == pytest.approx(above / below)
        assert verdict.weeks == len(weeks)
        checked += 1
    assert checked == 2 * (1 + 2 + 2)


def test_weights_decide() -> None:
    """The same errors pass or fail by the weight of the weeks in which the model is worse."""
    gain = np.full(60, 60.0) + np.random.default_rng(8).standard_normal(60)
    gain[HOLIDAYS - 1 :: HOLIDAYS] = -90.0
    rows = replace(_rows({"naive": gain}), segments={})
    assert not judge(rows, model="blend").passed
    assert judge(replace(rows, weight=np.ones_like(rows.weight)), model="blend").passed


def test_the_bootstrap_is_a_plain_loop_over_blocks() -> None:
    """Block by block, week by week, the same draws give the same deviations."""
    rng = np.random.default_rng(9)
    n, length, draws = 11, 3, 40
    gains, weights = rng.normal(5, 20, (n, 2)), rng.uniform(1, 5, n)
    starts, scale = rng.integers(0, n, (draws, 4)), rng.uniform(0.5, 2, draws)
    got = gain_deviations(gains, weights, starts, scale, length)
    for b in range(draws):
        drawn = [int(start + j) % n for start in starts[b] for j in range(length)][:n]
        assert len(drawn) == n
        for k in range(2):
            ratio = sum(gains[t, k] for t in drawn) / sum(weights[t] for t in drawn)
            plain = ratio - sum(gains[:, k]) / sum(weights)
            assert got[b, k] == pytest.approx(plain * (n / (n - length)) ** 0.5 / scale[b], abs=1e-9)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12))
def test_holm_is_a_plain_loop(p: list[float]) -> None:
    """The k-th smallest of m is multiplied by m - k + 1, never below one before it, never above 1."""
    expected, last = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        last = max(last, min(1.0, p[i] * (len(p) - rank)))
        expected[i] = last
    assert holm(np.array(p)) == pytest.approx(expected)


@given(st.integers(0, 10_000), st.floats(-1.0, 1.0), st.integers(8, 40))
def test_the_bound_and_the_p_value_agree(seed: int, shift: float, weeks: int) -> None:
    """The lower bound is above zero exactly where the p-value is 5 % or less, and that is "better"."""
    gain = 100 * (shift + np.random.default_rng(seed).standard_normal(weeks))
    for v in judge(
        replace(_rows({"naive": gain}), segments={}), model="blend", seed=seed, draws=199
    ).segments:
        assert (v.verdict == "better") == (v.gain_low > 0)
        assert (v.gain_low > 0) == (v.gain > 0 and v.p_value <= 0.05)


def test_correction_covers_segments_and_naives() -> None:
    """Segment p-values are Holm-corrected over all segments x naives; those over all rows are not."""
    rng = np.random.default_rng(10)
    gains = {
        "seasonal-naive": 40 + 100 * rng.standard_normal(60),
        "naive-growth": 30 + 100 * rng.standard_normal(60),
    }
    report = judge(_rows(gains), model="blend")
    parts = [v for v in report.segments if v.segment != "all"]
    assert all(v.gain > 0 for v in parts)
    assert [v.p_holm for v in parts] == pytest.approx(holm(np.array([v.p_value for v in parts])).tolist())
    assert all(v.p_holm == v.p_value for v in report.segments if v.segment == "all")


def test_judging_repeats_bit_for_bit() -> None:
    """One seed gives one report; another seed draws other weeks."""
    gains = {"naive": 30 + 100 * np.random.default_rng(13).standard_normal(52)}
    rows = _rows(gains)
    assert judge(rows, model="blend", seed=3) == judge(rows, model="blend", seed=3)
    other = judge(rows, model="blend", seed=4)
    assert other.segments[0].p_value != judge(rows, model="blend", seed=3).segments[0].p_value


def test_blocks_follow_the_calendar() -> None:
    """Weeks side by side are drawn six together, weeks months apart singly, never over a third of them."""
    side_by_side = FIRST + 7 * np.arange(52)
    assert block_length(side_by_side) == 6
    assert block_length(side_by_side[:12]) == 4
    assert block_length(side_by_side[::2]) == 3
    assert block_length(side_by_side[::13]) == 1
    assert block_length(FIRST + 7 * np.arange(400)) == 12


def test_the_usual_segments() -> None:
    """Horizon buckets, holiday weeks, store types, and departments by their share of sales."""
    h = np.array([1, 4, 5, 30, 60, 2, 2, 2])
    weight = np.array([1.0, 5.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    y = np.array([50.0, 20.0, 12.0, 8.0, 6.0, 2.0, 1.0, 1.0])
    department = np.array(list("abcdefgh"))
    labels = segment_labels(
        h,
        weight,
        y,
        buckets=((1, 4), (5, 13), (27, 52)),
        store_type=np.array(["A", "A", "", "B", "B", "B", "B", "B"]),
        department=department,
    )
    assert labels["horizon"].tolist()[:5] == [
        "horizon 1-4",
        "horizon 1-4",
        "horizon 5-13",
        "horizon 27-52",
        "",
    ]
    assert labels["holiday"].tolist()[:2] == ["other weeks", "holiday weeks"]
    assert labels["type"].tolist()[:4] == ["type A", "type A", "", "type B"]
    big, middle, small = (f"departments: {n} of sales" for n in ("first 80 %", "next 15 %", "last 5 %"))
    assert labels["department"].tolist() == [big, big, big, middle, middle, small, small, small]
    assert "department" not in segment_labels(h, weight, y, buckets=(), department=np.full(8, ""))


def test_rows_that_cannot_be_judged_are_refused() -> None:
    """Missing values, no rows or no naives are an error of the caller's, never a verdict."""
    rows = _rows({"naive": np.ones(20)})
    with pytest.raises(RequestError, match="naive"):
        judge(replace(rows, naives={"naive": np.full_like(rows.y, np.nan)}), model="blend")
    with pytest.raises(RequestError, match="0 naives"):
        judge(replace(rows, naives={}), model="blend")
    empty = replace(rows, y=rows.y[:0], weight=rows.weight[:0], candidate=rows.candidate[:0])
    with pytest.raises(RequestError, match="0 rows"):
        judge(replace(empty, naives={"naive": rows.y[:0]}), model="blend")
