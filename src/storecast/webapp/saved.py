"""Scenarios with a name: opened, saved, changed, removed, compared, shared by a link."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import httpx
import pandas as pd
import streamlit as st

from storecast.webapp import address, editor, figures, source
from storecast.webapp.answers import SeriesItem
from storecast.webapp.changes import from_what_if, to_what_if
from storecast.webapp.client import Client
from storecast.webapp.entries import Scenario, WhatIf
from storecast.webapp.findings import plain
from storecast.webapp.frame import Visitor, empty, may
from storecast.webapp.parts import money_columns, number_columns, series_name, show_table
from storecast.webapp.trouble import Trouble
from storecast.webapp.words import Words, plural

__all__ = ["compare", "keep", "opened"]

_PAGE = "what-if"
_OPEN, _SAID = "scenario", "_scenario_said"
_MOST = 6
_LONGEST = 200  # letters of a name


def opened(client: Client, weeks: Sequence[str]) -> Scenario | None:
    """The saved scenario that the address names; opened anew, its changes are put beside it there."""
    keys = address.current(_OPEN)
    if not keys:
        return None
    try:
        found = client.scenario(keys[0])
    except Trouble as trouble:
        if trouble.passing or trouble.kind == "key":
            raise
        told = "somebody removed it, or the link is incomplete. What else the link says is shown."
        st.warning(f"The scenario of this link is not there any more: {told}", icon=":material/link_off:")
        return None
    if not address.current("change"):
        _put(found.what_if, weeks)
    return found


def _put(asked: Mapping[str, Any], weeks: Sequence[str]) -> None:
    """The address of a saved what-if."""
    for name in ("by", "series", "horizon"):
        if name in asked:
            st.query_params[name] = str(asked[name])
        else:
            st.query_params.pop(name, None)
    editor.start(from_what_if(asked, weeks))


def _open(key: str) -> None:
    """Callback: show another one."""
    for name in ("change", "by", "series", "horizon"):
        st.query_params.pop(name, None)
    st.query_params[_OPEN] = key


def _close() -> None:
    """Callback: begin anew."""
    for name in (_OPEN, "change"):
        st.query_params.pop(name, None)


def _gone(found: Scenario, known: Mapping[str, SeriesItem]) -> bool:
    """Whether what it is of is not forecast any more."""
    name, by = found.what_if["series"], found.what_if.get("by", "series")
    there = known if by == "series" else {item.store for item in known.values()}
    return by != "total" and name not in there


def _same(found: Scenario, asked: Mapping[str, Any], weeks: Sequence[str]) -> bool:
    """Whether nothing was changed since it was saved."""
    kept = found.what_if
    by, horizon = kept.get("by", "series"), kept.get("horizon", 13)
    return asked == to_what_if(kept["series"], by, horizon, from_what_if(kept, weeks), weeks)


def _link(key: str = "") -> str:
    """The address of this page that others can open."""
    url = httpx.URL(st.context.url or "")
    query = {_OPEN: [key]} if key else st.query_params.to_dict() | {"change": address.current("change")}
    return str(url.copy_with(query=urlencode(query, doseq=True).encode()))


def _act(said: str, do: Callable[[], Scenario | None]) -> None:
    """Do what was asked and say how it went, on the next look."""
    try:
        made = do()
    except Trouble as trouble:
        remedy = f" {trouble.remedy}" if trouble.remedy else ""
        st.session_state[_SAID] = ("error", f"{trouble.what}. {trouble.detail}{remedy}")
        return
    if made is not None:
        st.query_params[_OPEN] = made.id
    st.session_state[_SAID] = ("done", said)


def keep(
    visitor: Visitor,
    found: Scenario | None,
    asked: dict[str, Any],
    weeks: Sequence[str],
    known: Mapping[str, SeriesItem],
    *,
    changed: bool,
) -> None:
    """What can be done with the what-if that is looked at: share it, save it."""
    if said := st.session_state.pop(_SAID, None):
        kind, text = said
        (st.error if kind == "error" else st.success)(text)
    gone = found is not None and _gone(found, known)
    fresh = found is not None and not gone and _same(found, asked, weeks)
    if found is not None:
        state = "as saved" if fresh else "changed since it was saved"
        st.caption(
            f"Scenario “{plain(found.name)}” of {plain(found.owner)}, {state}, "
            f"last changed {visitor.words.day(found.updated)}."
        )
    if found is not None and gone:
        name = plain(series_name(found.what_if["series"], found.what_if.get("by", "series"), {}))
        st.warning(
            f"This scenario is of {name}, which is not forecast any more: its changes are shown for "
            f"{plain(series_name(asked['series'], asked['by'], dict(known)))}. They can be saved as a new "
            "scenario.",
            icon=":material/link_off:",
        )
    if found is None and not changed:
        return
    with st.container(horizontal=True):
        _save(visitor, found, asked, gone=gone)
        with st.popover("Share", icon=":material/link:"):
            st.markdown("Whoever has a key sees the same by this link:")
            st.code(_link(found.id if found is not None and fresh else ""), language=None, wrap_lines=True)
        if found is not None:
            st.button("New what-if", icon=":material/add:", on_click=_close)


def _save(visitor: Visitor, found: Scenario | None, asked: dict[str, Any], *, gone: bool) -> None:
    """``gone``: what the scenario is of is not there, so that its changes are shown of another."""
    client = visitor.client
    if not may(visitor, "planner"):
        st.caption(
            "Saving under a name needs a key of the role planner. The link keeps this what-if as well."
        )
        return
    field = f"_scenario_name_{'' if found is None else found.id}"
    mine = found is not None and (visitor.session.role == "operator" or found.owner == visitor.session.caller)

    def count() -> None:
        client.used("scenario", _PAGE)

    def create() -> None:
        name = st.session_state[field].strip()
        if not name:
            st.session_state[_SAID] = ("error", "Give the scenario a name first.")
            return
        _act(f"Saved as “{plain(name)}”.", lambda: client.save_scenario(name, asked))
        count()

    def change() -> None:
        if found is not None:
            name = st.session_state[field].strip() or found.name
            version = found.version
            _act("The changes are saved.", lambda: client.change_scenario(found.id, version, name, asked))
            count()

    def remove() -> None:
        if found is not None:
            _act(f"“{plain(found.name)}” is removed.", lambda: client.remove_scenario(found.id))
            if st.session_state[_SAID][0] == "done":
                st.query_params.pop(_OPEN, None)

    label = "Save" if found is None else "Save or remove"
    with st.popover(label, icon=":material/save:"):
        name = "" if found is None else found.name
        st.text_input("Name", name, key=field, max_chars=_LONGEST, placeholder="Thanksgiving promotion")
        if found is not None and mine and not gone:
            st.button("Save changes", icon=":material/save:", on_click=change)
        st.button("Save as a new scenario", icon=":material/add:", on_click=create)
        if found is not None and mine:
            st.button(f"Remove “{plain(found.name)}”", icon=":material/delete:", on_click=remove)


def _label(item: Scenario, words: Words) -> str:
    return f"{item.name} ({item.owner}, {words.day(item.updated)})"


def _answers(
    client: Client, chosen: Sequence[Scenario], now: dict[str, Any] | None
) -> tuple[list[tuple[str, WhatIf]], list[str]]:
    """Names and answers; and what to say of those that have none any more."""
    found, lost = [], []
    if now is not None:
        found.append(("What is entered above", source.what_if(client, now)))
    names = [item.name for item in chosen]
    for item in chosen:
        name = item.name if names.count(item.name) == 1 else f"{item.name} ({item.owner})"
        try:
            found.append((name, source.what_if(client, item.what_if)))
        except Trouble as trouble:
            if trouble.passing or trouble.kind == "key":
                raise
            reason = "; ".join(w.detail for w in trouble.wrong) or trouble.detail or trouble.what
            lost.append(f"“{plain(item.name)}” has no answer by the version that serves now: {plain(reason)}")
    return found, lost


def compare(visitor: Visitor, known: dict[str, SeriesItem], now: dict[str, Any] | None) -> None:
    """Saved scenarios side by side; each can be opened."""
    client, words = visitor.client, visitor.words
    st.header("Saved scenarios", anchor=False)
    items = client.scenarios()
    if not items:
        empty("None is saved yet", "Save a what-if under a name to compare it with others and to share it.")
        return
    by_id = {item.id: item for item in items}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = st.selectbox(
            f"{plural(len(items), 'scenario')} to open",
            list(by_id),
            index=None,
            placeholder="Type to search",
            format_func=lambda k: _label(by_id[k], words),
            key="_scenario_open",
            width=360,
        )
        st.button(
            "Open",
            icon=":material/folder_open:",
            disabled=key is None,
            on_click=lambda: _open(str(key)),
        )
    names = address.choose_many(
        "Compare",
        "with",
        list(by_id),
        list(by_id)[:3],
        most=_MOST,
        format_func=lambda k: _label(by_id[k], words),
        placeholder="Choose scenarios",
        select_all=False,
    )
    found, lost = _answers(client, [by_id[k] for k in names], now)
    for text in lost:
        st.warning(text, icon=":material/event_busy:")
    if found:
        _side_by_side(found, known, words)


def _side_by_side(found: Sequence[tuple[str, WhatIf]], known: dict[str, SeriesItem], words: Words) -> None:
    rows: list[dict[str, Any]] = []
    drawn: list[dict[str, Any]] = []
    for name, made in found:
        base, scenario = sum(w.base for w in made.weeks), sum(w.scenario for w in made.weeks)
        rows.append(
            {
                "Scenario": name,
                "Of": series_name(made.unique_id, made.by, known),
                "Weeks": len(made.weeks),
                "Forecast": base,
                "What if": scenario,
                "Difference": scenario - base,
                "Change, %": 100.0 * (scenario - base) / base if base else None,
            }
        )
        drawn += [
            {
                "series": name,
                "ds": week.ds,
                "value": week.difference,
                "Week": words.day(week.ds),
                "text": words.money(week.difference, sign=True),
            }
            for week in made.weeks
        ]
    show_table(
        pd.DataFrame(rows),
        height="content",
        column_config={
            **money_columns(words, ("Forecast", "What if", "Difference")),
            **number_columns(("Change, %",), decimals=1),
        },
        alt="Scenarios side by side: forecast, what-if, difference",
    )
    st.caption("What each scenario would change, week by week")
    told = "; ".join(f"{row['Scenario']}: {words.money(row['Difference'], sign=True)}" for row in rows)
    figures.lines(drawn, alt=f"Differences by week. In all: {told}")
