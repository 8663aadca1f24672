"""What pages ask the service, remembered for half a minute in the session that asked: a click on a page
neither waits for nor logs the same forecast again."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from storecast.webapp import answers
from storecast.webapp.client import Client

__all__ = ["around", "backtests", "explanations", "forecasts", "overview", "series"]

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
def around(
    _client: Client, names: Sequence[str], by: answers.By, horizon: int, weeks: int
) -> answers.Around:
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
