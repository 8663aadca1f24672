"""Stores side by side: size, growth, season, accuracy and bias."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from storecast.webapp import address, figures, source
from storecast.webapp.answers import Around, By, OverviewRow
from storecast.webapp.frame import Visitor, empty, heading
from storecast.webapp.parts import money_columns
from storecast.webapp.words import Words, plural

__all__ = ["season_of", "show"]

_YEAR = 52
_MOST = 8


def season_of(values: Sequence[float | None]) -> list[float | None]:
    """The last two years of weekly sales as a season: each week of the year against the mean week, 1 = mean.
    Needs a year that is whole."""
    known = list(values[-2 * _YEAR :])
    years = [known[i : i + _YEAR] for i in range(len(known) % _YEAR, len(known), _YEAR)]
    whole = [year for year in years if all(v is not None for v in year)]
    shapes = []
    for year in whole:
        mean = sum(v or 0.0 for v in year) / _YEAR
        if mean > 0:
            shapes.append([(v or 0.0) / mean for v in year])
    if not shapes:
        return [None] * _YEAR
    return [sum(shape[i] for shape in shapes) / len(shapes) for i in range(_YEAR)]


def _group(rows: Sequence[OverviewRow], words: Words, noun: str) -> None:
    """By type of store: how many, how large, how they grow, how well they are forecast."""
    kinds = sorted({r.type for r in rows if r.type})
    if not kinds:
        return
    st.header("By type", anchor=False)
    table = []
    for kind in kinds:
        members = [r for r in rows if r.type == kind]
        forecast = sum(r.forecast for r in members if r.last_year is not None)
        year = sum(r.last_year for r in members if r.last_year is not None)
        size = [r.size for r in members if r.size]
        errors = [r.score for r in members if r.score]
        table.append(
            {
                "Type": kind,
                noun: len(members),
                "Mean size": sum(size) / len(size) if size else None,
                "Forecast": sum(r.forecast for r in members),
                "Change, %": 100.0 * (forecast / year - 1.0) if year > 0 else None,
                "Error, % of sales": _mean([s.get("wape") for s in errors], 100.0),
                "Bias, %": _mean([s.get("bias") for s in errors], 100.0),
            }
        )
    _show(table, words)


def _mean(values: Sequence[float | None], times: float) -> float | None:
    known = [v for v in values if v is not None]
    return times * sum(known) / len(known) if known else None


def _show(table: Sequence[dict[str, Any]], words: Words) -> None:
    frame = pd.DataFrame(table).dropna(axis=1, how="all")
    shares = {
        name: st.column_config.NumberColumn(name, format="%.1f") for name in frame.columns if "%" in name
    }
    columns = {**money_columns(words, ("Forecast", "Last year", "Mean error")), **shares}
    columns["Mean size"] = columns["Size"] = st.column_config.NumberColumn(format="%,.0f")
    st.dataframe(frame, hide_index=True, column_config=columns, height="content" if len(frame) < 12 else 460)


def _line(row: OverviewRow) -> dict[str, Any]:
    score = row.score or {}
    naives = [v for n, v in score.items() if n.startswith("wmae:") and v]
    own = score.get("wmae")
    return {
        "Store": row.store,
        "Department": row.dept or None,
        "Type": row.type,
        "Size": row.size,
        "Forecast": row.forecast,
        "Last year": row.last_year,
        "Change, %": None if row.change is None else 100.0 * row.change,
        "Mean error": own,
        "Error, % of sales": None if score.get("wape") is None else 100.0 * (score["wape"] or 0.0),
        "Against naive, %": 100.0 * (own / min(naives) - 1.0) if own is not None and naives else None,
        "Bias, %": None if score.get("bias") is None else 100.0 * (score["bias"] or 0.0),
        "80 % band held, %": score.get("coverage-80"),
    }


def _season(around: Around, names: Sequence[str], words: Words) -> None:
    st.header("Season", anchor=False)
    rows, missing = [], []
    for name in names:
        shape = season_of(around.history.y[name])
        if shape[0] is None:
            missing.append(name)
            continue
        days = around.history.ds[-_YEAR:]
        called = f"Store {name}" if name.isdecimal() else name
        for ds, value in zip(days, shape, strict=True):
            if value is not None:
                text = words.percent(value - 1.0, sign=True)
                rows.append({"series": called, "ds": ds, "value": value, "Week": words.day(ds), "text": text})
    if rows:
        figures.lines(
            rows,
            percent=True,
            alt=f"Season of {plural(len(names) - len(missing), 'store')}: each week against the year's mean",
        )
        st.caption(
            "Each week of the year against the store's own mean week, from the last one or two whole years: "
            "100 % is the mean."
        )
    for name in missing:
        st.caption(f"{name} has no whole year yet.")


def _rank(
    rows: Sequence[OverviewRow],
    value: Callable[[OverviewRow], float | None],
    title: str,
    says: str,
    words: Words,
) -> None:
    known = [(r, v) for r in rows if (v := value(r)) is not None]
    st.header(title, anchor=False)
    if not known:
        empty("Not known", "This version was trained without a back-test.")
        return
    st.caption(says)
    steps = [
        (
            f"Store {r.unique_id}" if r.unique_id.isdecimal() else r.unique_id,
            100.0 * v,
            words.percent(v, sign=True),
        )
        for r, v in sorted(known, key=lambda pair: -pair[1])
    ]
    alt = "; ".join(f"{name} {text}" for name, _, text in steps[:20])
    figures.changes(steps, Words(str(words.locale), "%"), alt=f"{title}: {alt}")


def show(visitor: Visitor) -> None:
    """Draw the page."""
    client, words = visitor.client, visitor.words
    heading(
        "Compare",
        "Stores side by side: how they sell over the year, how they grow, how well they are forecast.",
    )
    items = source.series(client)
    hierarchical = any(item.dept for item in items)
    by: By = "store" if hierarchical else "series"
    found = source.overview(client, "store", 13)
    names = [row.unique_id for row in found.rows]
    kinds = sorted({row.type for row in found.rows if row.type})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if kinds:
            kind = address.choose(
                "Type",
                "type",
                ["all", *kinds],
                "all",
                format_func=lambda k: "All" if k == "all" else k,
                width=140,
            )
            names = [row.unique_id for row in found.rows if kind in ("all", row.type)]
        chosen = address.choose_many(
            "Stores",
            "series",
            names,
            names[:3],
            most=_MOST,
            format_func=lambda n: f"Store {n}" if n.isdecimal() else n,
            placeholder="Type to search",
            select_all=False,
        )
    rows = [row for row in found.rows if row.unique_id in chosen]
    if not rows:
        empty("Nothing is chosen", f"Choose up to {_MOST} stores above to see them side by side.")
    else:
        around = source.around(client, chosen, by, 13, 2 * _YEAR)
        _season(around, chosen, words)
        left, right = st.columns(2, gap="large")
        with left:
            _rank(
                rows, lambda r: r.change, "Growth", "Forecast of the next quarter against last year.", words
            )
        with right:
            _rank(
                rows,
                lambda r: (r.score or {}).get("bias"),
                "Bias",
                "What the back-test forecast too much (right) or too little (left), of what was sold.",
                words,
            )
    _group(found.rows, words, "Stores")
    st.header("All stores", anchor=False)
    st.caption("A click on a column's name sorts by it.")
    _show([_line(row) for row in found.rows if row.unique_id in names], words)
