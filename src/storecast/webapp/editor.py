"""Where the changes of a what-if are entered: a row for each, kept in the address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from storecast.webapp import address
from storecast.webapp.changes import EVENTS, INPUTS, Change, from_text
from storecast.webapp.words import Words

__all__ = ["edit", "start"]

_CHANGES, _WRITTEN = "_changes", "_changes_written"
_MOST = 30
_ICONS = {"promotion": "sell", "holiday": "celebration", "closure": "block", "opening": "storefront"}
Usual = Callable[[str, str], float | None]  # likely value of an input in a week


def start(changes: Sequence[Change]) -> None:
    """Put these in the address, to be taken from there."""
    st.query_params["change"] = [change.text() for change in changes] or [""]


def edit(weeks: Sequence[str], usual: Usual, words: Words, *, open_: bool) -> list[Change]:
    """The changes after what somebody did to them just now; ``open_``: of a saved scenario, where none at all
    is a change as well."""
    state, told = st.session_state, address.current("change")
    if _CHANGES not in state or told != state.get(_WRITTEN):
        found = [from_text(text, weeks) for text in told[:_MOST]]
        state[_CHANGES] = [change for change in found if change is not None]
    changes: list[Change] = state[_CHANGES]
    for place, change in enumerate(changes, start=1):
        _row(place, change, weeks, usual, words)
    _adders(changes, weeks, usual)
    texts = [change.text() for change in changes] or ([""] if open_ else [])
    address.put("change", texts)
    state[_WRITTEN] = texts
    return changes


def _adders(changes: list[Change], weeks: Sequence[str], usual: Usual) -> None:
    def add(kind: str) -> None:
        first = changes[-1].first if changes else weeks[0]
        value = 10.0 if kind == "promotion" else usual(kind, first) if kind in INPUTS else None
        changes.append(Change(kind, first, first, value))

    full = len(changes) >= _MOST
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("Add:", width="content")
        for kind, title in EVENTS.items():
            icon = f":material/{_ICONS[kind]}:"
            st.button(title, key=f"_add_{kind}", icon=icon, disabled=full, on_click=add, args=(kind,))
        icon = ":material/thermostat:"
        st.button("Input", key="_add_input", icon=icon, disabled=full, on_click=add, args=("temperature",))
    if full:
        st.caption(f"{_MOST} changes are the most that one what-if takes here.")


def _row(place: int, change: Change, weeks: Sequence[str], usual: Usual, words: Words) -> None:
    def key(name: str) -> str:
        return f"_change_{change.number}_{name}"

    def choose(label: str, name: str, options: Sequence[str], value: str, **more: Any) -> str:
        if st.session_state.get(key(name)) not in options:
            st.session_state[key(name)] = value if value in options else options[0]
        chosen: str = st.selectbox(label, options, key=key(name), **more)
        return chosen

    def remove() -> None:
        st.session_state[_CHANGES] = [c for c in st.session_state[_CHANGES] if c is not change]

    def other_input() -> None:
        st.session_state[key("value")] = usual(st.session_state[key("kind")], change.first)

    with st.container(border=True, horizontal=True, vertical_alignment="bottom"):
        if change.kind in INPUTS:
            change.kind = choose(
                f"Change {place}",
                "kind",
                list(INPUTS),
                change.kind,
                format_func=lambda name: INPUTS[name],
                width=190,
                on_change=other_input,
            )
        else:
            icon = f":material/{_ICONS[change.kind]}:"
            st.markdown(f"{icon} **{change.title}**", width=110)
        opening = change.kind == "opening"
        label = "Opens in the week of" if opening else "From the week of"
        change.first = choose(label, "first", weeks, change.first, format_func=words.day, width=150)
        if not opening:
            later = [week for week in weeks if week >= change.first]
            change.last = choose(
                "To the week of", "last", later, change.last, format_func=words.day, width=150
            )
        if change.lifted or change.kind in INPUTS:
            change.value = _value(change, key("value"))
        st.button(
            f"Remove change {place}",
            key=key("remove"),
            icon=":material/delete:",
            type="tertiary",
            on_click=remove,
        )


def _value(change: Change, key: str) -> float | None:
    st.session_state.setdefault(key, change.value)
    value: float | None
    if change.lifted:
        value = st.number_input(
            "Sales change, %",
            -99.0,
            900.0,
            step=1.0,
            format="%.1f",
            key=key,
            placeholder="as past ones",
            help="Left empty, it does what past ones did, where the data had any.",
            width=150,
        )
    else:
        value = st.number_input(
            change.title, -1e6, 1e6, step=1.0, format="%.2f", key=key, placeholder="not known", width=150
        )
    return value
