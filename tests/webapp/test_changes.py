"""What-if changes in addresses and requests."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storecast.webapp.changes import EVENTS, INPUTS, Change, from_text, from_what_if, to_what_if

WEEKS = [str(date(2024, 1, 5) + timedelta(weeks=i)) for i in range(52)]


@st.composite
def _changes(draw: st.DrawFn) -> Change:
    kind = draw(st.sampled_from([*EVENTS, *INPUTS]))
    first = draw(st.integers(0, 51))
    last = first if kind == "opening" else draw(st.integers(first, 51))
    lifted = kind in ("promotion", "holiday")
    value = None
    if lifted:
        value = draw(st.none() | st.integers(-99, 900).map(float))
    elif kind in INPUTS:
        value = draw(st.integers(-1000, 1000).map(lambda n: n / 4))
    return Change(kind, WEEKS[first], WEEKS[last], value)


@settings(max_examples=200, derandomize=True)
@given(_changes())
def test_an_address_gives_back_the_change(change: Change) -> None:
    """Whatever is entered stands in the address without loss."""
    assert from_text(change.text(), WEEKS) == change


@settings(max_examples=200, derandomize=True)
@given(st.lists(_changes(), max_size=6))
def test_a_saved_request_asks_the_same_after_it_is_opened(changes: list[Change]) -> None:
    """Opening a saved what-if and asking again asks for the same thing."""
    asked = to_what_if("1", "series", 52, changes, WEEKS)
    assert to_what_if("1", "series", 52, from_what_if(asked, WEEKS), WEEKS) == asked


@settings(max_examples=300, derandomize=True)
@given(st.text(alphabet="promtinhlday~0123456789-.enaxif", max_size=60))
def test_any_text_in_an_address_is_a_change_within_the_weeks_or_none(text: str) -> None:
    """Nonsense is left out; what is taken can be asked for."""
    change = from_text(text, WEEKS)
    if change is not None:
        assert change.first in WEEKS
        assert change.last in WEEKS
        assert change.first <= change.last


@pytest.mark.parametrize("value", ["nan", "inf", "1e99", "ten"])
def test_a_value_that_is_no_number_is_left_empty(value: str) -> None:
    """The field is empty then; the change stays."""
    assert from_text(f"temperature~{WEEKS[0]}~{WEEKS[1]}~{value}", WEEKS) == Change(
        "temperature", WEEKS[0], WEEKS[1]
    )


def test_percent_become_a_multiplier_and_days_the_week_that_holds_them() -> None:
    """12 % more is a lift of 1.12; a day in the middle of a week is that week's."""
    change = from_text("promotion~2024-01-08~2024-01-17~12", WEEKS)
    assert change == Change("promotion", "2024-01-12", "2024-01-19", 12.0)
    assert to_what_if("3", "store", 13, [change], WEEKS)["events"] == [
        {"kind": "promotion", "first": "2024-01-12", "last": "2024-01-19", "lift": 1.12}
    ]


def test_the_later_of_two_values_of_one_week_counts() -> None:
    """Both ranges are kept, the second over the first."""
    changes = [Change("cpi", WEEKS[0], WEEKS[3], 200.0), Change("cpi", WEEKS[2], WEEKS[2], 210.0)]
    asked = to_what_if("1", "series", 4, changes, WEEKS)
    assert list(asked["inputs"]["cpi"].values()) == [200.0, 200.0, 210.0, 200.0]


def test_what_others_saved_is_understood() -> None:
    """One value for all weeks, an event without an end, and one that is over: as the service takes them."""
    asked = {
        "series": "1",
        "horizon": 4,
        "events": [
            {"kind": "closure", "first": "2024-01-10"},
            {"kind": "promotion", "first": "2023-12-01", "last": "2023-12-08", "lift": 1.5},
        ],
        "inputs": {"temperature": 20.0, "unknown": 3.0},
    }
    assert from_what_if(asked, WEEKS) == [
        Change("closure", "2024-01-12", WEEKS[3]),
        Change("temperature", WEEKS[0], WEEKS[3], 20.0),
    ]
