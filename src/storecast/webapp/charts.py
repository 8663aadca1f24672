"""Charts as Vega-Lite specifications; what they say is also said in words, for those who do not see them.

Lines differ by dash as well as by colour. Texts in tooltips are written by ``Words``, so that separators and
dates are the reader's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from storecast.webapp.answers import Around, Forecasts, Holiday
from storecast.webapp.words import Words

__all__ = [
    "NAIVE",
    "Spec",
    "axes",
    "forecast",
    "hover",
    "joined",
    "marks_words",
    "palette",
    "rows_of",
    "shown",
]

Spec = dict[str, Any]
_LIGHT = {
    "history": "#334155",
    "forecast": "#0B5CAD",
    "year": "#B45309",
    "naive": "#6B7280",
    "mark": "#64748B",
}
_DARK = {
    "history": "#CBD5E1",
    "forecast": "#6DB3F8",
    "year": "#F59E0B",
    "naive": "#94A3B8",
    "mark": "#94A3B8",
}
_LINES = (
    # column, name, colour, dash
    ("y", "Sales", "history", [1, 0]),
    ("storecast", "Forecast", "forecast", [1, 0]),
    ("last_year", "Last year", "year", [6, 3]),
    ("naive", "Naive", "naive", [2, 3]),
)
NAIVE = "naive-growth"


def palette() -> Mapping[str, str]:
    """Colours that stand out on the reader's background."""
    return _DARK if st.context.theme.type == "dark" else _LIGHT


def rows_of(found: Forecasts, around: Around, name: str) -> list[dict[str, Any]]:
    """One row a week of one series: ``y``, or ``storecast``, its limits, ``last_year`` and ``naive``."""
    past = [{"ds": ds, "y": y} for ds, y in zip(around.history.ds, around.history.y[name], strict=True)]
    year = dict(zip(around.ahead.ds, around.ahead.last_year[name], strict=True))
    naive = dict(zip(around.ahead.ds, around.ahead.naives[NAIVE][name], strict=True))
    ahead = [
        {**row, "last_year": year.get(str(row["ds"])), "naive": naive.get(str(row["ds"]))}
        for row in found.forecasts
        if row["unique_id"] == name
    ]
    return [*past, *ahead]


def marks_words(found: Forecasts) -> str:
    """What stands below charts of forecasts: what their marks and lines are."""
    said = (
        "Triangles mark weeks with a holiday; the dashed upright line is the last week that is known. "
        "The naive forecast is last year's same week times recent growth."
    )
    return said + " Diamonds are numbers that planners changed." if found.overrides else said


def _levels(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    names = {
        key.removeprefix("storecast-lo-") for row in rows for key in row if key.startswith("storecast-lo-")
    }
    return sorted(names, key=float, reverse=True)  # the widest lies below


def _told(rows: Sequence[dict[str, Any]], words: Words, holidays: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rows with texts for the tooltip, the last known week joined to the first forecast."""
    levels, out = _levels(rows), []
    last = max((i for i, row in enumerate(rows) if row.get("y") is not None), default=None)
    for i, row in enumerate(rows):
        made = {k.replace("storecast-", "").replace("-", "_").replace(".", "_"): v for k, v in row.items()}
        if i == last:  # so that the forecast's line begins where the history's ends
            made["storecast"] = row["y"]
            for level in levels:
                made |= {f"lo_{_key(level)}": row["y"], f"hi_{_key(level)}": row["y"]}
        made["Week"] = words.day(str(row["ds"]))
        for column, name, *_ in _LINES:
            if row.get(column) is not None:
                made[name] = words.money(row[column])
        if "storecast-model" in row:
            made["Model alone"] = words.money(row["storecast-model"])
        for level in levels:
            if f"storecast-lo-{level}" in row:
                low, high = (words.money(row[f"storecast-{side}-{level}"]) for side in ("lo", "hi"))
                made[f"{level} % band"] = f"{low} to {high}"
        if str(row["ds"]) in holidays:
            made["Holiday"] = holidays[str(row["ds"])]
        out.append(made)
    return out


def _key(level: str) -> str:
    return level.replace(".", "_")


def axes(words: Words, months: int = 3) -> tuple[Spec, Spec]:
    """A time axis with a tick every so many ``months``, and one of dollars."""
    unit = words.unit.replace("\\", "").replace("'", "\\'") if words.prefixed else ""
    # in words people use: no milli below 1, K and B where the library says k and G
    digits = "datum.value && abs(datum.value) < 1 ? format(abs(datum.value), '~r') : "
    digits += "replace(replace(format(abs(datum.value), '~s'), 'k', 'K'), 'G', 'B')"
    label = f"(datum.value < 0 ? '−' : '') + '{unit}' + ({digits})"
    x = {
        "field": "ds",
        "type": "temporal",
        "title": None,
        "axis": {"format": "%b %Y", "labelOverlap": True, "tickCount": {"interval": "month", "step": months}},
    }
    y = {
        "type": "quantitative",
        "title": None if words.prefixed else words.unit,
        "axis": {"labelExpr": label, "tickCount": 5},
        "scale": {"zero": False},
    }
    return x, y


def joined(
    lines: Sequence[tuple[str, str, str, list[int]]], x: Spec, y: Spec, colours: Mapping[str, str]
) -> Spec:
    """All lines (column, name, colour, dash) as one layer, so that colour and dash share a legend."""
    columns = [line[0] for line in lines]
    legend = {"title": None, "orient": "top", "symbolType": "stroke", "symbolSize": 150, "columnPadding": 6}
    names = " : ".join(f"datum.line === '{column}' ? '{name}'" for column, name, *_ in lines)

    def scale(values: list[Any]) -> Spec:
        return {"domain": [line[1] for line in lines], "range": values}

    return {
        "transform": [
            {"fold": columns, "as": ["line", "value"]},
            {"filter": "isValid(datum.value)"},
            {"calculate": f"{names} : ''", "as": "Line"},
        ],
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": x,
            "y": {**y, "field": "value"},
            "color": {
                "field": "Line",
                "scale": scale([colours[line[2]] for line in lines]),
                "legend": legend,
            },
            "strokeDash": {"field": "Line", "scale": scale([line[3] for line in lines]), "legend": legend},
        },
    }


def forecast(
    rows: Sequence[dict[str, Any]],
    calendar: Sequence[Holiday],
    words: Words,
    name: str,
    *,
    height: int = 380,
    key: str | None = None,
) -> None:
    """Draw history, forecast with bands, last year, the naive forecast and holidays."""
    colours, holidays = palette(), {h.ds: h.name for h in calendar}
    told, levels = _told(rows, words, holidays), _levels(rows)
    x, y = axes(words)
    lines = [line for line in _LINES if any(row.get(line[0]) is not None for row in rows)]
    names = [line[1] for line in lines]
    layers: list[Spec] = [
        {
            "mark": {"type": "area", "opacity": 0.16 + 0.1 * depth, "color": colours["forecast"]},
            "encoding": {
                "x": x,
                "y": {**y, "field": f"lo_{_key(level)}"},
                "y2": {"field": f"hi_{_key(level)}"},
            },
        }
        for depth, level in enumerate(levels)
    ]
    layers.append(joined(lines, x, y, colours))
    layers += _marks(told, x, colours)
    layers.append(hover(x, [*names, "Model alone", *(f"{level} % band" for level in reversed(levels))]))
    st.vega_lite_chart(shown(told, layers, height), key=key, alt=_alt(rows, words, name))


def shown(rows: Sequence[Mapping[str, Any]], layers: Sequence[Spec], height: int) -> Spec:
    """A chart of ``rows``, in letters that can be read."""
    return {
        "data": {"values": list(rows)},
        "layer": list(layers),
        "height": height,
        "config": {"legend": {"labelFontSize": 13}, "axis": {"labelFontSize": 12}},
    }


def _marks(told: Sequence[Mapping[str, Any]], x: Spec, colours: Mapping[str, str]) -> list[Spec]:
    """Where history ends, and holidays."""
    known = [row["ds"] for row in told if row.get("y") is not None]
    festive = [
        {"ds": row["ds"], "Holiday": row["Holiday"], "Week": row["Week"]} for row in told if "Holiday" in row
    ]
    out: list[Spec] = []
    moved = [row for row in told if "Model alone" in row]
    if moved:
        tips = [{"field": name, "type": "nominal"} for name in ("Week", "Forecast", "Model alone")]
        points = [
            {"ds": r["ds"], "value": r["storecast"], **{n["field"]: r[n["field"]] for n in tips}}
            for r in moved
        ]
        out.append(
            {
                "data": {"values": points},
                "mark": {"type": "point", "shape": "diamond", "filled": True, "size": 110,
                         "color": colours["year"], "opacity": 1.0},
                "encoding": {"x": x, "y": {"field": "value", "type": "quantitative"}, "tooltip": tips},
            }
        )  # fmt: skip
    if known:
        out.append(
            {
                "data": {"values": [{"ds": known[-1]}]},
                "mark": {"type": "rule", "color": colours["mark"], "strokeDash": [4, 4]},
                "encoding": {"x": x},
            }
        )
    if festive:
        out.append(
            {
                "data": {"values": festive},
                "mark": {"type": "point", "shape": "triangle-down", "filled": True, "size": 60, "y": 6,
                         "color": colours["mark"], "opacity": 0.9},
                "encoding": {"x": x, "tooltip": [{"field": "Week"}, {"field": "Holiday"}]},
            }
        )  # fmt: skip
    return out


def hover(x: Spec, names: Sequence[str]) -> Spec:
    """A line below the pointer that tells the week's numbers."""
    return {
        "params": [
            {"name": "at", "select": {"type": "point", "on": "pointerover", "nearest": True,
                                      "clear": "pointerout", "fields": ["ds"]}}
        ],
        "mark": {"type": "rule", "strokeWidth": 1, "color": "#888"},
        "encoding": {
            "x": x,
            "opacity": {"condition": {"param": "at", "empty": False, "value": 0.8}, "value": 0},
            "tooltip": [{"field": name, "type": "nominal"} for name in ("Week", *names, "Holiday")],
        },
    }  # fmt: skip


def _alt(rows: Sequence[Mapping[str, Any]], words: Words, name: str) -> str:
    ahead = [row for row in rows if row.get("storecast") is not None]
    if not ahead:
        return f"Sales of {name}"
    values = [float(row["storecast"]) for row in ahead]
    first, last = words.day(str(ahead[0]["ds"])), words.day(str(ahead[-1]["ds"]))
    top = ahead[values.index(max(values))]
    return (
        f"Sales and forecast of {name}: {len(ahead)} weeks from {first} to {last}, "
        f"{words.money(sum(values))} in all, highest {words.money(max(values))} "
        f"in the week of {words.day(str(top['ds']))}. The table holds every number."
    )
