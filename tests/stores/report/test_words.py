"""Numbers and dates in words."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.stores.report.words import Words, counted, day, listed, moment, percent

DOLLARS = Words("$")


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (1234567.4, "$1,234,567"),
        (-1234.5, "−$1,234"),
        (99.94, "$99.9"),
        (99.96, "$100"),
        (0.0, "$0"),
        (-0.004, "$0"),
        (float("nan"), "–"),
    ],
)
def test_money(x: float, text: str) -> None:
    """Whole units with thousands separators, a decimal where they are few, a dash where there is none."""
    assert DOLLARS.money(x) == text


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (819_413_224, "$819M"),
        (1_234_567, "$1.23M"),
        (999_960, "$1.00M"),
        (52_650, "$52.6K"),
        (12.34, "$12.3"),
    ],
)
def test_short_money(x: float, text: str) -> None:
    """Three digits that count."""
    assert DOLLARS.short(x) == text


def test_units_and_signs() -> None:
    """A sign stands before the amount, a word after it; a plus only where it is asked for."""
    assert Words("€").money(5000, signed=True) == "+€5,000"
    assert Words("units").money(-5000, signed=True).replace("\N{NO-BREAK SPACE}", " ") == "−5,000 units"
    assert DOLLARS.money(0.0, signed=True) == "$0"
    assert DOLLARS.tick(2_500_000.0) == "$2.5M"


@given(st.floats(-1e12, 1e12))
def test_money_can_be_read_back(x: float) -> None:
    """The text is the amount, to the decimals it shows."""
    text = DOLLARS.money(x).replace("−", "-").replace("$", "").replace(",", "")
    assert float(text) == pytest.approx(x, abs=0.051 if abs(x) < 100 else 0.5)


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_day_names_the_day(d: date) -> None:
    """Dates are as the calendar has them, weekday included."""
    weekday, number, month, year = day(np.datetime64(d)).split(" ")
    assert weekday == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][d.weekday()]
    assert (int(number), int(year)) == (d.day, d.year)
    assert month == d.strftime("%b")


def test_other_words() -> None:
    """Percent, counts, lists and moments."""
    assert percent(0.0123, signed=True).replace("\N{NO-BREAK SPACE}", " ") == "+1.2 %"
    assert percent(-0.0001, signed=True).replace("\N{NO-BREAK SPACE}", " ") == "0.0 %"
    assert percent(float("nan")) == "–"
    assert counted(1, "week") == "1 week"
    assert counted(1200, "series", "series") == "1,200 series"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b", "c", "d"], 2) == "a, b and 2 more"
    assert listed([]) == ""
    assert moment("2012-11-05T06:00:00+00:00") == "Mon 5 Nov 2012, 06:00 UTC"
    assert moment("soon") == "soon"
