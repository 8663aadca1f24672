"""Overrides as arithmetic: which counts, what it makes of a forecast, sums to the cent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.forecasting.hierarchy import LEFT_OUT, Level
from storecast.forecasting.intervals import Bands
from storecast.forecasting.overrides import counting, moved, moved_sums, settled, states


@dataclass(frozen=True)
class Said:
    """A row as the log has it."""

    id: str
    unique_id: str = "1"
    ds: str = "2012-11-02"
    mode: str = "value"
    value: float | None = 5.0
    expires: int | None = None
    undoes: str | None = None


@pytest.mark.parametrize(
    ("model", "mode", "value", "dollars"),
    [
        (100.0, "value", 80.0, "80"),
        (100.0, "value", -3.335, "-3.34"),
        (100.25, "difference", -0.5, "99.75"),
        (0.1, "difference", 0.2, "0.3"),
        (200.0, "percent", 12.5, "225"),
        (199.99, "percent", -100.0, "0"),
        (-50.0, "percent", 10.0, "-55"),
        (33.33, "percent", 1.0, "33.66"),
    ],
)
def test_what_an_override_makes_of_a_number(model: float, mode: str, value: float, dollars: str) -> None:
    """A number instead, so many dollars more, or so many percent more; whole cents."""
    assert settled(model, mode, value) == float(Decimal(dollars))


@given(st.integers(-(10**9), 10**9), st.decimals(-100, 1000, places=2))
def test_percentages_are_those_of_decimal_arithmetic(cents: int, percent: Decimal) -> None:
    """To the cent, but for ties that binary fractions break either way."""
    exact = Decimal(cents) * (100 + percent) / 100
    found = Decimal(round(settled(cents / 100, "percent", float(percent)) * 100))
    assert abs(found - exact) <= Decimal("0.5001")
    if abs(exact % 1) not in (Decimal("0.5"),) and abs(exact) < 10**8:
        assert found == exact.quantize(Decimal(1), ROUND_HALF_EVEN)


def test_which_counts() -> None:
    """The last one that is neither undone nor expired; none after one that takes all back."""
    a, b = Said("a", value=1.0), Said("b", value=2.0, expires=50)
    key = ("1", "2012-11-02")
    assert counting([b, a], 49) == {key: b}
    assert counting([b, a], 50) == {key: a}, "what was said for a while gives way to what was said before"
    gone = Said("c", mode="undo", value=None, undoes="b")
    assert counting([a, b, gone], 0) == {key: a}
    assert counting([a, b, gone, Said("d", mode="undo", value=None, undoes="a")], 0) == {}
    assert counting([a, Said("e", value=None)], 0) == {}
    assert counting([a, Said("e", value=None), Said("f", value=3.0)], 0)[key].value == 3.0
    other = Said("0", unique_id="2")
    assert counting([a, other], 0) == {key: a, ("2", "2012-11-02"): other}
    assert states([a, b, gone, other], 0) == {"a": "counts", "b": "undone", "c": "undo", "0": "counts"}
    assert states([a, b], 50) == {"a": "counts", "b": "expired"}
    assert states([a, b], 0) == {"a": "replaced", "b": "counts"}
    assert states([a, Said("e", value=None)], 0) == {"a": "replaced", "e": "withdrawn"}


@given(
    st.lists(
        st.tuples(st.sampled_from("12"), st.none() | st.integers(0, 9), st.integers(-1, 20), st.booleans()),
        max_size=20,
    ),
    st.integers(0, 10),
)
def test_which_counts_by_plain_words(rows: list[tuple[str, int | None, int, bool]], now: int) -> None:
    """A slow reading of the rule: go through the rows from the last and take the first that stands."""
    said: list[Said] = []
    for i, (series, expires, target, undo) in enumerate(rows):
        earlier = [s for s in said if s.undoes is None and s.id not in {x.undoes for x in said}]
        if undo and earlier:
            one = earlier[target % len(earlier)]
            said.append(Said(f"{i:03}", one.unique_id, mode="undo", value=None, undoes=one.id))
        else:
            said.append(Said(f"{i:03}", series, value=float(i), expires=expires))
    for series in "12":
        wanted = None
        for row in reversed(said):
            taken_back = any(other.undoes == row.id for other in said)
            in_time = row.expires is None or now < row.expires
            if row.unique_id == series and row.undoes is None and not taken_back and in_time:
                wanted = row
                break
        assert counting(said, now).get((series, "2012-11-02")) == wanted


@given(st.data())
def test_sums_are_those_of_their_members(data: st.DataObject) -> None:
    """Store and total move by the cents that their series move by; a series that has ended is in none."""
    weeks, series = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 6))
    cents = st.integers(-(10**8), 10**9)
    whole = [[data.draw(cents) for _ in range(series)] for _ in range(weeks)]
    point = np.array(whole, dtype=np.float64) / 100
    of = np.array([data.draw(st.sampled_from([LEFT_OUT, 0, 1])) for _ in range(series)])
    said = {
        (data.draw(st.integers(0, weeks - 1)), data.draw(st.integers(0, series - 1))): Said(
            str(i),
            mode=data.draw(st.sampled_from(["value", "difference", "percent"])),
            value=data.draw(cents) / 100,
        )
        for i in range(data.draw(st.integers(0, 5)))
    }
    said = {at: o for at, o in said.items() if o.mode != "percent" or abs(o.value or 0.0) < 1000}
    after = moved(point, said)
    assert (after != point).sum() <= len(said)
    places = np.array(["a", "b"])
    level = Level(
        places, of, Bands(np.ones(1), np.ones(1), np.ones((1, 1)), np.zeros(2)), np.ones((weeks, 2))
    )

    def sums(values: np.ndarray) -> np.ndarray:
        return np.array(
            [
                [sum(round(v * 100) for v, p in zip(row, of, strict=True) if p == s) for s in (0, 1)]
                for row in values
            ]
        )

    found = moved_sums(sums(point) / 100, level, point, after)
    assert np.array_equal(np.rint(found * 100).astype(np.int64), sums(after))
