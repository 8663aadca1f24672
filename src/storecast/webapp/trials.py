"""The challenger beside what serves: how far it is from that, and an operator's hand on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from storecast.webapp.client import Client
from storecast.webapp.parts import money_columns, show_table
from storecast.webapp.records import ModelEvent, Models, OnTrial, Registered
from storecast.webapp.words import Words

__all__ = ["MARK", "show_trial", "trial_moves"]

MARK = re.compile(r" \[[0-9a-f-]{36}\]$")  # by which the follower knows a move that it made

_SHARES = {0.01: "1 %", 0.05: "5 %", 0.1: "10 %", 0.25: "25 %", 0.5: "50 %", 1.0: "all"}


def show_trial(found: OnTrial, models: Models, words: Words) -> None:
    """What is on trial, the gate's word on it, and the series that it moves most."""
    trial = found.trial
    if trial is None:
        if found.refused:
            st.warning(f"The last trial ended by itself: {found.refused}", icon=":material/warning:")
        st.caption("No challenger stands beside what serves.")
        return
    share = words.percent(trial.share, decimals=0)
    takes = f"answers {share} of the series" if trial.kind == "canary" else "answers nobody, for comparison"
    st.markdown(
        f"**Version {trial.version}** ({trial.model}) {takes}, since {words.day(trial.at)}. "
        f"{trial.who} began it: {MARK.sub('', trial.why)}"
    )
    if found.refused:
        st.warning(f"It does not answer: {found.refused}", icon=":material/warning:")
    if reason := found.gate.get("reason"):
        st.markdown(f"> {reason}")
    if found.moves is not None:
        _moves(found, words)


def _moves(found: OnTrial, words: Words) -> None:
    moves = found.moves or {}
    with st.container(horizontal=True):
        for title, name in (
            ("Moves, of all sales ahead", "difference"),
            ("Half of the series less than", "median"),
            ("Nine in ten less than", "high"),
        ):
            if moves[name] is not None:
                st.metric(title, words.percent(moves[name]), border=True)
    rows = [
        {
            "Series": item["unique_id"],
            "Champion": item["champion"],
            "Challenger": item["challenger"],
            "Change, %": 100.0 * (item["challenger"] / item["champion"] - 1.0) if item["champion"] else None,
        }
        for item in moves["most"]
    ]
    if rows:
        show_table(
            pd.DataFrame(rows),
            column_config={
                **money_columns(words, ("Champion", "Challenger")),
                "Change, %": st.column_config.NumberColumn(format="%+.1f"),
            },
            alt=f"Series that version {found.trial.version if found.trial else ''} moves most, in dollars",
        )
    new = f" {moves['added']} series are new." if moves["added"] else ""
    gone = f" {moves['lost']} are gone." if moves["lost"] else ""
    st.caption(f"Over the {moves['weeks']} weeks and {moves['series']} series that both forecast.{new}{gone}")


def trial_moves(
    client: Client,
    models: Models,
    versions: Sequence[Registered],
    ask: Callable[[Callable[[], ModelEvent]], None],
) -> None:
    """Forms that begin and end a trial; ``ask`` hands a request in and waits for what becomes of it."""
    serving = models.champion.version if models.champion else None
    left, right = st.columns(2, gap="large")
    with left, st.form("trial", clear_on_submit=True):
        st.markdown("**Try another version beside it**")
        others = [v.version for v in versions if v.version != serving]
        version = st.selectbox("Challenger", others) if others else None
        share = st.select_slider(
            "Share of the series that it answers", ["none", *_SHARES.values()], value="none"
        )
        why = st.text_input("Reason", max_chars=500, placeholder="trained on four weeks more", key="why_try")
        if st.form_submit_button("Begin", icon=":material/science:", disabled=version is None):
            chosen = next((value for value, text in _SHARES.items() if text == share), None)
            kind = "shadow" if chosen is None else "canary"
            if not why.strip():
                st.error("Give a reason: it is kept with the trial.")
            elif version is not None:
                asked = {"version": int(version)} | ({} if chosen is None else {"share": chosen})
                ask(lambda: client.on_trial(kind, why.strip(), **asked))
    with right, st.form("trial_end", clear_on_submit=True):
        st.markdown("**End the trial**")
        trial = models.trial
        st.markdown(f"Version {trial.version} is on trial." if trial else "No version is on trial.")
        why = st.text_input("Reason", max_chars=500, placeholder="four weeks without a breach", key="why_end")
        with st.container(horizontal=True):
            let = st.form_submit_button("Let it serve", icon=":material/publish:", disabled=trial is None)
            stop = st.form_submit_button("Stop it", icon=":material/block:", disabled=trial is None)
        if (let or stop) and not why.strip():
            st.error("Give a reason: it is kept with the trial.")
        elif let or stop:
            ask(lambda: client.on_trial(f"trial/{'promote' if let else 'stop'}", why.strip()))
