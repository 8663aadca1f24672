"""Why a forecast moved since the version before: dollars that add up to the difference, to the cent."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from storecast.webapp import figures, source
from storecast.webapp import said as service
from storecast.webapp.answers import By
from storecast.webapp.client import Client
from storecast.webapp.findings import plain
from storecast.webapp.said import Changed
from storecast.webapp.trouble import Trouble, odd
from storecast.webapp.words import Words

__all__ = ["show_moved"]


def _cents(dollars: float) -> int:
    return round(dollars * 100.0)


def _small(text: str) -> str:
    """As the end of a sentence."""
    return text[:1].lower() + text[1:].rstrip(".")


def _checked(found: Changed) -> Changed:
    """The change; raises Trouble where its parts do not add up to it."""
    total = _cents(found.before) + sum(_cents(part.dollars) for part in found.parts)
    if total != _cents(found.after):
        raise odd("/v1/explanations/change", ValueError(f"parts add up to {total / 100:.2f}"))
    return found


def show_moved(client: Client, name: str, by: By, week: str, words: Words, title: str) -> None:
    """One week: from the number that was answered before the last version took over to that of now."""
    st.header("Why did it move?", anchor=False)
    try:
        answer = source.kept("changes", [name, by], lambda: service.changes(client, name, by))
    except Trouble as trouble:
        if trouble.kind not in ("conflict", "missing", "refused"):
            raise
        st.caption(f"There is nothing to compare with: {_small(trouble.detail or trouble.what)}.")
        return
    found = next((each for each in answer.changes if each.ds == week), None)
    if found is None:
        st.caption(f"Version {answer.since.version} did not forecast this week yet.")
        return
    _checked(found)
    moved = _cents(found.change)
    verb = f"{words.money(abs(moved) / 100)} {'up' if moved > 0 else 'down'}" if moved else "not moved"
    st.markdown(
        f"{title}, {words.day(week)}: **{words.money(found.before)}** by version {answer.since.version}, "
        f"**{words.money(found.after)}** now, {verb}."
    )
    steps = [part for part in found.parts if _cents(part.dollars)]
    if steps:
        texts = [(p.title, p.dollars, words.money(p.dollars, cents=True, sign=True)) for p in steps]
        said = "; ".join(f"{p.title} {words.money(p.dollars, sign=True)}" for p in steps)
        figures.changes(texts, words, alt=f"What moved the forecast: {said}")
    rows = [
        (f"Version {answer.since.version}", found.before, ""),
        *((part.title, part.dollars, part.text) for part in found.parts),
        ("Now", found.after, ""),
    ]
    table = pd.DataFrame(
        [(step, words.money(dollars, cents=True), plain(note)) for step, dollars, note in rows],
        columns=["Step", "Dollars", "Note"],
    )
    table["Dollars"] = table["Dollars"].str.replace("$", r"\$")
    st.table(table.set_index("Step"))  # whose notes are read whole
