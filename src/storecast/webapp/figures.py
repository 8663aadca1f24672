"""Smaller charts: what changed a number, some series over a year, figures by weeks ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import streamlit as st

from storecast.webapp.charts import Spec, axes, palette
from storecast.webapp.words import Words

__all__ = ["by_week", "changes", "lines"]

# Colours of series side by side: each at 4.5 to 1 or more against its background.
_SERIES = {
    "light": ("#0B5CAD", "#B45309", "#15803D", "#7C3AED", "#BE123C", "#0E7490", "#334155", "#A21CAF"),
    "dark": ("#6DB3F8", "#F59E0B", "#4ADE80", "#C4B5FD", "#FDA4AF", "#67E8F9", "#CBD5E1", "#F0ABFC"),
}
_LABEL = 24  # letters of a line beside a bar
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])


def _roomy(values: Sequence[float]) -> list[float]:
    """A range of an axis with room for a text at each bar's end."""
    low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    room = 0.5 * (high - low) or 1.0
    return [low - room if low < 0.0 else low, high + room if high > 0.0 or low == 0.0 else high]


def changes(
    steps: Sequence[tuple[str, float, str]], words: Words, alt: str, *, key: str | None = None
) -> None:
    """Bars from zero to the right and left: title, dollars and their text for each."""
    colours = palette()
    _, x = axes(words)
    values = [
        {
            "title": title,
            "label": "\n".join(wrap(title, _LABEL)),
            "dollars": dollars,
            "text": text,
            "kind": "more" if dollars > 0 else "less",
        }
        for title, dollars, text in steps
    ]
    scale = {"domain": ["more", "less"], "range": [colours["forecast"], colours["year"]]}
    bar = {"field": "dollars", **x, "scale": {"domain": _roomy([d for _, d, _ in steps])}}
    spec = {
        "data": {"values": values},
        "height": {"step": 34},
        "encoding": {
            "y": {
                "field": "label",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": {"labelExpr": "split(datum.label, '\\n')", "labelLimit": 300},
            },
            "x": bar,
            "tooltip": [{"field": "title", "title": "Step"}, {"field": "text", "title": "Change"}],
        },
        "layer": [
            {
                "mark": {"type": "bar", "height": {"band": 0.65}},
                "encoding": {"color": {"field": "kind", "type": "nominal", "scale": scale, "legend": None}},
            },
            {
                "transform": [{"filter": "datum.dollars > 0"}],
                "mark": {"type": "text", "align": "left", "dx": 4, "color": colours["history"]},
                "encoding": {"text": {"field": "text"}},
            },
            {
                "transform": [{"filter": "datum.dollars <= 0"}],
                "mark": {"type": "text", "align": "right", "dx": -4, "color": colours["history"]},
                "encoding": {"text": {"field": "text"}},
            },
        ],
    }
    st.vega_lite_chart(spec, key=key, alt=alt)


def lines(rows: Sequence[Mapping[str, Any]], *, alt: str, percent: bool = False, height: int = 320) -> None:
    """Some series over weeks: rows of ``series``, ``ds``, ``value``, and texts ``Week`` and ``text``."""
    names = list(dict.fromkeys(row["series"] for row in rows))
    colours = _SERIES["dark" if st.context.theme.type == "dark" else "light"]
    colour = {"domain": names, "range": [colours[i % len(colours)] for i in range(len(names))]}
    dash = {"domain": names, "range": [_DASHES[i % len(_DASHES)] for i in range(len(names))]}
    legend = {
        "orient": "top",
        "symbolType": "stroke",
        "symbolOpacity": 1,
        "symbolStrokeWidth": 2,
        "symbolSize": 250,
    }
    spec = {
        "data": {"values": list(rows)},
        "height": height,
        "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 12, "opacity": 0.01}},
        "encoding": {
            "x": {"field": "ds", "type": "temporal", "title": None, "axis": {"format": "%b"}},
            "y": {
                "field": "value",
                "type": "quantitative",
                "title": None,
                "axis": {"format": "%" if percent else "~s", "tickCount": 5},
                "scale": {"zero": False},
            },
            "color": {
                "field": "series",
                "type": "nominal",
                "title": None,
                "scale": colour,
                "legend": legend,
            },
            "strokeDash": {
                "field": "series",
                "type": "nominal",
                "title": None,
                "scale": dash,
                "legend": legend,
            },
            "tooltip": [{"field": name, "title": name.capitalize()} for name in ("series", "Week", "text")],
        },
    }
    st.vega_lite_chart(spec, alt=alt)


def by_week(
    rows: Sequence[Mapping[str, Any]],
    words: Words | None,
    title: str,
    *,
    alt: str,
    marks: Sequence[float] = (),
) -> None:
    """Lines over weeks ahead: rows of ``series``, ``week``, ``value`` and its ``text``; shares without
    ``words``, with a thin line at each of ``marks`` percent."""
    colours = palette()
    names = list(dict.fromkeys(row["series"] for row in rows))
    kinds = [("forecast", [1, 0]), ("year", [6, 3]), ("naive", [2, 3])]
    picked = [kinds[i % len(kinds)] for i in range(len(names))]
    legend = {"title": None, "orient": "top", "symbolType": "stroke", "symbolSize": 150, "columnPadding": 6}
    y: Spec = {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": words is not None}}
    y["axis"] = axes(words)[1]["axis"] if words else {"format": "%", "tickCount": 5}
    line: Spec = {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "color": {
                "field": "series",
                "scale": {"domain": names, "range": [colours[k] for k, _ in picked]},
                "legend": legend,
            },
            "strokeDash": {
                "field": "series",
                "scale": {"domain": names, "range": [dash for _, dash in picked]},
                "legend": legend,
            },
            "y": y,
        },
    }
    points: Spec = {
        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 0.01},
        "encoding": {
            "y": y,
            "tooltip": [
                {"field": "week", "title": "Weeks ahead"},
                {"field": "series", "title": " "},
                {"field": "text", "title": title},
            ],
        },
    }
    promised: Spec = {
        "data": {"values": [{"at": mark / 100.0} for mark in marks]},
        "mark": {"type": "rule", "strokeWidth": 1, "color": colours["mark"]},
        "encoding": {"y": {"field": "at", "type": "quantitative"}},
    }
    x = {"field": "week", "type": "quantitative", "title": "Weeks ahead", "axis": {"tickMinStep": 1}}
    layers = [{**layer, "encoding": {"x": x, **layer["encoding"]}} for layer in (line, points)] + (
        [promised] if marks else []
    )
    spec = {"data": {"values": list(rows)}, "height": 260, "layer": layers}
    st.vega_lite_chart(spec, alt=alt)
