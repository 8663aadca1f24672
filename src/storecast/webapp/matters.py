"""What matters in the model as a whole: dollars that each step of its forecasts changes, and what the trees
among them look at."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from msgspec import Struct

from storecast.webapp import address, figures, source
from storecast.webapp.client import Client
from storecast.webapp.frame import empty
from storecast.webapp.parts import money_columns, show_table
from storecast.webapp.words import Words

__all__ = ["Drivers", "show_effects"]

_BASE = "last_year"  # the step that others change
_SHOWN = 12
_LEAST = 0.0005  # share below which an input is not worth a bar


class Driver(Struct):
    """One step over the weeks ahead from ``first`` to ``last``: mean dollars a week that it changes, and
    their share of the mean forecast."""

    first: int
    last: int
    name: str
    title: str
    dollars: float
    share: float


class TreeInput(Struct):
    """An input of the trees, and what it earned of all."""

    name: str
    title: str
    share: float


class Drivers(Struct):
    """All steps by weeks ahead; ``tree_weight``: how much of what trees say is applied."""

    series: int
    drivers: list[Driver]
    tree_weight: float
    tree_inputs: list[TreeInput]


def _drivers(client: Client) -> Drivers:
    path = "/v1/explanations/drivers"
    return client.read(Drivers, path, client.ask("GET", path))


def show_effects(client: Client, words: Words) -> None:
    """Two parts: steps in dollars, for weeks that are chosen; inputs of the trees by what they earned."""
    found = source.kept("drivers", [], lambda: _drivers(client))
    st.header("What matters in the model", anchor=False)
    spans = list(dict.fromkeys((d.first, d.last) for d in found.drivers))
    names = {f"{a}-{b}": f"All {b} weeks" if (a, b) == spans[0] else f"{a} to {b}" for a, b in spans}
    chosen = address.choose_titled("Weeks ahead", "ahead", names)
    _steps([d for d in found.drivers if f"{d.first}-{d.last}" == chosen], found.series, words)
    _trees(found, words)


def _steps(steps: Sequence[Driver], series: int, words: Words) -> None:
    base = next((d for d in steps if d.name == _BASE), None)
    if base is not None:
        st.markdown(
            f"Over {series:,} series, a week's forecast starts from **{words.money(base.dollars)}**, the "
            "same date last year. Each step then moves it, up or down, on average by:"
        )
    moves = [d for d in steps if d.name != _BASE and d.dollars > 0]
    if moves:
        told = [(d.title, d.dollars, f"{words.money(d.dollars)} ({words.percent(d.share)})") for d in moves]
        figures.changes(
            told, words, alt="What moves forecasts: " + "; ".join(f"{t} {text}" for t, _, text in told)
        )
    rows = [{"Step": d.title, "Dollars a week": d.dollars, "Share, %": 100.0 * d.share} for d in steps]
    show_table(
        pd.DataFrame(rows),
        height="content",
        column_config={
            **money_columns(words, ("Dollars a week",)),
            "Share, %": st.column_config.NumberColumn(format="%.1f"),
        },
        alt="Mean dollars a week that each step changes, and their share of the forecast",
    )
    st.caption("Size of the changes, whichever way they go, so that they do not add up to the forecast.")


def _trees(found: Drivers, words: Words) -> None:
    st.subheader("What its boosting part looks at", anchor=False)
    if not found.tree_inputs or found.tree_weight == 0.0:
        empty(
            "It has none",
            "This version's forecasts are not corrected by trees: its kind of model has none, its history is "
            "too short for them, or what they learnt earned no weight.",
        )
        return
    st.caption(
        f"Its trees correct the forecast; {words.percent(found.tree_weight, decimals=0)} of what they "
        "say is applied, as much as they earned on weeks they had not seen. The bars: what each input earned."
    )
    steps = [
        (item.title, 100.0 * item.share, words.percent(item.share))
        for item in found.tree_inputs[:_SHOWN]
        if item.share >= _LEAST
    ]
    alt = "; ".join(f"{name} {text}" for name, _, text in steps)
    figures.changes(steps, Words(str(words.locale), "%"), alt=f"Importance of inputs: {alt}")
