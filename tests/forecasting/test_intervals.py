"""Bands against other solvers, and their coverage in worlds whose errors are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import norm as normal
from scipy.stats import t as student

from storecast.forecasting import intervals as module
from storecast.forecasting.intervals import PROBABILITIES, Bands, features, fit_bands

Float = NDArray[np.float64]
SLOPES = np.array([0.3, 0.8, 0.5])  # of horizon, height and calendar
HORIZON = 20
WEEKS_AN_ORIGIN = 8
GROWN = np.array(99.0)  # weeks of age


def _world(origins: int, size: int, seed: int = 0, *, normal: bool = False) -> dict[str, Float]:
    """Errors of known size: scale of the series x horizon^0.3 x height^0.8 x exp(0.5 slope)."""
    rng = np.random.default_rng(seed)
    usual = rng.uniform(500.0, 2000.0, size)
    scale = usual * rng.uniform(0.02, 0.15, size)
    shape = (origins, HORIZON, size)
    point = usual * rng.choice([0.7, 1.0, 1.5, 4.0], shape, p=[0.3, 0.4, 0.2, 0.1])
    slope = rng.uniform(0.0, 1.0, shape)
    h = np.broadcast_to(np.arange(1.0, HORIZON + 1)[:, None], shape)
    size_of = scale * h ** SLOPES[0] * np.maximum(point / usual, 1.0) ** SLOPES[1] * np.exp(SLOPES[2] * slope)
    error = rng.standard_normal(shape) * math.sqrt(math.pi / 2) if normal else rng.laplace(size=shape)
    return {"point": point, "slope": slope, "usual": usual, "actual": point + size_of * error, "scale": scale}


def _fit(world: dict[str, Float], floor: float = -math.inf, block: NDArray[np.int64] | None = None) -> Bands:
    size = len(world["usual"])
    usual = np.broadcast_to(world["usual"], (len(world["point"]) + 1, size))
    block = np.zeros(size, dtype=np.int64) if block is None else block
    return fit_bands(
        world["point"], world["actual"], usual, world["slope"], np.full(usual.shape, 99.0), block,
        np.full(size, floor), WEEKS_AN_ORIGIN * len(world["point"]),
    )  # fmt: skip


def _sigma(bands: Bands, world: dict[str, Float], c: int) -> Float:
    h = np.arange(1.0, HORIZON + 1)[:, None]
    return bands.sigma(features(h, world["point"][c], world["usual"], world["slope"][c], GROWN))


def _coverage(bands: Bands, world: dict[str, Float], level: float) -> float:
    """Share of a world's actuals inside the bands."""
    inside = []
    for c in range(len(world["point"])):
        low, high = bands.limits(world["point"][c], _sigma(bands, world, c), level)
        inside.append((world["actual"][c] >= low) & (world["actual"][c] <= high))
    return float(np.mean(inside))


def test_features_written_out():
    """Log of the weeks ahead, log of the forecast over the usual level where above it, slope, under a year of
    age, log of how much under eight weeks; all bounded."""
    point = np.array([[100.0, 300.0, 50.0, -5.0, 1e9, 70.0]])
    usual = np.array([100.0, 100.0, 100.0, 100.0, 100.0, 0.0])
    age = np.array([0.0, 1.0, 4.0, 20.0, 51.0, 52.0])
    found = features(np.array([[4.0]]), point, usual, np.array([[0.0, 0.5, 3.0, 1.0, 0.0, 0.0]]), age)
    np.testing.assert_allclose(found[0], math.log(4.0))
    np.testing.assert_allclose(found[1], [[0.0, math.log(3.0), 0.0, 0.0, math.log(20.0), 0.0]])
    np.testing.assert_allclose(found[2], [[0.0, 0.5, 2.0, 1.0, 0.0, 0.0]])
    np.testing.assert_allclose(found[3], [[1.0, 1.0, 1.0, 1.0, 1.0, 0.0]])
    np.testing.assert_allclose(found[4], [[math.log(8.0), math.log(8.0), math.log(2.0), 0.0, 0.0, 0.0]])


@pytest.mark.parametrize("truth", [(0.3, 0.8, 0.5), (0.0, 0.6, 0.0), (-0.4, 0.5, 0.1)])
def test_slopes_by_another_solver(truth: tuple[float, ...]):
    """The non-negative slopes of the Laplace likelihood, as a general optimizer finds them."""
    rng = np.random.default_rng(1)
    x = np.abs(rng.standard_normal((3, 4000)))
    size = np.abs(rng.laplace(size=4000)) * np.exp(0.5 + np.array(truth) @ x)

    def loss(beta: Float) -> float:
        log_sigma = beta[0] + beta[1:] @ x
        return float(np.mean(size * np.exp(-log_sigma) + log_sigma))

    other = minimize(loss, np.zeros(4), bounds=[(None, None), *[(0.0, 3.0)] * 3], method="L-BFGS-B")
    np.testing.assert_allclose(module._slopes(size, x), other.x[1:], atol=2e-3)


def test_slopes_of_perfect_forecasts_are_zero():
    """No error at all has no shape to learn."""
    assert module._slopes(np.zeros(100), np.ones((3, 100))).tolist() == [0.0, 0.0, 0.0]


def test_scales_are_shrunk_to_the_block_by_a_loop():
    """A series' mean absolute error counts by its origins, its block's relative error by four."""
    own = np.array([10.0, math.nan, 50.0, 8.0])
    origins, usual, block = (
        np.array([2.0, 0.0, 6.0, 1.0]),
        np.array([100.0, 400.0, 200.0, 80.0]),
        [0, 0, 0, 1],
    )
    share = (10.0 + 50.0) / (100.0 + 200.0)
    expected = [
        (2 * 10.0 + 4 * share * 100.0) / 6,
        share * 400.0,
        (6 * 50.0 + 4 * share * 200.0) / 10,
        (1 * 8.0 + 4 * 0.1 * 80.0) / 5,
    ]
    np.testing.assert_allclose(module._shrunk(own, origins, usual, np.array(block)), expected)


def test_the_shape_of_the_errors_is_learnt():
    """Slopes and the relative scales of the series are those the world was made with."""
    world = _world(40, 30)
    bands = _fit(world)
    np.testing.assert_allclose(bands.slopes[:3], SLOPES, atol=0.08)
    ratio = bands.scale / world["scale"]
    np.testing.assert_allclose(ratio / ratio.mean(), 1.0, atol=0.25)


@pytest.mark.parametrize("normal", [False, True])
@pytest.mark.parametrize("level", [50.0, 80.0, 95.0, 99.0])
def test_coverage_of_new_errors_is_the_level(level: float, normal: bool):
    """Fitted on one draw of a world, the bands cover the level in another, whatever the errors' shape."""
    bands = _fit(_world(40, 30, seed=1, normal=normal))
    fresh = _world(40, 30, seed=1, normal=normal)
    rng = np.random.default_rng(99)
    error = rng.standard_normal(fresh["actual"].shape) if normal else rng.laplace(size=fresh["actual"].shape)
    h = np.arange(1.0, HORIZON + 1)[None, :, None]
    height = np.maximum(fresh["point"] / fresh["usual"], 1.0)
    size_of = fresh["scale"] * h ** SLOPES[0] * height ** SLOPES[1] * np.exp(SLOPES[2] * fresh["slope"])
    fresh["actual"] = fresh["point"] + size_of * error * (math.sqrt(math.pi / 2) if normal else 1.0)
    assert abs(_coverage(bands, fresh, level) - level / 100.0) < 0.025


def test_skewed_errors_have_skewed_bands():
    """Where actuals fall far below but never above, so does the band."""
    world = _world(40, 30, seed=2)
    world["actual"] = world["point"] - np.abs(world["actual"] - world["point"])
    bands = _fit(world)
    low, high = bands.limits(world["point"][0], _sigma(bands, world, 0), 80.0)
    assert (high == world["point"][0]).mean() > 0.99
    assert (low < world["point"][0]).all()


@given(st.lists(st.floats(1.0, 99.8), min_size=2, max_size=6), st.integers(0, 1000))
def test_limits_are_nested_and_hold_the_point(levels: list[float], seed: int):
    """A higher level's band holds every lower level's, and all hold the point."""
    rng = np.random.default_rng(seed)
    quantiles = np.sort(rng.normal(rng.uniform(-2, 2), 1.0, len(PROBABILITIES)))
    bands = Bands(np.ones(4), np.zeros(3), quantiles, np.array([0.0, -math.inf, 0.0, 0.0]))
    point = rng.normal(3.0, 4.0, (5, 4))
    sigma = rng.uniform(0.0, 5.0, (5, 4))
    low, high = point, point
    for level in sorted(levels):
        wider_low, wider_high = bands.limits(point, sigma, level)
        assert (wider_low <= low).all()
        assert (wider_high >= high).all()
        low, high = wider_low, wider_high
    assert (low[:, 0] >= np.minimum(0.0, point[:, 0])).all()


def test_no_error_expected_no_width():
    """Sigma zero (a closed week) is a band of the point alone."""
    bands = _fit(_world(10, 5))
    low, high = bands.limits(np.zeros((2, 5)), np.zeros((2, 5)), 95.0)
    assert not low.any()
    assert not high.any()


def test_quantiles_between_and_beyond_the_table():
    """Linear between neighbours, flat beyond the outermost."""
    bands = Bands(np.ones(1), np.zeros(3), PROBABILITIES * 10.0, np.zeros(1))
    for p in (0.001, 0.0123, 0.5, 0.9, 0.999):
        assert bands.quantile(p) == pytest.approx(10.0 * p)
    assert bands.quantile(0.0) == pytest.approx(0.01)
    assert bands.quantile(1.0) == pytest.approx(9.99)


def test_few_origins_widen():
    """The same residuals known from one rolling origin give wider bands than from many."""
    world = _world(24, 20, seed=3)
    few = {name: v[:1] if v.ndim == 3 else v for name, v in world.items()}
    for name in ("point", "actual", "slope"):  # the same 24 x 20 errors, as 480 series of one origin
        few[name] = world[name].transpose(1, 0, 2).reshape(1, HORIZON, -1)
    few["usual"] = np.tile(world["usual"], 24)
    many_bands, few_bands = _fit(world), _fit(few)
    wide = few_bands.quantile(0.9) * few_bands.scale.mean()
    assert wide > 1.1 * many_bands.quantile(0.9) * many_bands.scale.mean()


def test_without_any_residual_errors_are_a_tenth_and_laplace():
    """A panel too young for rolling origins: a tenth of the usual level, with exponential tails."""
    bands = fit_bands(
        np.zeros((0, 5, 2)), np.zeros((0, 5, 2)), np.array([[100.0, 50.0]]), np.zeros((0, 5, 2)),
        np.full((1, 2), 30.0), np.zeros(2, dtype=np.int64), np.zeros(2), 0,
    )  # fmt: skip
    np.testing.assert_allclose(bands.scale, [10.0, 5.0])
    assert bands.quantile(0.9) == pytest.approx(-math.log(0.2), rel=1e-3)
    assert bands.quantile(0.1) == pytest.approx(math.log(0.2), rel=1e-3)
    assert bands.quantile(0.5) == pytest.approx(0.0, abs=1e-12)


def test_samples_of_many_residuals_say_the_same(monkeypatch: pytest.MonkeyPatch):
    """Learning from a sample of the residuals changes the bands by a few percent at most."""
    world = _world(40, 60, seed=4)
    world["actual"][np.random.default_rng(0).random(world["actual"].shape) < 0.3] = math.nan
    whole = _fit(world)
    monkeypatch.setattr(module, "_SAMPLE", 12_000)
    monkeypatch.setattr(module, "_SLOPE_SAMPLE", 5_000)
    some = _fit(world)
    assert not np.array_equal(whole.quantiles, some.quantiles)
    np.testing.assert_allclose(some.slopes, whole.slopes, atol=0.1)
    for p in (0.025, 0.1, 0.9, 0.975):
        assert some.quantile(p) == pytest.approx(whole.quantile(p), rel=0.1)


def test_the_sample_is_of_known_entries_in_order(monkeypatch: pytest.MonkeyPatch):
    """Sampled indices are known ones, sorted, none twice, about as many as asked for."""
    known = np.random.default_rng(0).random(50_000) < 0.4
    monkeypatch.setattr(module, "_SAMPLE", 3_000)
    found = module._sample(known)
    assert known[found].all()
    assert (np.diff(found) > 0).all()
    assert 2_500 < len(found) < 3_300
    monkeypatch.setattr(module, "_SAMPLE", 50_000)
    assert module._sample(known).tolist() == np.flatnonzero(known).tolist()


@pytest.mark.parametrize("freedom", [2.5, 4.0, 10.0, 40.0])
def test_the_widening_is_students(freedom: float):
    """Quantiles grow as Student's t does over the normal distribution: few blocks of weeks, longer tails."""
    p = PROBABILITIES[(PROBABILITIES > 0.02) & (PROBABILITIES < 0.98) & (abs(PROBABILITIES - 0.5) > 0.01)]
    found = np.interp(p, PROBABILITIES, module.widening(13.0 * freedom, 1.0))
    np.testing.assert_allclose(found, student.ppf(p, freedom) / normal.ppf(p), rtol=0.07)


def test_one_series_knows_less_of_the_tails_than_many():
    """The same residuals as one series' own give wider quantiles than as those of many series."""
    world = _world(12, 40, seed=6)
    one = {name: v[..., :1] for name, v in world.items()}
    alone, many = _fit(one), _fit(world)
    residual = (one["actual"] - one["point"]).ravel()
    h = np.broadcast_to(np.arange(1.0, HORIZON + 1)[:, None], one["point"].shape)
    x = features(h, one["point"], one["usual"], one["slope"], GROWN)
    raw = np.quantile(residual / (alone.sigma(x)).ravel(), 0.975)
    assert alone.quantile(0.975) > 1.12 * raw
    assert many.quantile(0.975) < 1.05 * alone.quantile(0.975)


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 4), st.floats(-3.0, 3.0))
def test_quantiles_rise(seed: int, origins: int, size: int, drift: float):
    """However few residuals there are, and however far they all lie on one side."""
    rng = np.random.default_rng(seed)
    shape = (origins, 4, size)
    usual = np.full((origins + 1, size), 100.0)
    actual = 100.0 + 10.0 * (drift + rng.standard_normal(shape) * rng.choice([0.01, 1.0]))
    bands = fit_bands(
        np.full(shape, 100.0), actual, usual, np.zeros(shape), np.full(usual.shape, 60.0),
        np.zeros(size, dtype=np.int64), np.full(size, -math.inf), 4 * origins,
    )  # fmt: skip
    assert (np.diff(bands.quantiles) >= 0.0).all()


def test_young_series_have_the_error_of_the_young():
    """Three times the error while under a year: bands of the young cover what they say, at the same age in
    the future, and so do those of the grown."""
    rng = np.random.default_rng(7)
    origins, size, h = 20, 120, 8
    age = 10.0 + 8.0 * np.arange(origins + 1)[:, None] + np.where(np.arange(size) < 60, 200.0, 0.0)
    age[:, 90:] -= 8.0 * 14  # begin late: still young at the end
    begun = age > 0
    true = 50.0 * np.where(age < 52, 3.0, 1.0)
    actual = 1000.0 + true[:, None, :] * rng.laplace(size=(origins + 1, h, size))
    actual[:, :, :][~np.broadcast_to(begun[:, None, :], actual.shape)] = math.nan
    point, usual = np.full(actual.shape, 1000.0), np.full(age.shape, 1000.0)
    bands = fit_bands(
        point[:-1], actual[:-1], usual, np.zeros(actual[:-1].shape), np.maximum(age, 0.0),
        np.zeros(size, dtype=np.int64), np.zeros(size), 160,
    )  # fmt: skip
    x = features(np.ones((h, 1)), point[-1], usual[-1], np.zeros((h, size)), age[-1])
    low, high = bands.limits(point[-1], bands.sigma(x), 80.0)
    inside = (low <= actual[-1]) & (actual[-1] <= high)
    assert np.exp(bands.slopes[3]) == pytest.approx(3.0, rel=0.25)
    assert 0.72 < inside[:, 90:].mean() < 0.9
    assert 0.72 < inside[:, :90].mean() < 0.9


def test_each_block_speaks_for_its_young():
    """A series without residuals has its own block's relative error, not the panel's."""
    world = _world(20, 20, seed=5)
    block = np.arange(20) // 10
    world["actual"][:, :, 10:] = world["point"][:, :, 10:] * 1.5
    world["actual"][:, :, [0, 19]] = math.nan
    bands = _fit(world, block=block)
    relative = bands.scale / world["usual"]
    assert relative[19] > 2.0 * relative[0]
    np.testing.assert_allclose(relative[19], np.mean(relative[10:19]), rtol=0.2)


def test_a_block_near_zero_does_not_blow_up_a_scale():
    """One series that stood near zero and sold once after all lends no absurd error to its block."""
    own = np.array([9.0, np.nan, 50.0])
    usual = np.array([0.0, 30.0, 1000.0])
    scale = module._shrunk(own, np.array([2.0, 0.0, 8.0]), usual, np.array([0, 0, 1]))
    assert scale[1] <= 2.0 * usual[1]
    assert scale[0] < own[0] < 50.0
