"""What planners know better, on the page of forecasts: seen, said and taken back, all of it in one list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

import pandas as pd
import streamlit as st

from storecast.webapp import said as service
from storecast.webapp import source
from storecast.webapp.answers import By, Forecasts, SeriesItem
from storecast.webapp.frame import Visitor, may, tell
from storecast.webapp.parts import money_columns, series_name, show_table
from storecast.webapp.said import OverrideItem, Scores
from storecast.webapp.trouble import Trouble
from storecast.webapp.words import Words, plural

__all__ = ["MODEL", "OVERRIDE", "add_columns", "show_planners", "value_text"]

MODEL, OVERRIDE = "Model's forecast", "Override"  # columns of tables and files
_MODES = {"percent": "Percent more", "difference": "Sales more", "value": "Sales instead"}
_DONE = "_override_done"


def value_text(mode: str, value: float | None, words: Words) -> str:
    """What an override says, in words."""
    if value is None:
        return ""
    if mode == "percent":
        return words.percent(value / 100.0, sign=True)
    return words.money(value, cents=True, sign=mode == "difference")


def add_columns(line: dict[str, Any], row: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """The model's own number, and by whom and why the forecast is another, in a table with overrides."""
    line[MODEL] = float(row.get("storecast-model", row["storecast"]))
    override = said.get(str(row.get("override", "")))
    if override is not None:
        line[OVERRIDE] = f"{override.who}: {override.why}"
    else:
        line[OVERRIDE] = "in its departments" if "storecast-model" in row else ""


def show_planners(
    visitor: Visitor, names: Sequence[str], by: By, found: Forecasts, known: dict[str, SeriesItem]
) -> None:
    """Overrides of what is shown, the form to say more, and all that count."""
    st.header("What planners know better", anchor=False)
    note = st.empty()  # always there: what stands below keeps its place, by which its files are found
    if done := st.session_state.pop(_DONE, ""):
        note.success(done, icon=":material/check:")
    words = visitor.words
    if found.overrides:
        lines = [
            {
                "Of": series_name(o.unique_id, "series", known),
                "Week": date.fromisoformat(o.ds),
                "Says": value_text(o.mode, o.value, words),
                "Who": o.who,
                "Why": o.why,
                "Until": "for good" if o.expires is None else words.day(o.expires),
            }
            for o in found.overrides
        ]
        show_table(
            pd.DataFrame(lines),
            height="content",
            column_config={"Week": st.column_config.DateColumn("Week", format="localized")},
            alt=f"{plural(len(lines), 'override')} in the forecasts shown",
        )
    else:
        st.caption("No override is in the forecasts shown: these are the model's numbers.")
    if not may(visitor, "planner"):
        st.caption("Saying what you know better needs a key of the role planner.")
    elif by != "series":
        if any(item.dept for item in known.values()):
            st.caption("Choose departments above to override them; stores and the total are their sums.")
        else:
            st.caption("Choose stores above to override them; the total is their sum.")
    else:
        with st.expander("Override these forecasts", icon=":material/edit:"):
            _form(visitor, names, found, known)
    with st.expander("All overrides that count", icon=":material/list:"):
        _all(visitor, known)


def _form(visitor: Visitor, names: Sequence[str], found: Forecasts, known: dict[str, SeriesItem]) -> None:
    words = visitor.words
    weeks = list(dict.fromkeys(str(row["ds"]) for row in found.forecasts))
    with st.form("override", border=False):
        picked = st.multiselect(
            "Weeks", weeks, weeks[:1], format_func=words.day, key="override_weeks", placeholder="Choose weeks"
        )
        left, right = st.columns(2)
        with left:
            mode = st.selectbox(
                "What you know", list(_MODES), format_func=lambda m: _MODES[m], key="override_mode"
            )
        with right:
            value = st.number_input("How much", value=0.0, step=1.0, key="override_value")
        why = st.text_input("Reason", max_chars=500, key="override_why", placeholder="A fair in town")
        until = st.date_input("It counts until (empty: for good)", None, key="override_until")
        of = ", ".join(series_name(name, "series", known) for name in names)
        st.caption(f"Of {of}. The last word on a week counts; bands move with it by the same dollars.")
        if not st.form_submit_button("Override", type="primary"):
            return
    if not picked or not why.strip():
        st.error("Choose a week or more, and give a reason: whoever reads the forecast will see it.")
        return
    expires = None
    if isinstance(until, date):
        expires = datetime.combine(until, time(23, 59, 59)).astimezone().isoformat()
    asked = {"series": list(names), "dates": picked, "mode": mode, "value": value, "why": why.strip()}
    try:
        made = service.say(visitor.client, {**asked, "expires": expires} if expires else asked)
    except Trouble as trouble:
        tell(trouble)
        return
    _done(f"Said of {plural(len(made), 'week')}. The forecasts above hold it.")


def _done(text: str) -> None:
    st.session_state[_DONE] = text
    source.forget()
    st.rerun()


def _all(visitor: Visitor, known: dict[str, SeriesItem]) -> None:
    words = visitor.words
    rows: list[OverrideItem] = service.overrides(visitor.client)
    if not rows:
        st.caption("There are none.")
    else:
        table = [
            {
                "Of": series_name(o.unique_id, "series", known),
                "Week": date.fromisoformat(o.ds),
                "Says": value_text(o.mode, o.value, words),
                "Model then": o.model,
                "Who": o.who,
                "Why": o.why,
                "Until": "for good" if o.expires is None else words.day(o.expires),
            }
            for o in rows
        ]
        show_table(
            pd.DataFrame(table),
            column_config={
                **money_columns(words, ("Model then",)),
                "Week": st.column_config.DateColumn("Week", format="localized"),
            },
            alt=f"All {plural(len(table), 'override')} that count",
        )
        mine = [o for o in rows if visitor.session.role == "operator" or o.who == visitor.session.caller]
        if may(visitor, "planner") and mine:
            _undo(visitor, mine, known)
    _worth(service.scores(visitor.client), words)


def _undo(visitor: Visitor, rows: Sequence[OverrideItem], known: dict[str, SeriesItem]) -> None:
    words = visitor.words
    chosen = st.selectbox(  # outside the form, whose choice below follows it
        "Take back",
        rows,
        format_func=lambda o: (
            f"{series_name(o.unique_id, 'series', known)}, {words.day(o.ds)}: "
            f"{value_text(o.mode, o.value, words)} ({o.why})"
        ),
        key="undo_which",
    )
    said = sum(o.statement == chosen.statement for o in rows)
    with st.form("undo", border=False):
        whole = said > 1 and st.radio(
            "How much of it",
            [False, True],
            format_func=lambda w: f"All {plural(said, 'week')} said then" if w else "This week",
            horizontal=True,
            key="undo_whole",
        )
        why = st.text_input("Reason to take it back", max_chars=500, key="undo_why")
        if not st.form_submit_button("Undo"):
            return
    if not why.strip():
        st.error("Give a reason: the history keeps it.")
        return
    try:
        gone = service.undo(visitor.client, chosen.id, why.strip(), whole)
    except Trouble as trouble:
        tell(trouble)
        return
    weeks = plural(gone, "week")
    _done(f"Taken back: {weeks}. What was said before counts again, else the model's number.")


def _worth(scores: Scores, words: Words) -> None:
    """What overrides were worth, where weeks with one have actuals."""
    if scores.all is None:
        st.caption("What they are worth is known once actuals of their weeks are uploaded.")
        return
    rows = [("All", scores.all), *((f"Planner {p.who}", p) for p in scores.planners)]
    rows += [(f"Store {s.store}", s) for s in scores.stores]
    table = [
        {
            "Of": name,
            "Overrides": score.rows,
            "Nearer than the model": score.better,
            "Naive's error": score.naive_error,
            "Model's error": score.model_error,
            "Override's error": score.override_error,
            "Value added": score.override_added,
        }
        for name, score in rows
    ]
    st.markdown("**What they were worth**, mean error a week")
    show_table(
        pd.DataFrame(table),
        height="content",
        column_config=money_columns(
            words, ("Naive's error", "Model's error", "Override's error", "Value added")
        ),
        alt="Errors of naive, model and overrides by planner and store",
    )
