"""The pure pieces of the checks, against plain loops and exhaustive search."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storecast.errors import DataError
from storecast.forecasting.quality import (
    UNKNOWN,
    DateReadings,
    Finding,
    QualityReport,
    SalesRefusedError,
    refuse,
    row_list,
)
from storecast.forecasting.quality.decimals import lost_decimals
from storecast.forecasting.quality.duplicates import find_duplicates
from storecast.forecasting.quality.order import fill_between, longest_chain, mark_copies
from storecast.forecasting.quality.readings import Order, decide_order, frequency_findings

WEEK = 7


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([5], "row 5"),
        ([2, 1], "rows 1, 2"),
        ([1, 2, 3, 9], "rows 1 to 3 and 9"),
        ([1, 3, 5], "rows 1, 3 and 5"),
        (list(range(1, 40, 2)), "rows 1, 3, 5, 7, 9, 11, 13, 15 and 12 more"),
    ],
)
def test_row_lists(rows: list[int], text: str) -> None:
    """Rows read as people write them."""
    assert row_list(rows) == text


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.integers(0, 9), max_size=2), max_size=7))
def test_longest_chain(candidates: list[list[int]]) -> None:
    """As many rows as exhaustive search can put in strictly increasing order, one candidate a row."""
    chosen = longest_chain(candidates)
    kept = [week for week in chosen if week is not None]
    assert all(a < b for a, b in pairwise(kept))
    assert all(week is None or week in options for week, options in zip(chosen, candidates, strict=True))
    best = 0
    for combination in product(*[[None, *options] for options in candidates]):
        picked = [week for week in combination if week is not None]
        if all(a < b for a, b in pairwise(picked)):
            best = max(best, len(picked))
    assert len(kept) == best


def test_fill_between() -> None:
    """Open rows get weeks only where as many are missing as rows are open, ends up to those of the panel."""
    ends = (0, 70)
    assert fill_between([7, None, 21], {1}, {7, 21}, ends) == {1: 14}
    assert fill_between([7, None, None, 28], {1, 2}, {7, 28}, ends) == {1: 14, 2: 21}
    assert fill_between([7, None, 28], {1}, {7, 28}, ends) == {}
    assert fill_between([7, None, 28], {1}, {7, 28, 14}, ends) == {1: 21}
    assert fill_between([None, 7], {0}, {7}, ends) == {0: 0}
    assert fill_between([None, 14], {0}, {14}, ends) == {}
    assert fill_between([63, None], {1}, {63}, ends) == {1: 70}
    assert fill_between([56, None], {1}, {56}, ends) == {}
    assert fill_between([None, None], {0, 1}, set(), ends) == {}


def test_mark_copies() -> None:
    """The rows of a run that stand for the weeks missing beside it, on exactly one side."""
    assert mark_copies([0, 7, 7, 21]) == {2}
    assert mark_copies([0, 14, 14, 21]) == {1}
    assert mark_copies([0, 7, 7, 7, 28]) == {2, 3}
    assert mark_copies([0, 7, 7, 14]) == set()
    assert mark_copies([0, 14, 14, 28]) == set()
    assert mark_copies([None, 7, 7, None]) == set()
    assert mark_copies([]) == set()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 3), st.sampled_from([1.0, 2.0, np.nan])), max_size=12
    )
)
def test_find_duplicates(rows: list[tuple[int, int, float]]) -> None:
    """Equal to a plain loop that compares each row with the first of its series and key."""
    series, key = (np.array([r[k] for r in rows], dtype=np.int64) for k in (0, 1))
    y = np.array([r[2] for r in rows], dtype=np.float64)
    repeated, first = find_duplicates(series, key, {"y": y})
    seen: dict[tuple[int, int], int] = {}
    for i, (s, k, value) in enumerate(rows):
        origin = seen.setdefault((s, k), i)
        assert first[i] == origin
        same = value == rows[origin][2] or (np.isnan(value) and np.isnan(rows[origin][2]))
        assert repeated[i] == (origin != i and same)


def readings(day_first: list[int], month_first: list[int]) -> DateReadings:
    n = len(day_first)
    return DateReadings(
        np.arange(n), tuple(f"d{i}" for i in range(n)), np.array(day_first), np.array(month_first),
        np.full(n, UNKNOWN), np.zeros(n, dtype=bool), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool),
    )  # fmt: skip


def test_decide_order() -> None:
    """The order whose dates fall on one weekday; none where both do on different ones; the one asked for."""
    weekly, scattered = [0, 7, 14, 21], [0, 31, 59, 90]
    lines = np.arange(2, 6)
    first = decide_order(readings(weekly, scattered), None, lines, "Date")
    assert isinstance(first, Order)
    assert (first.name, first.certain, first.anchor) == ("dayfirst", True, 3)  # 1970-01-01 was a Thursday
    second = decide_order(readings(scattered, weekly), None, lines, "Date")
    assert isinstance(second, Order)
    assert (second.name, second.main.tolist()) == ("monthfirst", weekly)
    neither = decide_order(readings(weekly, [1, 8, 15, 22]), None, lines, "Date")
    assert isinstance(neither, Finding)
    assert (neither.kind, neither.row, neither.column) == ("ambiguous_date_order", 2, "Date")
    asked = decide_order(readings(weekly, [1, 8, 15, 22]), False, lines, "Date")
    assert isinstance(asked, Order)
    assert (asked.name, asked.anchor) == ("monthfirst", 4)


def test_weekly_data_with_gaps_are_weekly() -> None:
    """Series with many missing weeks are weekly as long as some weeks follow each other."""
    days = np.array([0, 7, 28, 70, 77, 105], dtype=np.int64)
    args = np.zeros(6, dtype=np.int64), np.array(["a"]), days, np.ones(6, dtype=bool), np.arange(6), "Date"
    assert frequency_findings(*args) == []
    fortnights = np.arange(6, dtype=np.int64) * 14
    (found,) = frequency_findings(args[0], args[1], fortnights, args[3], args[4], args[5])
    assert "fortnightly" in found.what


def history(weeks: int = 104, level: float = 5000.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    y = np.round(level * rng.lognormal(0, 0.1, weeks)) + rng.integers(1, 100, weeks) / 100
    return np.zeros(weeks, dtype=np.int64), np.arange(weeks) * WEEK, y


@pytest.mark.parametrize("power", [1, 2, 3, 4])
def test_lost_decimals_of_any_power(power: int) -> None:
    """A whole number 10, 100, ... times too high is put back by exactly that power."""
    series, days, y = history()
    y[[20, 70]] = np.rint(y[[20, 70]]) * 10**power
    found = lost_decimals(series, days, y)
    assert (found.rows.tolist(), found.power.tolist(), found.suspects.tolist()) == (
        [20, 70],
        [power, power],
        [],
    )


def test_whole_numbers_have_no_decimals_to_lose() -> None:
    """Units sold are whole: a hundredfold week is doubted, not changed; a tenfold one may be a promotion."""
    series, days, y = history()
    y = np.rint(y)
    y[20] *= 100
    found = lost_decimals(series, days, y)
    assert (len(found.rows), found.suspects.tolist()) == (0, [20])
    y[20] /= 10
    assert not len(lost_decimals(series, days, y).suspects)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_wild_but_sound_series_are_left_alone(seed: int) -> None:
    """Intermittent and promotion-driven series with cents in place are neither changed nor doubted."""
    rng = np.random.default_rng(seed)
    y = np.round(rng.lognormal(3, 1.2, 400), 2) * (rng.random(400) < 0.6)
    found = lost_decimals(np.repeat(np.arange(4), 100), np.tile(np.arange(100) * WEEK, 4), y)
    assert not len(found.rows)
    assert not len(found.suspects)


def test_the_worst_finding_gives_the_status() -> None:
    """Refused over warned over repaired over info; a refused panel is refused whatever was found."""
    import pandas as pd

    panel = pd.DataFrame({"unique_id": ["a"], "ds": pd.to_datetime(["2010-02-05"]), "y": [1.25]})
    made = {s: Finding.at(s, "k", [3, 2], "c", "at {rows}", "do") for s in ("info", "repaired", "warned")}
    assert QualityReport.of(panel, []).status == "ok"
    assert QualityReport.of(panel, [made["info"]]).status == "ok"
    report = QualityReport.of(panel, [made["info"], made["warned"], made["repaired"]])
    assert (report.status, report.findings[0].severity) == ("warned", "warned")
    assert QualityReport.of(None, [made["info"]]).status == "refused"
    assert (made["info"].row, made["info"].what, made["info"].count) == (2, "at rows 2, 3", 2)


def test_a_refusal_says_everything() -> None:
    """The message of an error holds what, where, expected, found and remedy."""
    error = refuse(
        "k", "It broke.", "mend it", file="a.csv", rows=[7], column="Date", expected="x", found="y"
    )
    assert isinstance(error, SalesRefusedError)
    assert isinstance(error, DataError)
    text = str(error)
    for part in ("It broke.", "a.csv, row 7, column Date", "expected: x", "found: y", "remedy: mend it"):
        assert part in text
