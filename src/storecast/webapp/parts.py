"""Choices and tables that several pages share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import pandas as pd
import streamlit as st

from storecast.webapp import address, source
from storecast.webapp.answers import By, SeriesItem
from storecast.webapp.client import Client
from storecast.webapp.frame import visitor
from storecast.webapp.words import Words, plural

__all__ = [
    "band_names",
    "choose_horizon",
    "money_columns",
    "number_columns",
    "save_buttons",
    "series_name",
    "show_table",
    "trend",
    "usual_horizon",
]

_QUARTER = 13
_HORIZONS = {4: "4 weeks", 8: "8 weeks", 13: "A quarter", 26: "Half a year", 52: "A year"}
_NAMED = {"$": "dollar", "€": "euro", "¥": "yen"}  # units that the browser writes by itself


def usual_horizon(client: Client) -> int:
    """A quarter, or all that the version that serves forecasts where that is less."""
    return min(_QUARTER, len(source.weeks(client).weeks))


def choose_horizon() -> int:
    """How many weeks ahead, of those that the version that serves forecasts; kept in the address."""
    client = visitor().client
    most = len(source.weeks(client).weeks)
    return address.choose(
        "Weeks ahead",
        "horizon",
        sorted({most, *(weeks for weeks in _HORIZONS if weeks < most)}),
        usual_horizon(client),
        format_func=lambda weeks: _HORIZONS.get(weeks) or plural(weeks, "week"),
        width=160,
    )


def show_table(
    frame: pd.DataFrame,
    *,
    alt: str,
    column_config: Mapping[str, Any] | None = None,
    height: Literal["auto", "content"] | int = "auto",
) -> None:
    """A table without row numbers, told to screen readers by ``alt``; what is not known is a dash. Numbers
    are rounded here to the step of their column: Streamlit would cut them off."""
    for name, column in (column_config or {}).items():
        step = (column.get("type_config") or {}).get("step")
        if step and name in frame and pd.api.types.is_numeric_dtype(frame[name]):
            rounded = frame[name].round(max(0, -round(math.log10(step)))) + 0.0  # no minus before a zero
            frame = frame.assign(**{name: rounded})
    st.dataframe(frame, hide_index=True, placeholder="–", column_config=column_config, height=height, alt=alt)


def number_columns(names: Sequence[str], *, decimals: int = 0) -> dict[str, Any]:
    """Columns of numbers as the browser's language writes them."""
    step = 10.0**-decimals
    return {name: st.column_config.NumberColumn(name, format="localized", step=step) for name in names}


def money_columns(words: Words, names: Sequence[str], *, cents: bool = False) -> dict[str, Any]:
    """Columns of dollars as the browser's language writes them; a unit that it does not know stands in the
    heads."""
    named, step = _NAMED.get(words.unit), 0.01 if cents else 1.0
    return {
        name: st.column_config.NumberColumn(
            name if named else f"{name}, {words.unit}", format=named or "localized", step=step
        )
        for name in names
    }


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
    """Buttons that save a table; files are made, and counted, when they are asked for."""

    def counted(make: Callable[[], bytes]) -> bytes:
        made = make()
        client.used("download", page)
        return made

    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    with st.container(horizontal=True):
        for title, make, ending, kind in (
            ("Excel (XLSX)", xlsx, "xlsx", sheet),
            ("CSV", csv, "csv", "text/csv"),
        ):
            st.download_button(
                title,
                partial(counted, make),
                f"{name}.{ending}",
                kind,
                icon=":material/download:",
                # To draw the page anew would drop the message that the file is made, if it is on its way: the
                # button would wait for it for ever.
                on_click="ignore",
            )


def trend(change: float | None) -> dict[str, Any]:
    """Arrow and colour of a metric's change: Streamlit takes only an ASCII minus for one."""
    if not change:
        return {"delta_color": "off", "delta_arrow": "off"}
    up = change > 0
    return {"delta_color": "green" if up else "red", "delta_arrow": "up" if up else "down"}
