"""Choices and tables that several pages share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from storecast.webapp import address
from storecast.webapp.answers import By, SeriesItem
from storecast.webapp.client import Client
from storecast.webapp.trouble import Trouble
from storecast.webapp.words import Words

__all__ = ["band_names", "choose_horizon", "money_columns", "save_buttons", "series_name", "trend"]

_HORIZONS = {4: "4 weeks", 8: "8 weeks", 13: "A quarter", 26: "Half a year", 52: "A year"}
_NAMED = {"$": "dollar", "€": "euro"}  # which Streamlit writes with two decimals, a minus before the sign


def choose_horizon(default: int = 13) -> int:
    """How many weeks ahead; kept in the address."""
    return address.choose(
        "Weeks ahead",
        "horizon",
        list(_HORIZONS),
        default,
        format_func=lambda weeks: _HORIZONS[weeks],
        width=160,
    )


def money_columns(words: Words, names: Sequence[str], *, cents: bool = False) -> dict[str, Any]:
    """Columns of dollars with separators."""
    if cents and words.unit in _NAMED:
        return {name: st.column_config.NumberColumn(name, format=_NAMED[words.unit]) for name in names}
    unit = words.unit.replace("%", "%%")
    digits = "%,.2f" if cents else "%,.0f"
    form = f"{unit}{digits}" if words.prefixed else f"{digits} {unit}"
    return {name: st.column_config.NumberColumn(name, format=form) for name in names}


def series_name(name: str, by: By, known: dict[str, SeriesItem]) -> str:
    """What people call a series."""
    if by == "total":
        return "All stores together"
    item = known.get(name)
    if by == "store" or item is None or not item.dept:
        return f"Store {name}" if name.isdecimal() else name
    return f"Store {item.store}, department {item.dept}"


def band_names(level: float) -> tuple[str, str]:
    """Columns of a band's limits."""
    return f"storecast-lo-{level:g}", f"storecast-hi-{level:g}"


def save_buttons(
    client: Client, page: str, name: str, csv: Callable[[], bytes], xlsx: Callable[[], bytes]
) -> None:
    """Buttons that save a table; files are made when they are asked for."""

    def count() -> None:
        with suppress(Trouble):  # counting is no reason to give nothing
            client.used("download", page)

    with st.container(horizontal=True):
        st.download_button(
            "Excel (XLSX)",
            xlsx,
            f"{name}.xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            icon=":material/download:",
            on_click=count,
        )
        st.download_button("CSV", csv, f"{name}.csv", "text/csv", icon=":material/download:", on_click=count)


def trend(change: float | None) -> dict[str, Any]:
    """Arrow and colour of a metric's change: Streamlit takes only an ASCII minus for one."""
    if not change:
        return {"delta_color": "off", "delta_arrow": "off"}
    up = change > 0
    return {"delta_color": "green" if up else "red", "delta_arrow": "up" if up else "down"}
