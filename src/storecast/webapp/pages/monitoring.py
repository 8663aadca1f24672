"""How it goes since it serves: accuracy as sales become known, drift, use, health."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from storecast.webapp import navigation
from storecast.webapp.answers import Readiness
from storecast.webapp.frame import Visitor, empty, heading, tell
from storecast.webapp.parts import money_columns
from storecast.webapp.records import Accuracy
from storecast.webapp.trouble import Trouble
from storecast.webapp.words import Words, plural

__all__ = ["counts", "show"]

_SAMPLE = re.compile(r"^(?P<name>\w+)\{(?P<labels>[^}]*)\} (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_KINDS = {
    "forecast": "Forecasts",
    "prediction": "Predictions of single rows or files",
    "explanation": "Explanations",
    "what-if": "What-if questions",
    "invocation": "Predictions over MLflow's protocol",
}
_EVENTS = {"upload": "uploads", "prediction": "predictions", "download": "downloads", "scenario": "scenarios"}
_CHECKS = {
    "champion": ("A version serves", "No version serves"),
    "log": ("Answers are written to the log", "Answers cannot be written to the log"),
    "accepting": ("Requests are taken", "It is shutting down"),
}


def counts(text: str, name: str) -> list[tuple[dict[str, str], float]]:
    """Labels and values of one metric in Prometheus' text form."""
    return [
        (dict(_LABEL.findall(m["labels"])), float(m["value"]))
        for m in _SAMPLE.finditer(text)
        if m["name"] == name
    ]


def _accuracy(found: Accuracy, words: Words) -> None:
    st.header("Accuracy since it serves", anchor=False)
    figures = found.all
    if figures is None:
        empty(
            "No actuals yet",
            f"This version forecasts the weeks after {words.day(found.cutoff)}. As soon as their true sales "
            "are uploaded (`POST /v1/actuals`), its errors and what its bands held are shown here, beside "
            "the naive forecast's. Until then its back-test, on the page Model, is what is known.",
        )
        return
    error, naive = figures["error"] or 0.0, figures["naive_error"] or 0.0
    weeks = plural(len(found.weeks), "week")
    st.caption(
        f"{plural(int(figures['rows'] or 0), 'forecast')} of {weeks} after {words.day(found.cutoff)}, which "
        "this version had not seen, against the sales uploaded since."
    )
    with st.container(horizontal=True):
        st.metric("Mean error", words.money(error), border=True)
        st.metric(
            "Naive forecast's",
            words.money(naive),
            words.delta(error / naive - 1.0, "with this version") if naive else None,
            delta_color="inverse",
            border=True,
        )
        if figures["bias"] is not None:
            side = "too much" if figures["bias"] > 0 else "too little"
            st.metric("Bias", f"{words.percent(abs(figures['bias']))} {side}", border=True)
        for level in (80, 95):
            held = figures[f"coverage-{level}"]
            if held is not None:
                st.metric(f"{level} % bands held", words.percent(held / 100.0), border=True)
    frame = pd.DataFrame(
        [
            {
                "Week": pd.Timestamp(week["ds"]),
                "Sold": week["sold"],
                "Forecast": week["forecast"],
                "Mean error": week["error"],
                "Naive's": week["naive_error"],
                "80 % band held, %": week["coverage-80"],
            }
            for week in found.weeks
        ]
    )
    st.dataframe(
        frame,
        hide_index=True,
        column_config={
            **money_columns(words, ("Sold", "Forecast", "Mean error", "Naive's")),
            "Week": st.column_config.DateColumn("Week", format="localized"),
            "80 % band held, %": st.column_config.NumberColumn(format="%.1f"),
        },
        alt="Sales and forecasts by week, with errors",
    )


def _usage(text: str) -> None:
    st.header("Use", anchor=False)
    st.caption("Counted by the worker that answered, since it started; Prometheus adds workers and days up.")
    served = {labels["kind"]: value for labels, value in counts(text, "storecast_forecasts_served_total")}
    events: dict[tuple[str, str], float] = {}
    for labels, value in counts(text, "storecast_web_events_total"):
        events[labels["event"], labels["page"]] = value
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Rows answered**")
        if served:
            st.table({_KINDS.get(kind, kind): f"{n:,.0f}" for kind, n in served.items()}, border="horizontal")
        else:
            st.markdown("None yet.")
    with right:
        st.markdown("**In this app**")
        sessions = sum(n for (event, _), n in events.items() if event == "session")
        lines: dict[str, str] = {"Sessions": f"{sessions:,.0f}"}
        for page in navigation.PAGES:
            if seen := events.get(("page", page.name)):
                lines[f"{page.title} opened"] = f"{seen:,.0f}"
        for event, title in _EVENTS.items():
            if done := sum(n for (e, _), n in events.items() if e == event):
                lines[title.capitalize()] = f"{done:,.0f}"
        st.table(lines, border="horizontal")


def _health(found: Readiness, text: str) -> None:
    st.header("Health", anchor=False)
    for name, good in found.checks.items():
        yes, no = _CHECKS.get(name, (name, f"{name} fails"))
        if good:
            st.markdown(f":material/check_circle: {yes}")
        else:
            st.error(no, icon=":material/error:")
    if found.refused:
        st.warning(f"A version was published and refused: {found.refused}", icon=":material/warning:")
    if found.log.spool:
        st.warning(
            f"{plural(found.log.spool, 'answer')} waiting on disk for the database; written by itself later.",
            icon=":material/hourglass_top:",
        )
    if text:
        st.table(_answers(text), border="horizontal")


def _answers(text: str) -> Mapping[str, str]:
    total: dict[str, float] = {}
    for labels, value in counts(text, "storecast_http_requests_total"):
        kind = labels["status"][:1]
        total[kind] = total.get(kind, 0.0) + value
    names = {"2": "Requests answered", "4": "Requests refused", "5": "Requests that failed here"}
    return {title: f"{total.get(kind, 0.0):,.0f}" for kind, title in names.items()}


def show(visitor: Visitor) -> None:
    """Draw the page."""
    client, words = visitor.client, visitor.words
    heading("Monitoring", "How it goes since it serves.")
    try:
        _accuracy(client.accuracy(), words)
    except Trouble as trouble:  # health is worth seeing just then
        if trouble.kind == "key":
            raise
        tell(trouble)
    st.header("Drift", anchor=False)
    empty(
        "Not measured yet",
        "Nobody watches yet whether new sales look unlike those that this version learnt from.",
    )
    text = client.metrics()
    _usage(text)
    _health(client.readiness(), text)
