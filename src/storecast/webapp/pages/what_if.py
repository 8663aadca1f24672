"""What would be forecast if something were otherwise: base against scenario, kept, compared, shared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from storecast.webapp import address, editor, saved, scenario_chart, sheets, source
from storecast.webapp.answers import By, SeriesItem
from storecast.webapp.changes import EVENTS, INPUTS, Change, to_what_if
from storecast.webapp.client import Client
from storecast.webapp.entries import Effect, WhatIf
from storecast.webapp.frame import Visitor, empty, heading
from storecast.webapp.parts import choose_horizon, money_columns, save_buttons, series_name, show_table, trend
from storecast.webapp.trouble import Trouble
from storecast.webapp.words import Words

__all__ = ["show"]

_HISTORY = 26
_BY: dict[By, str] = {"series": "A department", "store": "A store", "total": "All stores together"}


def _choose(items: Sequence[SeriesItem], known: dict[str, SeriesItem]) -> tuple[By, str]:
    """What the changes are of."""
    departments = any(item.dept for item in items)
    options: list[By] = ["store", "series", "total"] if departments else ["series", "total"]
    names = _BY if departments else {**_BY, "series": "A store"}
    by: By = address.choose_titled("Of", "by", names, options)
    if by == "total":
        return by, "total"
    of = [i.unique_id for i in items] if by == "series" else list(dict.fromkeys(i.store for i in items))
    label = "Department" if by == "series" and departments else "Store"
    name = address.choose(
        label, "series", of, of[0], format_func=lambda n: series_name(n, by, known), width=240
    )
    return by, name


def _totals(found: WhatIf, words: Words) -> None:
    base, scenario = sum(w.base for w in found.weeks), sum(w.scenario for w in found.weeks)
    change = round(scenario - base, 2)
    share = f"{words.percent(change / base, sign=True)} or " if base else ""
    with st.container(horizontal=True):
        st.metric(
            "As it is forecast", words.money(base), f"{len(found.weeks)} weeks", border=True, **trend(None)
        )
        st.metric(
            "What if",
            words.money(scenario),
            f"{share}{words.money(change, sign=True)}" if change else "no difference",
            border=True,
            **trend(change),
        )


def _named(effect: Effect, words: Words) -> str:
    kind, _, day = effect.name.partition(" from ")
    title = EVENTS.get(kind) or INPUTS.get(kind, kind)
    return f"{title} from {words.day(day)}" if day else title


def _effects(effects: Sequence[Effect], words: Words) -> None:
    """What each change did, in the order in which they were counted."""
    st.header("What each change does", anchor=False)
    rows = [
        (
            _named(effect, words),
            words.money(effect.dollars, cents=True, sign=True) if effect.dollars else words.money(0.0),
            effect.text.removeprefix("$0, "),
        )
        for effect in effects
    ]
    table = pd.DataFrame(rows, columns=["Change", "Dollars", "Why"]).set_index("Change")
    st.table(table.map(lambda text: text.replace("$", r"\$")))
    if any(effect.text.startswith("$0, not used") for effect in effects):
        st.caption(
            "Inputs that this model does not use change nothing in it. A version trained with "
            "`storecast train DATA --model boosting` uses them."
        )


def _table(found: WhatIf) -> list[dict[str, Any]]:
    return [
        {
            "Week": date.fromisoformat(week.ds),
            "Forecast": week.base,
            "What if": week.scenario,
            "Difference": week.difference,
            **{
                f"{level} % {side}": limit
                for level, band in week.scenario_bands.items()
                for side, limit in zip(("from", "to"), band, strict=True)
            },
        }
        for week in found.weeks
    ]


def _files(
    client: Client, found: WhatIf, asked: dict[str, Any], changes: Sequence[Change], words: Words
) -> None:
    """The weeks as a table and as files, which say what was changed."""
    st.header("Week by week", anchor=False)
    table = _table(found)
    entered: list[dict[str, Any]] = [
        {
            "Change": change.title,
            "From": date.fromisoformat(change.first),
            "To": None if change.kind == "opening" else date.fromisoformat(change.last),
            "Value": change.value,
        }
        for change in changes
    ]
    did: list[dict[str, Any]] = [
        {"Change": _named(e, words), "Dollars": e.dollars, "Why": e.text} for e in found.effects
    ]
    save_buttons(
        client,
        "what-if",
        "what-if-" + "".join(c if c.isalnum() or c in "-_" else "_" for c in asked["series"]),
        lambda: sheets.as_csv(table),
        lambda: sheets.as_xlsx({"What if": table, "Entered": entered, "Effects": did}),
    )
    frame = pd.DataFrame(table)
    show_table(
        frame,
        column_config={
            **money_columns(words, [name for name in frame.columns if name != "Week"]),
            "Week": st.column_config.DateColumn("Week", format="localized"),
        },
        alt="Forecast, what-if and their difference, one row a week",
    )


def show(visitor: Visitor) -> None:
    """Draw the page."""
    client, words = visitor.client, visitor.words
    heading("What-if", "Change what may happen in the weeks ahead, and see what it would do to the forecast.")
    items = source.series(client)
    known = {item.unique_id: item for item in items}
    weeks = source.weeks(client).weeks
    opened = saved.opened(client, weeks)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        by, name = _choose(items, known)
        horizon = choose_horizon()

    def usual(kind: str, week: str) -> float | None:
        if by == "total" or kind.startswith("markdown"):
            return None
        store = name if by == "store" else known[name].store
        try:
            value: float | None = getattr(source.inputs(client, store, week), kind)
        except Trouble:
            return None  # a suggestion is missing: the field stays empty
        return value

    st.header("Changes", anchor=False)
    changes = editor.edit(weeks, usual, words, open_=opened is not None)
    asked = to_what_if(name, by, horizon, changes, weeks)
    saved.keep(visitor, opened, asked, weeks, known, changed=bool(changes))
    title = series_name(name, by, known)
    if not changes:
        empty(
            "Nothing is changed yet",
            "Add a promotion, holiday, closure, opening or another input above; the difference shows here.",
        )
    else:
        found = source.what_if(client, asked)
        _totals(found, words)
        around = source.around(client, [name], by, horizon, _HISTORY)
        scenario_chart.draw(found, around, words, title)
        _effects(found.effects, words)
        _files(client, found, asked, changes, words)
    saved.compare(visitor, known, asked if changes else None)
