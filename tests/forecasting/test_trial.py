"""What a trial rests on: which series, how far two tables are apart, what came, and what served when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.forecasting.promotion import (
    Move,
    compare_tables,
    in_share,
    live_breach,
    set_aside,
    spans,
    within,
)
from tests.published import fitted, scaled

DIGEST = "ab" * 32
NAMES = [f"{store}_{dept}" for store in range(1, 46) for dept in range(1, 82)]


@given(
    st.lists(st.text(max_size=12), max_size=40),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.text("0123456789abcdef", min_size=1, max_size=64),
)
def test_a_larger_share_only_adds_series(series: list[str], one: float, other: float, digest: str) -> None:
    """Whoever is in a share is in every larger one, and each series decides for itself, in any company."""
    small, large = (in_share(digest, series, share) for share in sorted((one, other)))
    assert not (small & ~large).any()
    assert [bool(in_share(digest, [name], one)[0]) for name in series] == in_share(
        digest, series, one
    ).tolist()


def test_the_share_is_the_share() -> None:
    """None are in a share of nothing, all in the whole, and about as many as asked for in between; another
    challenger picks others."""
    assert not in_share(DIGEST, NAMES, 0.0).any()
    assert in_share(DIGEST, NAMES, 1.0).all()
    tenth = in_share(DIGEST, NAMES, 0.1)
    assert 0.085 <= tenth.mean() <= 0.115
    other = in_share("cd" * 32, NAMES, 0.1)
    assert 0.005 <= (tenth & other).mean() <= 0.02


def test_tables_are_compared_where_both_forecast() -> None:
    """Weeks and series of both count; dollars, differences and what moves most are those of a plain loop."""
    old, new = fitted(weeks=120, size=4), fitted(weeks=122, size=6)
    found = compare_tables(new, old)
    assert (found.weeks, found.series, found.added, found.lost) == (11, 4, 2, 0)
    was = {k: sum(old.point[2 + i, n] for i in range(11)) for n, k in enumerate(old.keys.tolist())}
    apart = {
        k: sum(abs(new.point[i, n] - old.point[2 + i, n]) for i in range(11))
        for n, k in enumerate(old.keys.tolist())
    }
    assert found.champion == pytest.approx(sum(was.values()))
    assert found.difference == pytest.approx(sum(apart.values()) / sum(was.values()))
    assert [m.unique_id for m in found.most] == sorted(apart, key=lambda k: -apart[k])
    assert found.median == pytest.approx(np.median([apart[k] / was[k] for k in was]))
    assert found.reasons == ()


def test_the_same_table_does_not_move() -> None:
    """Nothing differs, and nothing is wrong."""
    found = compare_tables(fitted(), fitted())
    assert (found.difference, found.median, found.high, found.reasons) == (0.0, 0.0, 0.0, ())


@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_a_table_ten_times_off_is_implausible(factor: float) -> None:
    """All at once is told as such."""
    (reason, *_) = compare_tables(scaled(fitted(), factor), fitted()).reasons
    assert "times what the champion does" in reason


@pytest.mark.parametrize(("factor", "wild"), [(11.0, True), (0.05, True), (3.0, False), (0.0, False)])
def test_one_series_that_jumps_is_told_by_name(factor: float, wild: bool) -> None:
    """More than tenfold away from the champion and from its own sales; a closure is no jump."""
    old = fitted(size=12)
    point = old.point.copy()
    point[:, 2] *= factor
    reasons = compare_tables(replace(old, point=point), old).reasons
    assert bool(reasons) == wild
    if wild:
        assert f"such as {old.keys[2]}" in reasons[0]


def test_a_jump_back_to_what_history_says_is_none() -> None:
    """Where it was the champion who was far off, the challenger may differ from it tenfold."""
    new = fitted(size=12)
    point = new.point.copy()
    point[:, 2] /= 20.0
    assert compare_tables(new, replace(new, point=point)).reasons == ()


def test_a_number_that_is_none_is_counted() -> None:
    """Two holes, said first."""
    old = fitted()
    point = old.point.copy()
    point[0, :2] = np.nan
    assert compare_tables(replace(old, point=point), old).reasons == ("2 forecasts are not finite",)


def test_what_came_stops_a_challenger_that_is_proven_worse() -> None:
    """Errors twice the champion's, row by row, are a breach; as large as the champion's, too few, or larger
    in one row alone are none."""
    rng = np.random.default_rng(1)
    y = rng.uniform(900.0, 1100.0, 40)
    old, noise = y + rng.normal(0, 50, 40), rng.normal(0, 50, 40)
    assert live_breach(y, old, y + noise) == ""
    assert "on the 40 actuals that came" in live_breach(y, old, y + 200.0 + noise)
    assert live_breach(y[:7], old[:7], (y + 200.0)[:7]) == ""
    once = old.copy()
    once[3] += 5_000.0
    assert live_breach(y, old, once) == ""
    assert live_breach(y, y, y) == ""


def test_noise_rarely_stops_a_challenger() -> None:
    """One that is as good as the champion is stopped in under 1 % of worlds of 45 series and 4 weeks."""
    stopped = 0
    for seed in range(500):
        rng = np.random.default_rng(seed)
        y = rng.uniform(900.0, 1100.0, 180)
        stopped += bool(live_breach(y, y + rng.normal(0, 50, 180), y + rng.normal(0, 50, 180)))
    assert stopped < 5


def at(day: int, kind: str, version: int, share: float | None = None) -> Move:
    return Move(f"2026-11-{day:02d}T12:00:00.000+00:00", kind, version, f"{version:064x}", "Ann", kind, share)


LIFE = [
    at(1, "promote", 1),
    at(3, "shadow", 2, 0.0),
    at(5, "canary", 2, 0.1),
    at(7, "canary", 2, 0.5),
    at(9, "canary-breach", 1),
    at(11, "canary", 3, 1.0),
    at(13, "promote", 3),
    at(15, "rollback", 1),
    at(17, "refused", 4),
]


def test_what_served_from_one_move_to_the_next() -> None:
    """Champion, challenger and share after each move, in whatever order they were written down."""
    found = spans([LIFE[i] for i in (3, 0, 8, 1, 7, 2, 6, 5, 4)])
    assert [(s.version, s.challenger, s.share) for s in found] == [
        (1, None, 0.0),
        (1, 2, 0.0),
        (1, 2, 0.1),
        (1, 2, 0.5),
        (1, None, 0.0),
        (1, 3, 1.0),
        (3, None, 0.0),
        (1, None, 0.0),
    ]
    assert [s.until for s in found] == [s.first for s in found[1:]] + [""]


@pytest.mark.parametrize(
    ("day", "served"), [(1, [1]), (2, [1]), (5, [1, 1]), (12, [1]), (13, [1, 3]), (14, [3]), (30, [1])]
)
def test_what_served_on_a_day(day: int, served: list[int]) -> None:
    """All that served at any moment of it, one after the other; nothing before the first."""
    begin, end = f"2026-11-{day:02d}T00:00:00.000+00:00", f"2026-11-{day:02d}T23:59:59.999+00:00"
    assert [s.version for s in within(spans(LIFE), begin, end)] == served
    assert within(spans(LIFE), "2026-10-01T00:00:00.000+00:00", "2026-10-02T00:00:00.000+00:00") == []


def test_which_version_answered_a_series() -> None:
    """The challenger, for the series of its share, while the canary lasted."""
    tenth = spans(LIFE)[2]
    taken = in_share(f"{2:064x}", NAMES, 0.1)
    assert [tenth.answers(name) for name in NAMES] == [2 if on else 1 for on in taken.tolist()]
    assert {spans(LIFE)[5].answers(name) for name in NAMES} == {3}
    assert {spans(LIFE)[1].answers(name) for name in NAMES} == {1}


@pytest.mark.parametrize(
    ("moves", "aside"),
    [
        ([], set()),
        ([("promote", 1), ("promote", 2), ("promote", 3)], set()),
        ([("promote", 1), ("promote", 2), ("rollback", 1)], {2}),
        ([("promote", 1), ("promote", 2), ("rollback", 1), ("update", 3)], {2}),
        ([("promote", 1), ("promote", 2), ("rollback", 1), ("overrule", 2), ("update", 3)], set()),
        ([("promote", 1), ("promote", 2), ("rollback", 1), ("moved", 2), ("promote", 3)], set()),
        ([("promote", 1), ("update", 2), ("promote", 3), ("shadow", 2), ("shadow-stopped", 3)], set()),
        ([("promote", 1), ("canary", 2), ("canary-stopped", 1), ("update", 3)], {2}),
        ([("promote", 1), ("canary", 2)], {2}),
        ([("promote", 1), ("canary", 2), ("promote", 2), ("update", 3)], set()),
        ([("promote", 1), ("canary", 2), ("rollback", 1), ("promote", 3)], {2}),
        ([("promote", 1), ("update", 2), ("canary", 3), ("rollback", 1)], {2, 3}),
        ([("promote", 1), ("shadow", 2), ("shadow-stopped", 1)], set()),
    ],
)
def test_who_speaks_for_what_serves(moves: list[tuple[str, int]], aside: set[int]) -> None:
    """Taken back: not, until it serves again, by whatever move. Only tried: not, until it serves."""
    told = [
        at(1 + i, kind, version, 0.2 if kind == "canary" else None) for i, (kind, version) in enumerate(moves)
    ]
    assert set_aside(spans(told)) == aside
    assert set_aside(spans(told[::-1])) == aside
