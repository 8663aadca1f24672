"""The classic form: one store and week with what is known of it, the prediction, and what each input did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from storecast.webapp import address, reasons, source
from storecast.webapp.answers import By
from storecast.webapp.entries import Inputs, Predictions
from storecast.webapp.frame import Visitor, empty, heading
from storecast.webapp.navigation import link
from storecast.webapp.parts import band_names, series_name, trend
from storecast.webapp.records import scores_of
from storecast.webapp.words import Words, plural

__all__ = ["show"]

_LEVELS = (80.0, 95.0)
_SERIES: By = "series"
_STORE: By = "store"
_ALL = ""  # all departments of a store
_AHEAD = (4, 8, 13, 26)  # weeks that the page of forecasts offers; this version may have fewer
_FIELDS = (
    # name, label, step, format, what it is
    ("temperature", "Temperature, °F", 1.0, "%.1f", "Mean of the week in the store's region."),
    ("fuel_price", "Fuel price, $ a gallon", 0.05, "%.3f", "In the store's region."),
    ("cpi", "Consumer prices (CPI)", 1.0, "%.2f", "The region's consumer price index."),
    ("unemployment", "Unemployment, %", 0.1, "%.2f", "The region's rate."),
)
_LABELS = {"holiday_flag": "Holiday week", **{name: label for name, label, *_ in _FIELDS}}
_DIGITS = {"temperature": 1, "fuel_price": 3, "cpi": 2, "unemployment": 2}


def _place(visitor: Visitor) -> tuple[str, str, str]:
    """Store, department ("" for all of them) and week."""
    words = visitor.words
    items = source.series(visitor.client)
    stores = list(dict.fromkeys(item.store for item in items))
    weeks = source.weeks(visitor.client).weeks
    with st.container(horizontal=True, vertical_alignment="bottom"):
        store = address.choose(
            "Store", "store", stores, stores[0], format_func=lambda s: series_name(s, "store", {}), width=220
        )
        depts = [item.dept for item in items if item.store == store and item.dept]
        dept = _ALL
        if depts:
            dept = address.choose(
                "Department",
                "dept",
                [_ALL, *depts],
                _ALL,
                format_func=lambda d: f"Department {d}" if d else "All departments",
                width=220,
            )
        week = address.choose("Week of", "week", weeks, weeks[0], format_func=words.day, width=220)
    return store, dept, week


def _values(usual: Inputs) -> dict[str, float | int | None]:
    """What is entered, prefilled with what is likely."""
    columns = st.columns([1, 1, 1, 1, 1], gap="small", vertical_alignment="bottom")
    with columns[0]:
        flag = address.prefilled(
            "Holiday week", "holiday", usual.holiday_flag, lambda t: int(t == "1"), widget=_yes_or_no
        )
    out: dict[str, float | int | None] = {"holiday_flag": flag}
    for column, (name, label, step, form, help_) in zip(columns[1:], _FIELDS, strict=True):
        with column:
            out[name] = address.prefilled(
                label,
                name,
                getattr(usual, name),
                float,
                widget=st.number_input,
                step=step,
                format=form,
                help=help_,
                placeholder="not known",
                min_value=-1e6,
                max_value=1e6,
            )
    return out


def _yes_or_no(label: str, key: str) -> int:
    options = {0: "No", 1: "Yes"}
    chosen: int = st.selectbox(label, list(options), key=key, format_func=lambda x: options[x])
    return chosen


def _changed(usual: Inputs, given: Mapping[str, float | int | None]) -> list[str]:
    return [name for name, value in given.items() if value != getattr(usual, name)]


def _rows(store: str, dept: str, week: str, given: Mapping[str, float | int | None]) -> list[dict[str, Any]]:
    """The week alone, then with one input more in each row, so that their effects add up."""
    row: dict[str, Any] = {"store": store, "date": week} | ({"dept": dept} if dept else {})
    rows = [row]
    for name, value in given.items():
        if value is not None:
            row = {**row, name: value}
            rows.append(row)
    return rows


def _say(name: str, value: float | int | None, words: Words) -> str:
    if value is None:
        return "not known"
    return ("yes" if value else "no") if name == "holiday_flag" else words.number(value, _DIGITS[name])


def _remark(name: str, given: float | int | None, usual: Inputs, unused: bool) -> str:
    if given is None:
        return "left out"
    if name == "holiday_flag" and unused:
        known = f"it knows {usual.holiday} in this week" if usual.holiday else "it knows of none in this week"
        return f"not read: the model has a calendar of its own, and {known}"
    return "not used by this model" if unused else "as this model has learnt it"


def _effects(
    found: Predictions, given: Mapping[str, float | int | None], usual: Inputs, words: Words
) -> None:
    """What each input changed, as a table that adds up."""
    points = [round(100 * float(p["storecast"])) for p in found.predictions]
    lines = [("Forecast of this week by itself", "", words.money(points[0] / 100, cents=True), "")]
    at = 0
    for name, value in given.items():
        dollars = 0
        if value is not None:
            at += 1
            dollars = points[at] - points[at - 1]
        likely = getattr(usual, name)
        entered = _say(name, value, words)
        lines.append(
            (
                _LABELS[name],
                entered if value == likely else f"{entered} (likely: {_say(name, likely, words)})",
                words.money(dollars / 100, cents=True, sign=True) if dollars else words.money(0.0),
                _remark(name, value, usual, name in found.unused),
            )
        )
    lines.append(("Prediction", "", words.money(points[-1] / 100, cents=True), ""))
    table = pd.DataFrame(lines, columns=["What", "Entered", "Dollars", "Why"]).set_index("What")
    st.table(table.map(lambda text: text.replace("$", r"\$")))


def _answer(
    found: Predictions, name: str, week: str, last_year: float | None, held: str, words: Words
) -> None:
    last = found.predictions[-1]
    point = float(last["storecast"])
    with st.container(horizontal=True):
        change = point / last_year - 1.0 if last_year and last_year > 0 else None
        st.metric(
            f"{name}, week of {words.day(week)}",
            words.money(point),
            None if change is None else f"{words.percent(change, sign=True)} against 52 weeks before",
            **trend(change),
            border=True,
        )
        for at, side in enumerate(("from", "to")):
            usual, wide = (words.money(float(last[band_names(level)[at]])) for level in _LEVELS)
            st.metric(f"80 % band, {side}", usual, f"95 %: {side} {wide}", border=True, **trend(None))
    st.caption(f"Four times in five the sales lie within the 80 % band. {held}")


def _held(visitor: Visitor, by: By) -> str:
    """What the 80 % band of this level was really like."""
    scores, own = scores_of(source.backtests(visitor.client), by)
    if (held := scores.get("coverage-80")) is None:
        return ""
    of = "" if own else " of single departments"
    return f"In the back-test it held {visitor.words.percent(held / 100)} of past weeks{of}."


def _others(found: Predictions) -> None:
    """What to do about inputs that this version does not read."""
    left = [name for name in found.unused if name != "holiday_flag"]
    if not left:
        return
    with st.expander("What would a model say that uses them?", icon=":material/help:"):
        st.markdown(
            f"Version {found.model.version} is a `{found.model.model}` model. It leaves temperature, fuel "
            "price, consumer prices and unemployment out: nobody knows them ahead.\n\n"
            "A version of trees that reads them is trained by\n\n"
            "`storecast train sales.csv --model boosting --no-promote`\n\n"
            "and judged on the same past weeks. Where it is promoted, this page shows what each input "
            "changes by it, in dollars."
        )
        link("model", "Versions, and how well they did")


def _reset(changed: list[str]) -> None:
    names = ["holiday" if name == "holiday_flag" else name for name in changed]
    st.button(
        f"Back to likely values ({plural(len(changed), 'entry', 'entries')} changed)",
        icon=":material/undo:",
        on_click=lambda: address.forget(*names),
    )


def show(visitor: Visitor) -> None:
    """Draw the page."""
    client, words = visitor.client, visitor.words
    heading(
        "Single prediction",
        "One store and week. The form is filled with what is likely then; change what you know better.",
    )
    items = source.series(client)
    if not items:
        empty("Nothing is forecast", "The version that serves has no series.")
        return
    store, dept, week = _place(visitor)
    usual = source.inputs(client, store, week)
    given = _values(usual)
    changed = _changed(usual, given)
    if usual.holiday:
        st.caption(f"{usual.holiday} falls in this week.")
    if changed:
        _reset(changed)
    found = source.predictions(client, _rows(store, dept, week, given), _LEVELS)
    item = next((i for i in items if i.store == store and i.dept == dept), None)
    series, by = (item.unique_id, _SERIES) if item else (store, _STORE)
    weeks = source.weeks(client).weeks
    number = weeks.index(week) + 1
    year = source.around(client, [series], by, number, 1).ahead.last_year[series][-1]
    name = series_name(series, by, {item.unique_id: item} if item else {})
    _answer(found, name, week, year, _held(visitor, by), words)
    st.header("What each input changed", anchor=False)
    _effects(found, given, usual, words)
    _others(found)
    ahead = max((h for h in _AHEAD if h <= len(weeks)), default=_AHEAD[0])
    with st.container(horizontal=True):
        link("forecast", "All weeks of this store", by=by, series=series, horizon=str(ahead))
        link("what-if", "What if something happened in these weeks", by=by, series=series)
    made = source.explanations(client, series, by, number).explanations
    explained = next(e for e in made if e.ds == week)
    own = explained.forecast == found.predictions[-1]["storecast"]
    st.header("Why this number" if own else "Why the forecast of this week by itself", anchor=False)
    reasons.show_reasons(explained, words, name, year)
