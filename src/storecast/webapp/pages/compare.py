"""Stores side by side: size, growth, season, accuracy and bias."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from storecast.webapp import address, figures, source
from storecast.webapp.answers import Around, By, OverviewRow
from storecast.webapp.frame import Visitor, empty, heading
from storecast.webapp.parts import money_columns, number_columns, show_table, usual_horizon
from storecast.webapp.words import Words, plural

__all__ = ["season_of", "show"]

_YEAR = 52
_MOST = 8
_YEAR_BEFORE = "Same weeks last year"
_SIZES = ("small", "medium", "large")


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


def _by_size(rows: Sequence[OverviewRow]) -> dict[str, list[OverviewRow]]:
    """Three groups of as many stores, by size; none where fewer than three have one."""
    sized = sorted((r for r in rows if r.size is not None), key=lambda r: r.size or 0.0)
    if len(sized) < len(_SIZES):
        return {}
    cuts = [round(i * len(sized) / len(_SIZES)) for i in range(len(_SIZES) + 1)]
    return {name: sized[a:b] for name, a, b in zip(_SIZES, cuts, cuts[1:], strict=False)}


def _group(groups: Mapping[str, Sequence[OverviewRow]], of: str, words: Words, horizon: int) -> None:
    """Groups of stores, ``of`` a type or a size: how many, how large, how they grow, how well they are
    forecast."""
    if not groups:
        return
    st.header(f"By {of.lower()}", anchor=False)
    table = []
    for name, members in groups.items():
        comparable = sum(r.comparable or 0.0 for r in members)
        year = sum(r.last_year or 0.0 for r in members)
        size = [r.size for r in members if r.size]
        errors = [r.score for r in members if r.score]
        table.append(
            {
                of: name,
                "Stores": len(members),
                "Mean size": sum(size) / len(size) if size else None,
                _forecast(horizon): sum(r.forecast for r in members),
                "Change, %": 100.0 * (comparable / year - 1.0) if year > 0 else None,
                "Error, % of sales": _mean([s.get("wape") for s in errors], 100.0),
                "Bias, %": _mean([s.get("bias") for s in errors], 100.0),
            }
        )
    _show(table, words, horizon)


def _forecast(horizon: int) -> str:
    return f"Forecast, {plural(horizon, 'week')}"


def _mean(values: Sequence[float | None], times: float) -> float | None:
    known = [v for v in values if v is not None]
    return times * sum(known) / len(known) if known else None


def _show(table: Sequence[dict[str, Any]], words: Words, horizon: int) -> None:
    frame = pd.DataFrame(table).dropna(axis=1, how="all")
    columns = {
        **money_columns(words, (_forecast(horizon), _YEAR_BEFORE, "Mean error")),
        **number_columns([name for name in frame.columns if "%" in name], decimals=1),
        **number_columns(
            [n for n in ("Mean size", "Size") if n in frame and pd.api.types.is_numeric_dtype(frame[n])]
        ),
    }
    show_table(
        frame,
        column_config=columns,
        height="content" if len(frame) < 12 else 460,
        alt="Stores side by side: forecast, last year, size, accuracy and bias",
    )


def _line(row: OverviewRow, horizon: int) -> dict[str, Any]:
    score = row.score or {}
    naives = [v for n, v in score.items() if n.startswith("wmae:") and v]
    own = score.get("wmae")
    return {
        "Store": row.store,
        "Department": row.dept or None,
        "Type": row.type,
        "Size": row.size,
        _forecast(horizon): row.forecast,
        _YEAR_BEFORE: row.last_year,
        "Change, %": None if row.change is None else 100.0 * row.change,
        "Mean error": own,
        "Error, % of sales": None if score.get("wape") is None else 100.0 * (score["wape"] or 0.0),
        "Against naive, %": 100.0 * (own / min(naives) - 1.0) if own is not None and naives else None,
        "Bias, %": None if score.get("bias") is None else 100.0 * (score["bias"] or 0.0),
        "80 % band held, %": score.get("coverage-80"),
    }


def _season(around: Around, names: Sequence[str], words: Words) -> None:
    st.header("Season", anchor=False)
    rows, missing, told = [], [], []
    for name in names:
        shape = season_of(around.history.y[name])
        if shape[0] is None:
            missing.append(name)
            continue
        days = around.history.ds[-_YEAR:]
        called = f"Store {name}" if name.isdecimal() else name
        seen = sorted((v, words.day(ds)) for ds, v in zip(days, shape, strict=True) if v is not None)
        (low, least), (high, most) = seen[0], seen[-1]
        told.append(
            f"{called} highest {words.percent(high - 1.0, sign=True)} in the week of {most}, "
            f"lowest {words.percent(low - 1.0, sign=True)} in the week of {least}"
        )
        for ds, value in zip(days, shape, strict=True):
            if value is not None:
                text = words.percent(value - 1.0, sign=True)
                rows.append({"series": called, "ds": ds, "value": value, "Week": words.day(ds), "text": text})
    if rows:
        figures.lines(
            rows,
            percent=True,
            alt=f"Season of {plural(len(told), 'store')}, each week against the mean week: {'; '.join(told)}",
        )
        st.caption(
            "Each week of the year against the store's own mean week, from the last one or two whole years: "
            "100 % is the mean."
        )
        with st.expander("The same as a table"):
            table = pd.DataFrame(rows).pivot(index="ds", columns="series", values="value") * 100.0
            frame = table.rename(columns=lambda name: f"{name}, %").rename_axis("Week").reset_index()
            frame["Week"] = pd.to_datetime(frame["Week"])
            show_table(
                frame,
                column_config={
                    "Week": st.column_config.DateColumn("Week", format="localized"),
                    **number_columns([name for name in frame.columns if name != "Week"], decimals=1),
                },
                alt="Season: each week of the year against the mean week, in percent",
            )
    for name in missing:
        st.caption(f"{name} has no whole year yet.")


def _rank(
    rows: Sequence[OverviewRow],
    value: Callable[[OverviewRow], float | None],
    title: str,
    says: str,
    words: Words,
    *,
    sign: bool = True,
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
            words.percent(v, sign=sign),
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
    horizon = usual_horizon(client)
    found = source.overview(client, "store", horizon)
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
        around = source.around(client, chosen, by, horizon, 2 * _YEAR)
        _season(around, chosen, words)
        one, two, three = st.columns(3, gap="medium")
        with one:
            _rank(
                rows,
                lambda r: r.change,
                "Growth",
                f"Forecast of the next {plural(horizon, 'week')} against last year.",
                words,
            )
        with two:
            _rank(
                rows,
                lambda r: (r.score or {}).get("wape"),
                "Error",
                "Of what was sold, back-test.",
                words,
                sign=False,
            )
        with three:
            _rank(
                rows,
                lambda r: (r.score or {}).get("bias"),
                "Bias",
                "Too much (right) or too little (left), back-test.",
                words,
            )
    _group({k: [r for r in found.rows if r.type == k] for k in kinds}, "Type", words, horizon)
    _group(_by_size(found.rows), "Size", words, horizon)
    st.header("All stores", anchor=False)
    st.caption("A click on a column's name sorts by it.")
    _show([_line(row, horizon) for row in found.rows if row.unique_id in names], words, horizon)
