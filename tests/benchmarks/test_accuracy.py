"""A method's score, and the tables that show it."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks import scoring
from benchmarks.accuracy import score
from benchmarks.tables import markdown_table


def _rows() -> pd.DataFrame:
    weeks = pd.to_datetime(["2012-02-03", "2012-02-10", "2012-05-04"])
    cutoffs = pd.to_datetime(["2012-01-27", "2012-01-27", "2012-04-27"])
    return pd.DataFrame(
        {
            "unique_id": "1",
            "ds": weeks,
            "cutoff": cutoffs,
            "y": [100.0, 200.0, 300.0],
            "weight": [1.0, 5.0, 1.0],
        }
    )


def test_a_score_is_the_mean_over_cutoffs_beside_the_naive() -> None:
    """Each cutoff counts alike, whatever its number of rows; pooled and ratio are told apart."""
    rows = _rows()
    naives = {"seasonal-naive": rows["y"] + 60, "naive-growth": rows["y"] - 30}
    forecast = rows[scoring.KEYS].assign(point=rows["y"] + [12.0, 0.0, -30.0])
    found = score(rows, forecast, naives, 1.5)
    first, second = (1 * 12 + 5 * 0) / 6, 30.0
    assert found.wmae == pytest.approx((first + second) / 2)
    assert found.pooled == pytest.approx((12 + 0 + 30) / 7)
    assert found.ratio == pytest.approx(found.wmae / 60)
    assert (found.stood_in, found.bands, found.losers, found.seconds) == (0.0, {}, 0, 1.5)


def test_the_naive_stands_in_for_an_answer_that_is_missing() -> None:
    """A method without an answer is scored with the seasonal naive's, and the share is told."""
    rows = _rows()
    naives = {"seasonal-naive": rows["y"] + 60, "naive-growth": rows["y"] + 60}
    forecast = rows[scoring.KEYS].assign(point=rows["y"]).iloc[:2]
    found = score(rows, forecast, naives, None)
    assert found.wmae == pytest.approx((0 + 60) / 2)
    assert found.stood_in == pytest.approx(100 / 3)


def test_a_table_is_markdown_with_numbers_to_the_right() -> None:
    """All lines have one length and as many cells as the head."""
    text = markdown_table(["method", "S1"], [["a", "1"], ["longer name", "12,345"]])
    lines = text.splitlines()
    assert {len(line) for line in lines} == {len(lines[0])}
    assert all(line.count("|") == 3 for line in lines)
    assert lines[1].endswith(":|")
    assert lines[2].endswith("     1 |")
