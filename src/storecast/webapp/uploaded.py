"""An uploaded data set while it is worked on, and a look into the forecasts made of it."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pandas as pd
import streamlit as st

from storecast.webapp import address, charts, source
from storecast.webapp.client import Client
from storecast.webapp.entries import Dataset
from storecast.webapp.frame import empty
from storecast.webapp.parts import money_columns, show_table
from storecast.webapp.trouble import Trouble
from storecast.webapp.words import Words

__all__ = ["look", "progress"]

_EVERY = 1.0  # seconds between looks at the job
_PATIENCE = 15.0  # seconds in the queue after which it is said what may be missing
_STAGES = {
    "read": "Reading and checking it",
    "fit": "Learning from it",
    "write": "Writing its forecasts",
}
_MOST_LINES = 10_000  # of a table that are looked into here
_KEPT = 300.0  # seconds


@st.fragment(run_every=_EVERY)
def progress(client: Client, key: str, had_report: bool) -> None:
    """How far the work is; the page is drawn anew when there is more to see."""
    try:
        job = client.job_of(key)
        checked = had_report or client.dataset(key).report is not None
    except Trouble as trouble:
        if not trouble.passing:
            st.rerun(scope="app")
        st.caption(f"{trouble.what}. The work goes on; this looks again by itself.")
        return
    if job is None or job.state not in ("queued", "running") or checked != had_report:
        st.rerun(scope="app")
    if job.state == "running":
        st.progress(min(job.progress, 1.0), f"{_STAGES.get(job.stage, 'Working')}: {job.progress:.0%}")
        return
    st.progress(0.0, "Waiting for its turn")
    waited = datetime.now(UTC) - datetime.fromisoformat(job.created)
    if waited.total_seconds() > _PATIENCE:
        st.info(
            "Nobody works on it yet: other files are before it, or the worker (`storecast follow`) does not "
            "run. You may close this page; the upload is kept, and its address leads back here.",
            icon=":material/hourglass:",
        )


def _lines(dataset: str, name: str, client: Client) -> tuple[list[dict[str, Any]], bool]:
    """The table's first rows, and whether these are all."""
    return source.kept("lines", [dataset, name], lambda: _read(dataset, name, client), seconds=_KEPT)


def _read(dataset: str, name: str, client: Client) -> tuple[list[dict[str, Any]], bool]:
    with client.lines(dataset, name) as lines:
        reader = csv.DictReader(lines)
        rows = [
            {n: float(v) if n.startswith("storecast") else v for n, v in row.items()}
            for row in islice(reader, _MOST_LINES)
        ]
        whole = next(reader, None) is None
    if not whole and rows:  # the last one may be there in part
        last = rows[-1]["unique_id"]
        rows = [row for row in rows if row["unique_id"] != last] or rows
    return rows, whole


def look(client: Client, item: Dataset, tables: list[str], words: Words) -> None:
    """One series of one table, as a chart and as a table."""
    names = {
        "forecast-series.csv": "A series",
        "forecast-store.csv": "A store",
        "forecast-total.csv": "All together",
    }
    order = [name for name in names if name in tables]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        table = address.choose_titled("Look at", "table", names, order, order[-1])
        rows, whole = _lines(item.id, table, client)
        if not rows:
            empty("The table is empty", "No series of this file could be forecast.")
            return
        series = list(dict.fromkeys(str(row["unique_id"]) for row in rows))
        chosen = series[0]
        if len(series) > 1:
            chosen = address.choose("Series", "of", series, series[0], width=260)
    if not whole:
        st.caption(f"The first {len(series):,} series can be looked at here; the file has all.")
    mine = [row for row in rows if row["unique_id"] == chosen]
    shown = [{k: v for k, v in row.items() if k not in ("unique_id", "note")} for row in mine]
    charts.forecast(shown, [], words, "all together" if chosen == "total" else chosen)
    if note := mine[0].get("note"):
        st.info(str(note), icon=":material/info:")
    frame = pd.DataFrame(
        [
            {_title(name): pd.Timestamp(value) if name == "ds" else value for name, value in row.items()}
            for row in shown
        ]
    )
    show_table(
        frame,
        column_config={
            **money_columns(words, [name for name in frame.columns if name != "Week"]),
            "Week": st.column_config.DateColumn("Week", format="localized"),
        },
        alt="Forecasts of the chart, one row a week",
    )


def _title(column: str) -> str:
    if column == "ds":
        return "Week"
    if column == "storecast":
        return "Forecast"
    side, _, level = column.removeprefix("storecast-").partition("-")
    return f"{level} % {'from' if side == 'lo' else 'to'}"
