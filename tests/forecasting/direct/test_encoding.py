"""The preprocessing on arrays gives the same bits as the scikit-learn transformer it was taken from."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from storecast.forecasting.calendar import US_RETAIL
from storecast.forecasting.direct.encoding import RAW_NAMES, fit_encoding, make_preprocessing, static_texts
from storecast.forecasting.direct.state import columns
from storecast.forecasting.features import make_facts, make_features
from storecast.forecasting.panel import Panel
from tests.forecasting.panels import as_panel

SIZE = 6


def _panel(stores: list[str], kinds: list[object], sizes: list[float]) -> Panel:
    values = np.random.default_rng(3).gamma(4.0, 300.0, (90, SIZE))
    values[:40, 2] = math.nan
    panel = as_panel(values, stores=stores, blocks=["1", "2", "10", "1", "2", "10"])
    return replace(panel, static={"type": np.array(kinds, dtype=object), "size": np.array(sizes)})


TRAINED = _panel(
    ["1", "10", "2", "é", "Ω", "store 7"],
    ["A", "B", None, "A", math.nan, "C"],
    [1e5, 2e5, 3.5, math.nan, 7.0, 0.1],
)
LATER = _panel(
    ["1", "new", "2", "é", "", "3"], ["B", "D", "A", "", None, "C"], [1.0, math.nan, 3.0, 4.0, 5.0, 6.0]
)


def _raw(panel: Panel) -> tuple[NDArray[np.object_], NDArray[np.float64], tuple[str, ...]]:
    """Raw columns of all rows, for scikit-learn, and the features among them."""
    features = make_features(panel, 90, 10, make_facts(panel.weeks[0] + 7 * np.arange(101), US_RETAIL))
    rows = features.rows()
    raw = np.empty((len(rows), len(RAW_NAMES) + rows.shape[1]), dtype=object)
    raw[:, :3] = np.tile(static_texts(panel).T, (10, 1))
    raw[:, 3] = np.tile(panel.code("size"), 10)
    raw[:, 4:] = rows
    return raw, rows, (*RAW_NAMES, *features.names)


def test_arrays_and_scikit_learn_agree_bit_for_bit():
    """Known and new stores, missing types, NaN numbers: both give the same table, in training and later."""
    fitted = make_preprocessing().fit(_raw(TRAINED)[0])
    encoding = fit_encoding(TRAINED)
    for panel in (TRAINED, LATER):
        raw, rows, _ = _raw(panel)
        ours = np.concatenate([np.tile(columns(panel, encoding).T, (10, 1)), rows], axis=1)
        theirs = fitted.transform(raw)
        assert theirs.dtype == np.float64
        assert ours.tobytes() == np.ascontiguousarray(theirs).tobytes()


def test_frames_are_preprocessed_like_arrays():
    """The transformer takes a frame whose columns stand in the same order, and keeps their names."""
    raw, _, names = _raw(TRAINED)
    frame = pd.DataFrame({name: raw[:, i] for i, name in enumerate(names)})
    frame = frame.astype(dict.fromkeys(names[3:], float))
    fitted = make_preprocessing().fit(frame)
    assert np.array_equal(fitted.transform(frame), make_preprocessing().fit_transform(raw), equal_nan=True)
    assert [name.partition("__")[2] for name in fitted.get_feature_names_out()] == list(names)


def test_codes_are_places_among_the_known_texts():
    """A code is the rank of the text among those of the fit; a text never seen has none."""
    encoding = fit_encoding(TRAINED)
    assert [known.tolist() for known in encoding.categories] == [
        sorted(["1", "10", "2", "é", "Ω", "store 7"]),
        ["1", "10", "2"],
        ["", "A", "B", "C"],
    ]
    found = encoding.codes(static_texts(LATER))
    assert found[0].tolist()[0] == 0.0
    assert np.isnan(found[0][[1, 4, 5]]).all()
    assert found[2].tolist()[0] == 2.0
    assert math.isnan(found[2][1])
    assert found[2].tolist()[2:] == [1.0, 0.0, 0.0, 3.0]
