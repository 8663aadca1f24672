"""What a version was told beside the sales, read back from its artifact: settings, calendar, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from storecast.errors import RequestError
from storecast.forecasting.baselines import BASELINES
from storecast.forecasting.events import Event
from storecast.forecasting.forecaster import ForecasterConfig

__all__ = ["asked_config", "event_state", "events_of", "events_unrecorded"]


def event_state(events: Sequence[Event]) -> list[list[str]]:
    """Events as plain data."""
    return [[e.kind, str(e.first), str(e.last), e.series, e.block] for e in events]


def events_of(meta: Mapping[str, Any]) -> tuple[Event, ...] | None:
    """The events that a version knew; None where it knew some and they are not recorded."""
    if "events" not in meta:
        return None if meta["learnt"].get("events") else ()
    return tuple(
        Event(kind, np.datetime64(first, "D"), np.datetime64(last, "D"), series, block)
        for kind, first, last, series, block in meta["events"]
    )


def events_unrecorded() -> RequestError:
    """Nobody can name the events that the champion knew."""
    return RequestError(
        "The champion knew events, and they are not recorded with it.",
        where="--events",
        expected="the events file, with those ahead",
        found="no file",
        remedy="Give it again.",
    )


def asked_config(config: ForecasterConfig, meta: Mapping[str, Any]) -> ForecasterConfig:
    """The configuration that training was asked for, ``config`` being that of the version and ``meta`` its
    metadata: they differ in the model where the gate let a naive serve in its stead."""
    if config.model not in BASELINES:
        return config
    judged = (meta.get("gate") or {}).get("wmae") or {}
    asked = [name for name in judged if name not in BASELINES]
    if asked:
        return replace(config, model=asked[0])
    # Nothing was judged: the history was too short for any model, and the naive served for want of one.
    return config if judged else replace(config, model=ForecasterConfig().model)
