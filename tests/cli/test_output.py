"""What people and programs are shown: amounts, shares, next commands, JSON."""

from __future__ import annotations

import json
import math
import shlex

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storecast.cli.output import command, money, percent, print_json, table


@pytest.mark.parametrize(
    ("value", "unit", "cents", "text"),
    [
        (1234.5, "$", False, "$1,234"),
        (1235.5, "$", False, "$1,236"),
        (12.345, "$", False, "$12.35"),
        (-1234.0, "€", False, "-€1,234"),
        (1234.5, "$", True, "$1,234.50"),
        (1_000_000.0, "units", False, "1,000,000 units"),
        (0.0, "$", False, "$0.00"),
        (-0.0, "$", True, "$0.00"),
        (-0.001, "$", True, "$0.00"),
        (math.nan, "$", False, "–"),
        (math.inf, "units", False, "–"),
    ],
)
def test_money(value: float, unit: str, cents: bool, text: str) -> None:
    """Thousands apart, cents where they matter, the sign before the currency, never a minus nothing."""
    assert money(value, unit, cents=cents) == text


def test_shares() -> None:
    """One decimal, a sign where asked for, none for what rounds to nothing, a dash for what is not known."""
    assert percent(0.1234) == "12.3 %"
    assert (percent(0.1234, "+"), percent(-0.1234, "+")) == ("+12.3 %", "-12.3 %")
    assert (percent(-0.0001, "+"), percent(0.0, "+")) == ("0.0 %", "0.0 %")
    assert percent(math.nan) == "–"


words = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1)


@given(st.lists(words, max_size=3), words)
def test_a_command_can_be_copied_whatever_the_names(names: list[str], sheet: str) -> None:
    """A shell takes the line apart into the very words."""
    line = command("explain", *names, sheet=sheet, name=None, dayfirst=True)
    assert shlex.split(line) == ["storecast", "explain", *names, "--sheet", sheet, "--dayfirst"]


def test_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers of numpy are numbers, what is not finite is null, dates are text, all is ASCII."""
    value = {
        "a": np.float64(0.1),
        "n": [np.nan, math.inf, np.int64(3), np.bool_(True)],
        "d": pd.Timestamp("2012-01-27"),
        "k": "Köln",
        3: None,
    }
    print_json(value)
    text = capsys.readouterr().out
    assert text.isascii()
    read = json.loads(text, parse_constant=pytest.fail)
    assert read == {"a": 0.1, "n": [None, None, 3, True], "d": "2012-01-27 00:00:00", "k": "Köln", "3": None}


def test_columns_of_numbers_stand_right(capsys: pytest.CaptureFixture[str]) -> None:
    """Amounts and shares end under each other, words begin under each other, and nothing is markup."""
    table(
        "T", ["name", "sales", "change", "why"], [["[red]", "$1,234", "-1.0 %", "a"], ["b", "$5", "–", "bc"]]
    )
    lines = capsys.readouterr().out.splitlines()
    cells = [line.strip("│").split("│") for line in lines if line.startswith("│")]
    assert cells[0] == [" [red] ", " $1,234 ", " -1.0 % ", " a   "]
    assert cells[1] == [" b     ", "     $5 ", "      – ", " bc  "]
