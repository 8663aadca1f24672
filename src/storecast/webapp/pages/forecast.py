"""Forecasts of what is chosen: chart, reasons, how far to trust them, table and files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from storecast.webapp import address, charts, reasons, sheets, source
from storecast.webapp.answers import Around, By, Forecasts, SeriesItem
from storecast.webapp.client import Client
from storecast.webapp.frame import Visitor, empty, heading
from storecast.webapp.moved import show_moved
from storecast.webapp.parts import (
    band_names,
    choose_horizon,
    money_columns,
    save_buttons,
    series_name,
    show_table,
)
from storecast.webapp.planners import OVERRIDE, add_columns, show_planners
from storecast.webapp.proof import show_record
from storecast.webapp.records import Backtests, scores_of
from storecast.webapp.words import Words

__all__ = ["show"]

_LEVELS = (50.0, 80.0, 90.0, 95.0, 99.0)
_USUAL = [80.0, 95.0]
_MOST = 12
_HISTORY = {26: "Half a year", 65: "Five quarters", 104: "Two years", 1000: "Everything"}
_BY: dict[By, str] = {"series": "Departments", "store": "Stores", "total": "All together"}


def _choose_by(hierarchical: bool) -> By:
    options: list[By] = ["store", "series", "total"] if hierarchical else ["series", "total"]
    names = _BY if hierarchical else {**_BY, "series": "Stores"}
    return address.choose_titled("Look at", "by", names, options)


def _choose_series(by: By, items: Sequence[SeriesItem], known: dict[str, SeriesItem]) -> list[str]:
    if by == "total":
        return ["total"]
    names = (
        [item.unique_id for item in items] if by == "series" else list(dict.fromkeys(i.store for i in items))
    )
    return address.choose_many(
        "Stores" if by == "store" or not any(i.dept for i in items) else "Departments",
        "series",
        names,
        names[:1],
        most=_MOST,
        format_func=lambda name: series_name(name, by, known),
        placeholder="Type to search",
        select_all=False,
    )


def _table(found: Forecasts, around: Around, by: By, known: dict[str, SeriesItem]) -> list[dict[str, Any]]:
    """The forecasts as people read them, one row a series and week."""
    out = []
    ahead = around.ahead
    at = {ds: i for i, ds in enumerate(ahead.ds)}
    said = {override.id: override for override in found.overrides}
    for row in found.forecasts:
        name, ds = str(row["unique_id"]), str(row["ds"])
        item = known.get(name)
        line: dict[str, Any] = {"Store": "all" if by == "total" else item.store if item else name}
        if by == "series" and item is not None and item.dept:
            line["Department"] = item.dept
        line |= {"Week": date.fromisoformat(ds), "Forecast": float(row["storecast"])}
        for level in found.levels:
            low, high = band_names(level)
            line |= {f"{level:g} % from": float(row[low]), f"{level:g} % to": float(row[high])}
        if found.overrides:
            add_columns(line, row, said)
        line["Last year"] = ahead.last_year[name][at[ds]]
        line["Naive forecast"] = ahead.naives[charts.NAIVE][name][at[ds]]
        out.append(line)
    return out


def _draw(
    found: Forecasts, around: Around, names: Sequence[str], by: By, known: dict[str, SeriesItem], words: Words
) -> None:
    if len(names) == 1:
        rows = charts.rows_of(found, around, names[0])
        charts.forecast(rows, around.calendar, words, series_name(names[0], by, known))
    else:
        columns = st.columns(2, gap="medium")
        for i, name in enumerate(names):
            with columns[i % 2]:
                title = series_name(name, by, known)
                st.markdown(f"**{title}**")
                rows = charts.rows_of(found, around, name)
                charts.forecast(rows, around.calendar, words, title, height=240)
    st.caption(charts.marks_words(found))
    for name in names:
        if note := found.notes.get(name):
            st.info(f"{series_name(name, by, known)}: {note}", icon=":material/info:")


def _why(
    visitor: Visitor,
    names: Sequence[str],
    by: By,
    found: Forecasts,
    around: Around,
    known: dict[str, SeriesItem],
) -> tuple[str, str]:
    """Reasons of one week, which is chosen here; of what, and which."""
    words = visitor.words
    st.header("Why this number", anchor=False)
    with st.container(horizontal=True):
        name = names[0]
        if len(names) > 1:
            name = address.choose(
                "Of", "why", names, names[0], format_func=lambda n: series_name(n, by, known), width=220
            )
        rows = {str(r["ds"]): float(r["storecast"]) for r in found.forecasts if r["unique_id"] == name}
        week = address.choose(
            "Week",
            "week",
            list(rows),
            next(iter(rows)),
            format_func=words.day,  # no dollars: what a box shows stays where another store is chosen
            width=260,
        )
    made = source.explanations(visitor.client, name, by, len(rows)).explanations
    explained = next(e for e in made if e.ds == week)
    year = around.ahead.last_year[name][around.ahead.ds.index(week)]
    reasons.show_reasons(explained, words, series_name(name, by, known), year)
    return name, week


def _judged_at(judged: Backtests, by: By, known: dict[str, SeriesItem]) -> tuple[dict[str, Any], str]:
    """Figures of the back-test at the level shown, and of what they are where that is not this level."""
    scores, own = scores_of(judged, by)
    single = "departments" if any(item.dept for item in known.values()) else "stores"
    return scores, "" if own else f" of single {single}"


def _trust(
    judged: Backtests,
    names: Sequence[str],
    by: By,
    levels: Sequence[float],
    known: dict[str, SeriesItem],
    words: Words,
) -> None:
    """What bands and errors were really like, of the series itself where that is known."""
    st.header("How far to trust it", anchor=False)
    metrics, of = _judged_at(judged, by, known)
    if "wmae" not in metrics:
        empty("Not known", "This version was trained without a back-test: its history is too short for one.")
        return
    lines = []
    measured = sorted(float(n.removeprefix("coverage-")) for n in metrics if n.startswith("coverage-"))
    for level in measured:
        held = metrics[f"coverage-{level:g}"]
        lines.append(
            f"- Bands that promise **{level:g} %** held **{words.percent(held / 100)}** of past weeks{of}."
        )
    asked = [f"{x:g} %" for x in levels if x not in measured]
    if asked:
        lines.append(f"- Bands of {', '.join(asked)} are made the same way; what they held was not counted.")
    own = _own_score(judged, names, by)
    if own is not None:
        if by != "total" and (mine := own.get("coverage-80")) is not None:
            lines.append(f"- Of this one alone, the 80 % bands held {words.percent(mine / 100)}.")
        naives = (v for n, v in own.items() if n.startswith("wmae:") and v is not None)
        better = min(naives, default=0.0)
        if own.get("wmae") is not None and better > 0:
            gain = own["wmae"] / better - 1
            side = "less than" if gain < 0 else "more than"
            lines.append(
                f"- Its mean error was **{words.money(own['wmae'])}** a week, "
                f"{words.percent(abs(gain))} {side} the better naive forecast's."
            )
    cutoffs = len(judged.cutoffs)
    lines.append(
        f"- Counted on {metrics['rows']:,.0f} forecasts{of}, of weeks that were not known yet"
        + (f", made at {cutoffs} points in time, up to {judged.horizon} weeks ahead." if cutoffs else ".")
    )
    st.markdown("\n".join(lines))


def _own_score(judged: Backtests, names: Sequence[str], by: By) -> dict[str, Any] | None:
    if by == "total":
        scores, own = scores_of(judged, by)
        return scores if own else None
    table = judged.tables.get("series" if by == "series" and "series" in judged.tables else "store", {})
    if len(names) != 1 or names[0] not in table.get("segment", []):
        return None
    at = table["segment"].index(names[0])
    return {name: values[at] for name, values in table.items() if name != "segment"}


def _book(
    client: Client,
    table: list[dict[str, Any]],
    names: Sequence[str],
    by: By,
    found: Forecasts,
    judged: Backtests,
    known: dict[str, SeriesItem],
) -> bytes:
    """The workbook: forecasts, reasons, and what it is."""
    why: list[dict[str, Any]] = []
    horizon = len({row["ds"] for row in found.forecasts})
    for name in names:
        for e in client.explanations(name, by, range(1, horizon + 1)).explanations:
            line: dict[str, Any] = {"Series": e.unique_id, "Week": date.fromisoformat(e.ds)}
            why.append(line | {step.title: step.dollars for step in e.steps} | {"Forecast": e.forecast})
    about: list[dict[str, Any]] = [
        {
            "What": "Model",
            "Value": f"{found.model.name}, version {found.model.version} ({found.model.model})",
        },
        {"What": "Digest", "Value": found.model.digest},
        {"What": "Sales known up to", "Value": date.fromisoformat(found.cutoff)},
        {"What": "Counted in", "Value": found.unit},
        {"What": "Logged as", "Value": found.id},
    ]
    scores, of = _judged_at(judged, by, known)
    for level in found.levels:
        held = scores.get(f"coverage-{level:g}")
        if held is not None:
            what = f"Bands of {level:g} % held in the back-test{of}, %"
            about.append({"What": what, "Value": round(held, 1)})
    return sheets.as_xlsx({"Forecast": table, "Why": why, "About": about})


def _show_table(table: list[dict[str, Any]], words: Words) -> None:
    frame = pd.DataFrame(table)
    dollars = [name for name in frame.columns if name not in ("Store", "Department", "Week", OVERRIDE)]
    show_table(
        frame,
        column_config={
            **money_columns(words, dollars),
            "Week": st.column_config.DateColumn("Week", format="localized"),
        },
        alt="The forecasts of the chart, one row a week",
    )


def show(visitor: Visitor) -> None:
    """Draw the page."""
    client, words = visitor.client, visitor.words
    heading("Forecast", "Choose stores and weeks; the address keeps your choice, so that you can share it.")
    items = source.series(client)
    known = {item.unique_id: item for item in items}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by = _choose_by(any(item.dept for item in items))
        horizon = choose_horizon()
        weeks = address.choose(
            "History", "weeks", list(_HISTORY), 65, format_func=lambda w: _HISTORY[w], width=160
        )
        levels = address.choose_many(
            "Bands", "levels", _LEVELS, _USUAL, format_func=lambda x: f"{x:g} %", width=260, select_all=False
        )
    names = _choose_series(by, items, known)
    if not names:
        empty("Nothing is chosen", "Choose one store or more above: type a part of its name to find it.")
        return
    found = source.forecasts(client, names, by, horizon, sorted(levels))
    around = source.around(client, names, by, horizon, weeks)
    judged = source.backtests(client)
    _draw(found, around, names, by, known, words)
    left, right = st.columns([3, 2], gap="large")
    with left:
        name, week = _why(visitor, names, by, found, around, known)
        show_moved(client, name, by, week, words, series_name(name, by, known))
    with right:
        _trust(judged, names, by, levels, known, words)
    show_planners(visitor, names, by, found, known)
    st.header("The same as a table", anchor=False)
    table = _table(found, around, by, known)
    file = f"forecast-{'-'.join(names[:3])}-after-{found.cutoff}"
    save_buttons(
        client,
        "forecast",
        "".join(c if c.isalnum() or c in "-_" else "_" for c in file),
        lambda: sheets.as_csv(table),
        lambda: _book(client, table, names, by, found, judged, known),
    )
    _show_table(table, words)
    show_record(client, found.id, found.model)
