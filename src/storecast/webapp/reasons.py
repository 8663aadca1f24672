"""Why a forecast is what it is: steps in dollars that add up to it, to the cent."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from storecast.webapp import figures
from storecast.webapp.answers import Explained
from storecast.webapp.parts import money_columns, show_table
from storecast.webapp.trouble import odd
from storecast.webapp.words import Words

__all__ = ["show_reasons", "steps_table"]

_FIRST = "last_year"


def _cents(dollars: float) -> int:
    return round(dollars * 100.0)


def steps_table(explained: Explained) -> list[dict[str, Any]]:
    """Steps, and the forecast they add up to; raises Trouble where they do not."""
    total = sum(_cents(step.dollars) for step in explained.steps)
    if total != _cents(explained.forecast):
        raise odd("/v1/explanations", ValueError(f"steps add up to {total / 100:.2f}"))
    rows = [{"Step": step.title, "Dollars": step.dollars} for step in explained.steps]
    return [*rows, {"Step": "Forecast", "Dollars": explained.forecast}]


def show_reasons(explained: Explained, words: Words, name: str, last_year: float | None) -> None:
    """The steps of one week as bars of what they changed, and as a table with cents; ``last_year``: sales of
    the same week a year before, None where they are not known."""
    rows = steps_table(explained)
    base = next((s for s in explained.steps if s.name == _FIRST), None)
    changes = [s for s in explained.steps if s.name != _FIRST and round(s.dollars)]  # cents: in the table
    if base is not None:
        moved = _cents(explained.forecast) - _cents(base.dollars)
        verb = (
            "stays where it was"
            if not moved
            else f"is {words.money(abs(moved) / 100)} {'more' if moved > 0 else 'less'}"
        )
        start = f"the forecast starts from **{words.money(base.dollars)}**"
        if last_year is None:
            start = f"last year is not known, {start}, which the model finds without it"
        else:
            start += ", the same date last year"
        st.markdown(f"{name}: {start}. At **{words.money(explained.forecast)}** it {verb}:")
    if changes:
        figures.changes(
            [(s.title, s.dollars, words.money(s.dollars, cents=True, sign=True)) for s in changes],
            words,
            alt="What changed the forecast: "
            + "; ".join(f"{s.title} {words.money(s.dollars, sign=True)}" for s in changes),
        )
    show_table(
        pd.DataFrame(rows),
        height="content",
        column_config=money_columns(words, ("Dollars",), cents=True),
        alt=f"Steps that add up to the forecast of {words.money(explained.forecast, cents=True)}",
    )
    if explained.unused:
        st.caption(
            "$0 comes from temperature, fuel price, consumer prices, unemployment and markdowns: this model "
            "does not use them. One trained with `storecast train DATA --model boosting` does."
        )
    if explained.note:
        st.info(explained.note, icon=":material/info:")
