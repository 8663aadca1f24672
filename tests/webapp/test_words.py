"""Numbers and dates as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.webapp.words import Words, plural


@pytest.mark.parametrize(
    ("locale", "money", "day", "share"),
    [
        ("en-US", "$1,234,567.89", "Nov 2, 2012", "−12.5 %"),
        ("en-GB", "$1,234,567.89", "2 Nov 2012", "−12.5 %"),
        ("de-DE", "$1.234.567,89", "02.11.2012", "−12,5 %"),
        ("xx-nonsense", "$1,234,567.89", "Nov 2, 2012", "−12.5 %"),
        (None, "$1,234,567.89", "Nov 2, 2012", "−12.5 %"),
    ],
)
def test_the_reader_s_locale_decides(locale: str | None, money: str, day: str, share: str) -> None:
    """Separators and the order of dates follow the browser; one that says nonsense gets English."""
    words = Words(locale)
    assert words.money(1_234_567.89, cents=True) == money
    assert words.day("2012-11-02") == day
    assert words.percent(-0.125) == share


@pytest.mark.parametrize(
    ("unit", "said"), [("$", "−$5,000"), ("€", "−€5,000"), ("pieces", "−5,000 pieces"), ("CHF", "−5,000 CHF")]
)
def test_a_sign_stands_before_a_word_after(unit: str, said: str) -> None:
    """What sales are counted in is a currency sign, or a word after the number."""
    assert Words("en-US", unit).money(-5000) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(832_649_812.0, "$832.6 M"), (1_234_000_000.0, "$1.23 B"), (950.0, "$950"), (-4200.0, "−$4.2 K")],
)
def test_headlines_are_short(value: float, said: str) -> None:
    """Millions and billions by letter, small sums whole."""
    assert Words("en-US").short(value) == said


@given(st.floats(-1e12, 1e12))
def test_no_minus_stands_before_a_zero(value: float) -> None:
    """What is rounded to nothing has no sign, and a sign is there exactly where something is left."""
    text = Words("en-US").money(value, cents=True, sign=True)
    rounded = round(value, 2)
    assert text.startswith("−") == (rounded < 0)
    assert text.startswith("+") == (rounded > 0)
    digits = text.lstrip("−+$").replace(",", "")
    assert abs(float(digits) - abs(rounded)) <= 0.0100001 + 1e-9 * abs(value)


def test_what_is_not_known_is_said() -> None:
    """No number is made up."""
    words = Words("en-US")
    assert (words.money(None), words.percent(None), words.day(None)) == ("unknown",) * 3
    assert (plural(1, "store"), plural(2, "store"), plural(1200, "box", "boxes")) == (
        "1 store",
        "2 stores",
        "1,200 boxes",
    )


def test_dates_in_a_sentence_are_the_reader_s() -> None:
    """Days as the service writes them become the locale's; numbers like them stay."""
    said = "Weeks 2012-08-03 to 2012-09-28; order 12012-08-033, 2012-08."
    assert Words("de-DE").dated(said) == "Weeks 03.08.2012 to 28.09.2012; order 12012-08-033, 2012-08."
