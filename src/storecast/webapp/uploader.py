"""The field that takes a file: it goes from the browser through the app to the service, piece by piece."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

__all__ = ["ENDINGS", "limit_words", "rows_field", "sales_field"]

ENDINGS = (".csv", ".xlsx", ".parquet", ".zip")
_HERE = Path(__file__).resolve().parent


@cache
def _component() -> Any:
    kinds = ("html", "css", "js")
    html, css, js = ((_HERE / f"uploader.{kind}").read_text(encoding="utf-8") for kind in kinds)
    return st.components.v2.component("storecast_uploader", html=html, css=css, js=js)


def limit_words(limit: int) -> str:
    """Bytes as people say them."""
    return f"{limit / 2**20:,.0f} MB"


def sales_field(limit: int) -> str | None:
    """A field for a file of sales; the id of the data set that was stored just now."""
    words = limit_words(limit)
    found = _component()(
        key="upload_sales",
        data={
            "title": "Choose a file of sales, or drop it here",
            "hint": f"CSV, XLSX, Parquet or a zip of them, up to {words}",
            "url": "/app/upload",
            "accept": ",".join(ENDINGS),
            "endings": list(ENDINGS),
            "kinds": "Choose a CSV, XLSX, Parquet or zip file.",
            "limit": limit,
            "large": f"{words} is the most. A Parquet file or a zip of the same rows is far smaller.",
            "waiting": "All of it is sent; it is being stored.",
            "answer": False,
        },
        on_stored_change=lambda: None,
    )
    stored: str | None = found.stored
    return stored


def rows_field(limit: int, rows: int) -> int | None:
    """A field for rows to predict; how many were predicted just now."""
    words = limit_words(limit)
    found = _component()(
        key="upload_rows",
        data={
            "title": "Choose a CSV file of rows to predict, or drop it here",
            "hint": f"Store, Date and what else is known; up to {words} or {rows:,} rows",
            "url": "/app/predict",
            "accept": ".csv",
            "endings": [".csv"],
            "kinds": "Choose a CSV file; spreadsheets save one by Save as.",
            "limit": limit,
            "large": f"{words} is the most at one time. Split the file.",
            "waiting": "All of it is sent; the rows are being predicted.",
            "answer": True,
        },
        on_predicted_change=lambda: None,
    )
    predicted: int | None = found.predicted
    return predicted
