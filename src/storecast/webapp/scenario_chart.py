"""The chart of a what-if: sales so far, the forecast as it is, and as it would be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from storecast.webapp import charts
from storecast.webapp.answers import Around
from storecast.webapp.entries import WhatIf
from storecast.webapp.words import Words

__all__ = ["draw"]

Spec = dict[str, Any]
_LINES = (
    # column, name, colour, dash
    ("y", "Sales", "history", [1, 0]),
    ("base", "Forecast", "year", [6, 3]),
    ("scenario", "What if", "forecast", [1, 0]),
)


def _rows(found: WhatIf, around: Around, words: Words) -> list[dict[str, Any]]:
    """One row a week, with texts for the tooltip; the last known week begins both lines."""
    holidays = {h.ds: h.name for h in around.calendar}
    past = list(zip(around.history.ds, around.history.y[found.unique_id], strict=True))
    rows: list[dict[str, Any]] = [{"ds": ds, "y": y, "Sales": words.money(y)} for ds, y in past]
    if rows and past[-1][1] is not None:
        rows[-1] |= dict.fromkeys(("base", "scenario", "lo", "hi"), past[-1][1])
    for week in found.weeks:
        low, high = week.scenario_bands["80"]
        rows.append(
            {
                "ds": week.ds,
                "base": week.base,
                "scenario": week.scenario,
                "lo": low,
                "hi": high,
                "Forecast": words.money(week.base),
                "What if": words.money(week.scenario),
                "Difference": words.money(week.difference, sign=True),
                "80 % band": f"{words.money(low)} to {words.money(high)}",
            }
        )
    for row in rows:
        row["Week"] = words.day(row["ds"])
        if row["ds"] in holidays:
            row["Holiday"] = holidays[row["ds"]]
    return rows


def _spec(rows: Sequence[dict[str, Any]], words: Words) -> Spec:
    colours = charts.palette()
    x, y = charts.axes(words, months=1)
    layers = [
        {
            "mark": {"type": "area", "opacity": 0.2, "color": colours["forecast"]},
            "encoding": {"x": x, "y": {**y, "field": "lo"}, "y2": {"field": "hi"}},
        },
        charts.joined(_LINES, x, y, colours),
        {
            "transform": [{"filter": "isValid(datum.Holiday)"}],
            "mark": {
                "type": "point",
                "shape": "triangle-down",
                "filled": True,
                "size": 60,
                "y": 6,
                "color": colours["mark"],
            },
            "encoding": {"x": x},
        },
        charts.hover(x, ("Sales", "Forecast", "What if", "Difference", "80 % band")),
    ]
    return charts.shown(rows, layers, 360)


def draw(found: WhatIf, around: Around, words: Words, name: str) -> None:
    """Draw it, and say in words what it shows."""
    base, scenario = sum(w.base for w in found.weeks), sum(w.scenario for w in found.weeks)
    alt = (
        f"{name}, {len(found.weeks)} weeks ahead: {words.money(base)} as it is forecast, "
        f"{words.money(scenario)} with the changes. The table holds every number."
    )
    st.vega_lite_chart(_spec(_rows(found, around, words), words), alt=alt)
    st.caption("The shaded band holds the changed forecast four times in five. Triangles mark holidays.")
