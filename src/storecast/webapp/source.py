"""What pages ask the service, remembered for half a minute in the session that asked: a click on a page
neither waits for nor logs the same forecast again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import msgspec
import streamlit as st

from storecast.webapp import answers, entries, records
from storecast.webapp.client import Client

__all__ = [
    "around",
    "backtests",
    "explanations",
    "forecasts",
    "forget",
    "inputs",
    "kept",
    "models",
    "overview",
    "predictions",
    "series",
    "weeks",
    "what_if",
]

_FRESH = 30.0  # seconds
_MOST = 64  # answers kept in a session
_STATE = "_kept"
_ENCODE = msgspec.json.Encoder().encode
T = TypeVar("T")


def kept(name: str, of: Sequence[Any], ask: Callable[[], T], *, seconds: float = _FRESH) -> T:
    """What ``ask`` answers to the question ``name`` of these things, or what it answered in this session so
    many ``seconds`` ago; what it raises is not kept."""
    answers_ = st.session_state.setdefault(_STATE, {})
    key, now = (name, _ENCODE(of)), time.monotonic()
    found = answers_.get(key)
    if found is not None and now < found[0]:
        return cast("T", found[1])
    answer = ask()
    for old in [k for k, (until, _) in answers_.items() if until <= now]:
        del answers_[old]
    while len(answers_) >= _MOST:
        del answers_[next(iter(answers_))]
    answers_[key] = (now + seconds, answer)
    return answer


def series(client: Client) -> list[answers.SeriesItem]:
    """Everything that is forecast."""
    return kept("series", [], client.series)


def overview(client: Client, by: answers.By, horizon: int) -> answers.Overview:
    """Sums and scores of everything."""
    return kept("overview", [by, horizon], lambda: client.overview(by, horizon))


def forecasts(
    client: Client, names: Sequence[str], by: answers.By, horizon: int, levels: Sequence[float]
) -> answers.Forecasts:
    """Forecasts of some series."""
    return kept(
        "forecasts", [names, by, horizon, levels], lambda: client.forecasts(names, by, horizon, levels)
    )


def around(client: Client, names: Sequence[str], by: answers.By, horizon: int, weeks: int) -> answers.Around:
    """What stands around them."""
    return kept("around", [names, by, horizon, weeks], lambda: client.around(names, by, horizon, weeks))


def explanations(client: Client, name: str, by: answers.By, horizon: int) -> answers.Explanations:
    """Why they are what they are: the weeks 1 to ``horizon``."""
    return kept(
        "explanations", [name, by, horizon], lambda: client.explanations(name, by, range(1, horizon + 1))
    )


def backtests(client: Client) -> records.Backtests:
    """How good the version that serves was."""
    return kept("backtests", [], client.backtests)


def weeks(client: Client) -> entries.Weeks:
    """All weeks that are forecast."""
    return kept("weeks", [], client.weeks)


def inputs(client: Client, store: str, date: str) -> entries.Inputs:
    """Likely values of the classic form."""
    return kept("inputs", [store, date], lambda: client.inputs(store, date))


def predictions(
    client: Client, rows: Sequence[Mapping[str, Any]], levels: Sequence[float]
) -> entries.Predictions:
    """Predictions of rows of the classic form, counted as one."""

    def ask() -> entries.Predictions:
        client.used("prediction", "form")
        return client.predictions(rows, levels)

    return kept("predictions", [rows, levels], ask)


def what_if(client: Client, asked: Mapping[str, Any]) -> entries.WhatIf:
    """Base against scenario."""
    return kept("what_if", [asked], lambda: client.what_if(asked))


def models(client: Client) -> records.Models:
    """What serves and what served before."""
    return kept("models", [], client.models)


def forget() -> None:
    """Ask anew from here on: something was changed."""
    st.session_state.pop(_STATE, None)
