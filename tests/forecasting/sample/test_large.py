"""Large panels: chunks that add up, repeat, and do not depend on how many follow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from storecast.errors import RequestError
from storecast.forecasting.sample import SERIES_A_CHUNK, make_large


def test_chunks_hold_all_series_once_and_in_order():
    """12,000 series come in chunks of at most 5,000, complete, with keys in order and no key twice."""
    chunks = list(make_large(12_000, weeks=8, seed=1))
    assert [len(c) for c in chunks] == [8 * SERIES_A_CHUNK, 8 * SERIES_A_CHUNK, 8 * 2_000]
    keys = pd.concat([c["unique_id"].drop_duplicates() for c in chunks])
    assert len(keys) == 12_000
    assert keys.is_unique
    assert keys.is_monotonic_increasing
    values = np.concatenate([c["y"].to_numpy() for c in chunks])
    assert np.isfinite(values).all()
    assert (values > 0).all()
    assert list(chunks[0].columns) == ["unique_id", "ds", "y"]


def test_a_series_is_the_same_however_many_follow():
    """The first 6,000 of a panel are the panel of 6,000, bit for bit."""
    small, large = (pd.concat(make_large(n, weeks=6, seed=3)) for n in (6_000, 11_000))
    pd.testing.assert_frame_equal(small, large.iloc[: len(small)], check_exact=True)


def test_chunks_and_seeds_differ():
    """No chunk repeats another, and no seed another."""
    first, second = make_large(10_000, weeks=6, seed=3)
    assert (first["y"] == second["y"]).mean() < 0.001
    assert not first["y"].equals(next(make_large(10_000, weeks=6, seed=4))["y"])


def test_large_series_have_a_season():
    """The same week of two years is nearer than the weeks between: these are not noise."""
    values = next(make_large(500, weeks=156, seed=0))["y"].to_numpy().reshape(500, 156)
    share = np.log(values).mean(axis=0) - np.log(values).mean()
    assert np.corrcoef(share[:104], share[52:])[0, 1] > 0.8


@pytest.mark.parametrize("size", [(0, 10), (10, 0)])
def test_an_empty_panel_is_refused_at_the_call(size: tuple[int, int]):
    """A count below one is refused before anything is iterated."""
    with pytest.raises(RequestError, match="empty"):
        make_large(*size)
