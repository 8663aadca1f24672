"""A fitted direct forecaster as data: the same bits after a round trip, and honest answers to "what if"."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.errors import DataError, RequestError
from storecast.forecasting.baselines import naive_growth, seasonal_naive
from storecast.forecasting.calendar import US_RETAIL, Calendar
from storecast.forecasting.direct import (
    DirectConfig,
    DirectState,
    importance,
    predict_direct,
    roll_direct,
)
from storecast.forecasting.features import make_facts, make_features
from storecast.forecasting.metrics import wmae
from storecast.forecasting.panel import Panel
from storecast.stores.sales_files import read_sales
from tests.forecasting.direct.worlds import DEGREES, EFFECT, chain, growing, until, weather
from tests.needs import ROOT

Float = NDArray[np.float64]
CONFIG = DirectConfig(rows=4_000, rounds=40)


@dataclass
class _Content:
    arrays: dict[str, Any]
    texts: dict[str, str]
    meta: dict[str, Any]


def _round_trip(state: DirectState, folder: Path) -> DirectState:
    """Through real files: arrays without pickle, text, JSON."""
    arrays, texts, meta = state.content()
    np.savez(folder / "arrays.npz", allow_pickle=False, **arrays)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    saved = json.loads(json.dumps(meta, allow_nan=False))
    with np.load(folder / "arrays.npz", allow_pickle=False) as stored:
        loaded = {name: stored[name] for name in stored.files}
    return DirectState.from_content(
        _Content(loaded, {n: (folder / n).read_text(encoding="utf-8") for n in texts}, saved)
    )


@pytest.fixture(scope="module")
def fitted() -> tuple[Panel, Float, DirectState]:
    panel = chain()
    rolling, state = roll_direct(panel, 13, US_RETAIL, config=CONFIG, step=8)
    return panel, rolling.point[-1], state


@pytest.fixture(scope="module")
def warmed() -> tuple[Panel, DirectState]:
    """What the default settings learn of a world in which warmth sells, all but its last ten weeks known."""
    panel = weather()
    return panel, roll_direct(until(panel, 120), 13, US_RETAIL, step=8)[1]


def test_a_state_gives_the_forecast_of_its_fit(fitted: tuple[Panel, Float, DirectState], tmp_path: Path):
    """Right after the fit and after a round trip through files: the same bits."""
    panel, point, state = fitted
    loaded = _round_trip(state, tmp_path)
    assert loaded.config == CONFIG
    assert (loaded.names, loaded.share, loaded.horizon) == (state.names, state.share, 13)
    for s in (state, loaded):
        assert predict_direct(s, panel, 13, US_RETAIL).tobytes() == point.tobytes()
        assert predict_direct(s, panel, 5, US_RETAIL).tobytes() == point[:5].tobytes()


def test_a_state_without_trees_is_a_state(tmp_path: Path):
    """A history too short for trees saves, loads and forecasts its base."""
    panel = until(growing(), 30)
    rolling, state = roll_direct(panel, 8, US_RETAIL, step=4)
    loaded = _round_trip(state, tmp_path)
    assert loaded.content()[1] == {}
    assert predict_direct(loaded, panel, 8, US_RETAIL).tobytes() == rolling.point[-1].tobytes()
    assert importance(loaded) == {}


def test_forecasting_needs_no_scikit_learn(fitted: tuple[Panel, Float, DirectState], tmp_path: Path):
    """A process in which scikit-learn cannot be imported gives the same bits from the saved state."""
    _, point, state = fitted
    arrays, texts, meta = state.content()
    np.savez(tmp_path / "arrays.npz", allow_pickle=False, **arrays)
    (tmp_path / "model").write_text(texts["direct"], encoding="utf-8")
    (tmp_path / "meta").write_text(json.dumps(meta), encoding="utf-8")
    script = f"""
import sys
sys.modules["sklearn"] = None
import json
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.direct import DirectState, predict_direct
assert "lightgbm" not in sys.modules
from tests.forecasting.direct.worlds import chain
folder = Path({str(tmp_path)!r})
content = SimpleNamespace(
    arrays=dict(np.load(folder / "arrays.npz")),
    texts={{"direct": (folder / "model").read_text(encoding="utf-8")}},
    meta=json.loads((folder / "meta").read_text(encoding="utf-8")),
)
point = predict_direct(DirectState.from_content(content), chain(), 13, US_RETAIL)
sys.stdout.write(point.tobytes().hex())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == point.tobytes().hex()


def test_what_is_given_moves_the_forecast_as_the_world_does(warmed: tuple[Panel, DirectState]):
    """Warmer weeks sell more, colder ones less; knowing the true temperatures makes the forecast better."""
    panel, state = warmed
    known, actual = until(panel, 120), panel.values[120:]
    plain = predict_direct(state, known, 10, US_RETAIL)
    true = panel.observed["temperature"][120:]
    usual = 60.0 - 20.0 * np.cos(2.0 * np.pi * np.arange(120, 130) / 52.18)[:, None]
    warm, cold = (
        predict_direct(
            state,
            known,
            10,
            US_RETAIL,
            known_future={"temperature": np.broadcast_to(usual + d, (10, 20)).copy()},
        )
        for d in (DEGREES, -DEGREES)
    )
    assert 0.25 * 2 * EFFECT < (warm.sum() - cold.sum()) / plain.sum() < 1.25 * 2 * EFFECT
    assert ((warm - cold).sum(axis=1) > 0).all()
    given = predict_direct(state, known, 10, US_RETAIL, known_future={"temperature": true})
    assert np.abs(given - actual).sum() < 0.85 * np.abs(plain - actual).sum()


def test_a_variable_that_does_nothing_moves_little(warmed: tuple[Panel, DirectState]):
    """Fuel prices have no part in this world: importance says so, and so does the answer to a jump."""
    panel, state = warmed
    known = until(panel, 120)
    plain = predict_direct(state, known, 10, US_RETAIL)
    dear = np.broadcast_to(panel.observed["fuel_price"][119] + 0.5, (10, 20)).copy()
    jump = predict_direct(state, known, 10, US_RETAIL, known_future={"fuel_price": dear})
    assert abs(jump.sum() / plain.sum() - 1.0) < 0.15 * EFFECT
    share = importance(state)
    assert sum(share.values()) == pytest.approx(1.0)
    assert set(share) == set(state.names)
    assert max(share, key=lambda name: share[name]) == "temperature_surprise"
    assert share["temperature_surprise"] > 5.0 * (share["fuel_price"] + share["fuel_price_surprise"])


def test_nothing_given_is_the_plain_forecast(warmed: tuple[Panel, DirectState]):
    """Future values that are all unknown, or an empty set of them, change no bit."""
    panel, state = warmed
    known = until(panel, 120)
    plain = predict_direct(state, known, 10, US_RETAIL)
    for future in ({}, {"temperature": np.full((10, 20), np.nan)}):
        assert predict_direct(state, known, 10, US_RETAIL, known_future=future).tobytes() == plain.tobytes()


def test_the_share_scales_what_the_trees_add(fitted: tuple[Panel, Float, DirectState]):
    """At share zero the base alone stands; the share of the fit is what 68 weeks of targets earn."""
    panel, point, state = fitted
    assert state.share == 68 / (68 + 26)
    base = make_features(panel, 120, 13, make_facts(panel.weeks[0] + 7 * np.arange(134), US_RETAIL)).base
    assert np.array_equal(predict_direct(replace(state, share=0.0), panel, 13, US_RETAIL), base)
    half = predict_direct(replace(state, share=state.share / 2), panel, 13, US_RETAIL)
    assert half == pytest.approx((base + point) / 2)


def test_newer_history_is_read_without_a_new_fit(fitted: tuple[Panel, Float, DirectState]):
    """The same trees on four weeks more: a forecast from the new last week on, the new sales in view."""
    _, _, state = fitted
    longer = chain(rows=124)
    point = predict_direct(state, longer, 13, US_RETAIL)
    assert np.isfinite(point).all()
    doubled = replace(
        longer, values=np.where(np.arange(124)[:, None] >= 111, 2.0 * longer.values, longer.values)
    )
    assert predict_direct(state, doubled, 13, US_RETAIL).sum() > 1.2 * point.sum()


@pytest.mark.parametrize(
    ("horizon", "future", "where"),
    [
        (0, None, "horizon"),
        (14, None, "horizon"),
        (13, {"sunshine": np.zeros((13, 12))}, "known_future"),
        (13, {"temperature": np.zeros((12, 12))}, "known_future"),
        (13, {"temperature": np.zeros((13, 1))}, "known_future"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(
    fitted: tuple[Panel, Float, DirectState], horizon: int, future: dict[str, Float] | None, where: str
):
    """A horizon longer than learnt, an unknown variable, another shape: refused with the remedy."""
    panel, _, state = fitted
    with pytest.raises(RequestError) as caught:
        predict_direct(state, panel, horizon, US_RETAIL, known_future=future)
    assert caught.value.where == where
    assert caught.value.remedy
    if where == "known_future":
        with pytest.raises(RequestError):
            roll_direct(panel, horizon, US_RETAIL, step=8, known_future=future)


def test_missing_columns_are_refused(fitted: tuple[Panel, Float, DirectState]):
    """A panel or calendar without what the model learnt from is named and refused, never filled."""
    panel, _, state = fitted
    without = replace(panel, observed={"markdown1": panel.observed["markdown1"]})
    with pytest.raises(DataError, match="temperature"):
        predict_direct(state, without, 13, US_RETAIL)
    with pytest.raises(DataError, match="Easter"):
        predict_direct(state, panel, 13, Calendar("none", ()))


def test_more_columns_change_nothing(fitted: tuple[Panel, Float, DirectState]):
    """A variable that the model never saw is left aside."""
    panel, point, state = fitted
    more = {"cpi": np.ones_like(panel.values), **panel.observed}
    assert predict_direct(state, replace(panel, observed=more), 13, US_RETAIL).tobytes() == point.tobytes()


@pytest.mark.parametrize(("known", "horizon"), [(78, 26), (91, 13)])
def test_it_beats_both_naives_on_real_stores(real_data: Path, known: int, horizon: int):
    """On windows with Thanksgiving and Christmas before them or in them, error is well below both naives'."""
    panel = Panel.from_frame(read_sales(real_data / "Walmart_Sales.csv").panel)
    past = until(panel, known)
    point = roll_direct(past, horizon, US_RETAIL, step=8)[0].point[-1]
    actual = panel.values[known : known + horizon]
    weight = US_RETAIL.weights(panel.weeks)[known : known + horizon, None]
    for naive in (seasonal_naive, naive_growth):
        assert wmae(actual, point, weight) < 0.8 * wmae(actual, naive(past.values, horizon), weight)
