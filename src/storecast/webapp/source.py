"""What pages ask the service, remembered for half a minute in the session that asked: a click on a page
neither waits for nor logs the same forecast again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from storecast.webapp import answers, entries
from storecast.webapp.client import Client
from storecast.webapp.trouble import Trouble

__all__ = [
    "around",
    "backtests",
    "explanations",
    "forecasts",
    "inputs",
    "overview",
    "predictions",
    "series",
    "weeks",
    "what_if",
]

_FRESH = 30.0  # seconds


@st.cache_data(ttl=_FRESH, show_spinner=False, scope="session")
def series(_client: Client) -> list[answers.SeriesItem]:
    """Everything that is forecast."""
    return _client.series()


@st.cache_data(ttl=_FRESH, show_spinner=False, scope="session")
def overview(_client: Client, by: answers.By, horizon: int) -> answers.Overview:
    """Sums and scores of everything."""
    return _client.overview(by, horizon)


@st.cache_data(ttl=_FRESH, show_spinner=False, scope="session")
def forecasts(
    _client: Client, names: Sequence[str], by: answers.By, horizon: int, levels: Sequence[float]
) -> answers.Forecasts:
    """Forecasts of some series."""
    return _client.forecasts(names, by, horizon, levels)


@st.cache_data(ttl=_FRESH, show_spinner=False, scope="session")
def around(_client: Client, names: Sequence[str], by: answers.By, horizon: int, weeks: int) -> answers.Around:
    """What stands around them."""
    return _client.around(names, by, horizon, weeks)


@st.cache_data(ttl=_FRESH, show_spinner=False, scope="session")
def explanations(_client: Client, name: str, by: answers.By, horizon: int) -> answers.Explanations:
    """Why they are what they are: the weeks 1 to ``horizon``."""
    return _client.explanations(name, by, range(1, horizon + 1))


@st.cache_data(ttl=_FRESH, show_spinner=False, scope="session")
def backtests(_client: Client) -> answers.Backtests:
    """How good the version that serves was."""
    return _client.backtests()


@st.cache_data(ttl=_FRESH, show_spinner=False, scope="session")
def weeks(_client: Client) -> entries.Weeks:
    """All weeks that are forecast."""
    return _client.weeks()


@st.cache_data(ttl=_FRESH, show_spinner=False, scope="session")
def inputs(_client: Client, store: str, date: str) -> entries.Inputs:
    """Likely values of the classic form."""
    return _client.inputs(store, date)


@st.cache_data(ttl=_FRESH, show_spinner=False, scope="session")
def predictions(
    _client: Client, rows: Sequence[Mapping[str, Any]], levels: Sequence[float]
) -> entries.Predictions:
    """Predictions of rows of the classic form, counted as one."""
    with suppress(Trouble):  # counting is no reason to answer nothing
        _client.used("prediction", "form")
    return _client.predictions(rows, levels)


@st.cache_data(ttl=_FRESH, show_spinner=False, scope="session")
def what_if(_client: Client, asked: Mapping[str, Any]) -> entries.WhatIf:
    """Base against scenario."""
    return _client.what_if(asked)


@st.cache_data(ttl=_FRESH, show_spinner=False, scope="session")
def models(_client: Client) -> answers.Models:
    """What serves and what served before."""
    return _client.models()


def forget() -> None:
    """Ask anew from here on: something was changed."""
    st.cache_data.clear()
