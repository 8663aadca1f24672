"""Files of one's own: sales that are checked and forecast, and rows that are predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import streamlit as st

from storecast.webapp import address, sheets, source, uploaded, uploader
from storecast.webapp.client import Client
from storecast.webapp.entries import Dataset
from storecast.webapp.findings import findings_table, plain, show_report
from storecast.webapp.frame import Visitor, empty, heading
from storecast.webapp.parts import save_buttons
from storecast.webapp.templates import TEMPLATES
from storecast.webapp.trouble import Trouble
from storecast.webapp.words import Words, plural

__all__ = ["show"]

_WHAT = {"sales": "Sales to learn from", "rows": "Rows to predict"}
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CSV = "text/csv"


def _templates() -> None:
    with st.expander("What a file looks like: templates", icon=":material/table:"):
        st.markdown(
            "Columns are found by their names, in any order; dates in one order throughout the file. Weeks "
            "are told by the day they end on, or by any one day of each."
        )
        for template in TEMPLATES:
            st.markdown(f"**{template.title}.** {template.says}")
            st.code(", ".join(template.rows[0]), language=None, wrap_lines=True)
            with st.container(horizontal=True):
                for ending, mime, made in (("csv", _CSV, template.csv), ("xlsx", _XLSX, template.xlsx)):
                    st.download_button(
                        f"{template.title} template, {ending.upper()}",
                        made,
                        f"template-{template.name}.{ending}",
                        mime,
                        key=f"_template_{template.name}_{ending}",
                        on_click="ignore",
                        icon=":material/download:",
                    )


def _size(count: int) -> str:
    return f"{count / 2**20:,.1f} MB" if count >= 2**20 else f"{max(count / 1024, 0.1):,.1f} KB"


def _state(item: Dataset) -> str:
    return {"ready": "forecast", "refused": "refused", "checked": "checked"}.get(item.state, "waiting")


def _list(client: Client, words: Words, now: str | None) -> None:
    st.header("Your uploads", anchor=False)
    items = client.datasets()
    if not items:
        empty("None yet", "What you upload stays here, with its forecasts, until you remove it.")
        return
    names = {d.id: f"{d.name}, {words.day(d.created)}, {_size(d.size)}: {_state(d)}" for d in items}

    def open_() -> None:
        address.put("dataset", [key] if (key := st.session_state["_dataset_open"]) else ())

    if now in names:
        st.session_state["_dataset_open"] = now
    st.selectbox(
        f"{plural(len(items), 'upload')}, newest first",
        list(names),
        index=None,
        key="_dataset_open",
        placeholder="Choose one to see its report and forecasts",
        format_func=lambda key: names.get(key, key),
        on_change=open_,
    )


def _report(client: Client, item: Dataset, words: Words) -> None:
    if item.report is None:
        return
    st.header("How the file is", anchor=False)
    show_report(item.report, words)
    table = findings_table(item.report)
    if table:
        save_buttons(
            client,
            "upload",
            "report",
            lambda: sheets.as_csv(table),
            lambda: sheets.as_xlsx({"Findings": table}),
        )


def _level(name: str) -> str:
    level = name.removeprefix("forecast-").removesuffix(".csv")
    return {"series": "every series", "store": "stores", "total": "everything together"}.get(level, level)


def _forecasts(client: Client, item: Dataset, words: Words) -> None:
    """Its tables to save, and a look into them."""
    tables = sorted(name for name in item.contents if name.startswith("forecast-"))
    if not tables:
        return
    st.header("Forecasts of it", anchor=False)
    with st.container(horizontal=True):
        for name in tables:
            st.link_button(
                f"CSV of {_level(name)}",
                f"/app/datasets/{item.id}/contents?name={quote(name)}",
                key=f"_save_{name}",
                icon=":material/download:",
                on_click=lambda: client.used("download", "upload"),
            )
    uploaded.look(client, item, tables, words)


def _remove(client: Client, item: Dataset) -> None:
    def remove() -> None:
        try:
            client.remove_dataset(item.id)
        except Trouble as trouble:
            if trouble.kind != "missing":
                st.session_state["_dataset_said"] = f"{trouble.what}. {trouble.remedy}"
                return
        st.query_params.pop("dataset", None)

    with st.popover("Remove", icon=":material/delete:"):
        st.markdown(f"Remove {plain(item.name)} with its report and forecasts, for good?")
        st.button("Remove it", icon=":material/delete:", on_click=remove)


def _opened(client: Client, key: str, words: Words) -> None:
    """One upload: how far it is, its report, its forecasts."""
    try:
        item = client.dataset(key)
    except Trouble as trouble:
        if trouble.passing or trouble.kind == "key":
            raise
        st.warning(
            "The upload of this link is not there: it was removed, or it is somebody else's.",
            icon=":material/link_off:",
        )
        return
    st.header(f"{plain(item.name)}", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{_size(item.size)}, uploaded {words.day(item.created)}", width="content")
        _remove(client, item)
    job = client.job_of(key)
    working = job is not None and job.state in ("queued", "running")
    if working:
        uploaded.progress(client, key, item.report is not None)
    if job is not None and job.state == "failed" and item.state != "refused":
        error = job.error or {}
        lines = [f"**{plain(str(error.get('what') or 'The work on this file failed'))}**"]
        lines += [plain(str(error[n])) for n in ("expected", "found", "remedy") if error.get(n)]
        st.error("\n\n".join(lines), icon=":material/error:")
    _report(client, item, words)
    if not working:
        _forecasts(client, item, words)


def _rows_template(client: Client) -> Sequence[dict[str, Any]]:
    weeks, items = source.weeks(client).weeks[:4], source.series(client)
    stores = list(dict.fromkeys(item.store for item in items))[:2]
    return [{"Store": s, "Date": w, "Holiday_Flag": 0, "Temperature": 50.0} for s in stores for w in weeks]


def _predict(visitor: Visitor) -> None:
    client, words, limits = visitor.client, visitor.words, visitor.session.limits
    weeks = source.weeks(client).weeks
    st.markdown(
        "Each row is one store (or store and department) and one week between "
        f"{words.day(weeks[0])} and {words.day(weeks[-1])}. The version that serves predicts it, with bands "
        "of 80 % and 95 %; the answer comes back as a file with the same rows in the same order."
    )
    done = uploader.rows_field(limits.upload_bytes, limits.rows)
    if done is not None:
        client.used("prediction", "upload")
    st.download_button(
        "Template, CSV",
        sheets.as_csv(_rows_template(client)),
        "template-rows.csv",
        _CSV,
        on_click="ignore",
        icon=":material/download:",
    )


def show(visitor: Visitor) -> None:
    """Draw the page."""
    client, words = visitor.client, visitor.words
    heading("Upload", "Files of your own. They change nothing for others, nor the version that serves.")
    what = address.choose_titled("What is in the file", "what", _WHAT, default="sales")
    if what == "rows":
        _predict(visitor)
        return
    if said := st.session_state.pop("_dataset_said", None):
        st.error(said)
    st.markdown("Past sales are checked, learnt from and forecast for a year; this takes seconds to minutes.")
    stored = uploader.sales_field(visitor.session.limits.upload_bytes)
    if stored is not None:
        client.used("upload", "upload")
        st.query_params["dataset"] = stored
    _templates()
    now = next(iter(address.current("dataset")), None)
    if now:
        _opened(client, now, words)
    _list(client, words, now)
