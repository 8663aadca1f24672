"""How it goes since it serves: accuracy as sales become known, drift, use, health."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from storecast.webapp import address, navigation
from storecast.webapp.answers import Readiness
from storecast.webapp.client import Client
from storecast.webapp.frame import Visitor, empty, heading, tell
from storecast.webapp.parts import money_columns, number_columns, show_table
from storecast.webapp.records import Accuracy, Status
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
_VERDICTS = {
    "nothing": (":material/check_circle:", st.success),
    "update": (":material/update:", st.info),
    "retrain": (":material/model_training:", st.warning),
    "check": (":material/error:", st.error),
}
_BY = {"horizon": "Weeks ahead", "store": "Store", "version": "Version"}
_SHOWN = 10  # alarms
_ERROR = "Mean error, all weeks alike"  # the back-test's counts holiday weeks five times
_CHECKS = {
    "champion": ("A version serves", "No version serves"),
    "keys": ("API keys are known", "API keys are not known: their database is away"),
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
            "are handed in (`storecast actuals FILE`), its errors and what its bands held are shown here, "
            "beside the naive forecast's. Until then its back-test, on the page Model, is what is known.",
        )
        return
    error, naive = figures["error"] or 0.0, figures["naive_error"] or 0.0
    weeks = plural(len(found.weeks), "week")
    st.caption(
        f"{plural(int(figures['rows'] or 0), 'forecast')} of {weeks} after {words.day(found.cutoff)}, which "
        "this version had not seen, against the sales that came since."
    )
    with st.container(horizontal=True):
        st.metric(_ERROR, words.money(error), border=True)
        st.metric(
            "Error of last year's same week times recent growth",
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
                _ERROR: week["error"],
                "Naive x growth's": week["naive_error"],
                "80 % band held, %": week["coverage-80"],
            }
            for week in found.weeks
        ]
    )
    show_table(
        frame,
        column_config={
            **money_columns(words, ("Sold", "Forecast", _ERROR, "Naive x growth's")),
            "Week": st.column_config.DateColumn("Week", format="localized"),
            **number_columns(("80 % band held, %",), decimals=1),
        },
        alt="Sales and forecasts by week, with errors",
    )


def _what_to_do(status: Status, words: Words) -> None:
    st.header("What to do", anchor=False)
    if status.looked_at is None:
        empty(
            "Nobody has looked yet",
            "`storecast monitor` judges the model by the sales that came, looks for drift, and says here "
            "what is to be done.",
        )
        return
    serves = status.model.version
    if status.version != serves:
        st.info(
            f"Version {serves} serves since the last look, which was at version {status.version}: what it "
            "said may be done. `storecast monitor` looks again.",
            icon=":material/history:",
        )
        st.markdown(f"Said then: {words.dated(status.next)}")
    else:
        icon, say = _VERDICTS[status.verdict or "nothing"]
        say(words.dated(status.next), icon=icon)
    if status.reasons:
        st.markdown("\n".join(f"- {words.dated(reason['what'])}" for reason in status.reasons))
    st.caption(f"Looked at on {words.day(status.looked_at)}.")


def _since_go_live(client: Client, found: Mapping[str, float | None], words: Words) -> None:
    """Figures of every forecast that was answered, whichever version gave it."""
    st.header("Accuracy since go-live", anchor=False)
    st.caption(
        f"{plural(int(found['rows'] or 0), 'forecast')} that people were given and whose sales are known, "
        "each counted once, whichever version gave it; as counted when somebody looked last."
    )
    kind = address.choose_titled("By", "by", _BY)
    frame = pd.DataFrame(
        [
            {
                _BY[kind]: group["name"],
                "Forecasts": group["rows"],
                "Mean error": group["wmae"],
                "Naive's": group["wmae:naive-growth"],
                "Value added": group["fva:naive-growth"],
                "Bias, %": _points(group["bias"]),
                "80 % band held, %": group["coverage-80"],
                "95 % band held, %": group["coverage-95"],
            }
            for group in client.accuracy(kind).groups
        ]
    )
    show_table(
        frame,
        column_config={
            **money_columns(words, ("Mean error", "Naive's", "Value added")),
            **number_columns(("Forecasts",)),
            **number_columns(("Bias, %", "80 % band held, %", "95 % band held, %"), decimals=1),
        },
        alt=f"Live accuracy by {_BY[kind].lower()}",
    )


def _points(share: float | None) -> float | None:
    return None if share is None else 100.0 * share


def _drift(status: Status, words: Words) -> None:
    st.header("Drift", anchor=False)
    found = status.drift
    if found is None:
        empty("Not measured yet", words.dated(status.no_drift))
        return
    active = [alarm for alarm in found["alarms"] if alarm["active"]]
    weeks = f"the weeks of {words.day(found['first_week'])} to {words.day(found['last_week'])}"
    if not active:
        st.success(
            f"None: sales of {weeks} look like those of the same weeks in earlier years.",
            icon=":material/check_circle:",
        )
    for alarm in active[:_SHOWN]:
        st.warning(words.dated(f"{alarm['sentence']} {alarm['remedy']}"), icon=":material/warning:")
    if len(active) > _SHOWN:
        st.caption(f"And {len(active) - _SHOWN} more; `storecast monitor` lists them all.")
    st.caption(f"{plural(found['series'], 'series', 'series')} looked at in {weeks}.")


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
    status = client.status()
    _what_to_do(status, words)
    if status.live is not None:
        _since_go_live(client, status.live, words)
    _drift(status, words)
    text = client.metrics()
    _usage(text)
    _health(client.readiness(), text)
