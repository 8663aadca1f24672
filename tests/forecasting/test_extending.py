"""New sales against the history they go on from: what is new, what was corrected, what must not be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from storecast.errors import DataError
from storecast.forecasting.extending import CORRECTED_WEEKS, extend
from storecast.forecasting.panel import Panel
from tests.forecasting.panels import as_panel

WEEKS = 30


def values() -> NDArray[np.float64]:
    return np.arange(1.0, 1.0 + WEEKS * 3).reshape(WEEKS, 3)


def part(panel: Panel, first: int, last: int) -> Panel:
    """Some weeks of a panel, as a file that holds only them would be read."""
    return as_panel(panel.values[first:last], first=str(panel.weeks[first]))


def test_the_new_week_alone_and_the_whole_history_say_the_same() -> None:
    """Either way one week is new, and nothing of the past has changed."""
    whole = as_panel(values())
    old = part(whole, 0, WEEKS - 1)
    for news in (whole, part(whole, WEEKS - 1, WEEKS), part(whole, WEEKS - 4, WEEKS)):
        found = extend(old, news)
        assert np.array_equal(found.panel.values, whole.values)
        assert np.array_equal(found.panel.weeks, whole.weeks)
        assert (found.new, found.changed, found.lost, found.early, found.born) == (1, 0, 0, 0, ())


def test_corrections_are_counted_and_old_ones_told() -> None:
    """A late correction replaces what was known; one of long ago is counted apart, with both values."""
    whole = as_panel(values())
    old = part(whole, 0, WEEKS - 1)
    news = values()
    news[WEEKS - 1 - CORRECTED_WEEKS, 1] += 1.0  # the earliest week that may still be corrected
    late = extend(old, as_panel(news))
    assert (late.changed, late.early) == (1, 0)
    assert np.array_equal(late.panel.values, news)
    news[WEEKS - 2 - CORRECTED_WEEKS, 2] += 0.5
    early = extend(old, as_panel(news))
    assert (early.changed, early.early) == (2, 1)
    assert early.examples == (
        f"series s002, week {whole.weeks[WEEKS - 2 - CORRECTED_WEEKS]}: 63.00 before, 63.50 now",
    )


def test_rows_that_are_gone_are_told() -> None:
    """Where the whole history is given, a row that is not there any more is lost."""
    whole = as_panel(values())
    old, news = part(whole, 0, WEEKS - 1), values()
    news[4, 0] = np.nan
    found = extend(old, as_panel(news))
    assert (found.lost, found.early) == (1, 1)
    assert np.isnan(found.panel.values[4, 0])
    some = as_panel(news[4:], first=str(whole.weeks[4]))
    assert extend(old, some).lost == 0
    assert extend(old, some).panel.values[4, 0] == whole.values[4, 0]


def test_a_series_that_a_whole_file_lacks_is_gone() -> None:
    """It is named, its sales are told as lost and are not taken for never having been there; what remains are
    the other series. Weeks alone say nothing of a series that they lack."""
    whole = as_panel(values())
    old = part(whole, 0, WEEKS - 1)
    found = extend(old, as_panel(values()[:, :2]))
    assert (found.gone, found.lost) == (("s002",), WEEKS - 1)
    assert found.examples[0] == f"series s002, week {whole.weeks[0]}: 3.00 before, no row now"
    assert np.array_equal(found.panel.values[:-1, 2], old.values[:, 2])
    assert found.remaining.keys.tolist() == ["s000", "s001"]
    assert np.array_equal(found.remaining.values, values()[:, :2])
    some = extend(old, as_panel(values()[-1:, :2], first=str(whole.weeks[-1])))
    assert (some.gone, some.remaining.keys.tolist()) == ((), whole.keys.tolist())


def test_new_series_are_missing_before_they_begin() -> None:
    """A store that opens: no sale is made up for the weeks before, and the others keep their places."""
    whole = as_panel(values())
    news = as_panel(np.array([[1.0, 2.0]]), first=str(whole.weeks[-1]), keys=["aaa", "s001"])
    found = extend(part(whole, 0, WEEKS - 1), news)
    assert found.born == ("aaa",)
    assert found.panel.keys.tolist() == ["aaa", "s000", "s001", "s002"]
    assert np.isnan(found.panel.values[:-1, 0]).all()
    assert found.panel.values[-1].tolist()[::2] == [1.0, 2.0]
    assert np.isnan(found.panel.values[-1, [1, 3]]).all()


def test_attributes_that_come_later_are_taken_and_known_ones_stay() -> None:
    """A type or size that the history lacked is that of the new sales; what it says itself counts."""
    whole = as_panel(values())
    nan = float("nan")
    old = replace(
        part(whole, 0, WEEKS - 1),
        static={"type": np.array(["A", "", None], dtype=object), "size": np.array([1.0, nan, nan])},
    )
    news = replace(
        whole, static={"type": np.array(["B", "C", nan], dtype=object), "size": np.array([7.0, 8.0, nan])}
    )
    found = extend(old, news).panel.static
    assert found["type"].tolist() == ["A", "C", ""]
    np.testing.assert_array_equal(found["size"], [1.0, 8.0, nan])


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [(0, 20, "no week"), (22, 24, "is missing"), (10, 24, "is missing")],
)
def test_what_does_not_go_on_is_refused(first: int, last: int, words: str) -> None:
    """Nothing new, or a week left out, is no update."""
    whole = as_panel(values())
    news = part(whole, first, last)
    if first == 10:
        news.values[21 - first] = np.nan
    with pytest.raises(DataError, match=words):
        extend(part(whole, 0, 21), news)


def test_another_weekday_is_refused() -> None:
    """Weeks that end on another day are others."""
    whole = as_panel(values())
    with pytest.raises(DataError, match="not those of the history"):
        extend(whole, as_panel(values()[:2], first="2010-09-04"))
