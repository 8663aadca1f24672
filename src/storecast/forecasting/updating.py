"""Go on with a fitted forecaster when new weeks are known, in seconds: nothing is fitted anew.

Configuration, weights of the members, trees and slopes stay as they were earned; what a forecast reads off
the history itself (levels, growth, recent residuals) is read off the longer one, and the bands adapt to how
the new weeks fell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.boosting import apply_correction, correct
from storecast.forecasting.calendar import Calendar
from storecast.forecasting.events import Event, apply_events
from storecast.forecasting.finishing import groups_of
from storecast.forecasting.forecaster import Forecaster, finished
from storecast.forecasting.intervals import HORIZONS
from storecast.forecasting.models import go_on
from storecast.forecasting.rolling import FIRST_ORIGIN

if TYPE_CHECKING:
    from storecast.forecasting.panel import Panel

__all__ = ["trained_until", "update"]

Float = NDArray[np.float64]
_MOST_WEEKS = 26  # of new weeks that bands adapt to, so that a late update takes no longer than a fit


def trained_until(forecaster: Forecaster) -> np.datetime64:
    """The cutoff of the fit whose weights ``forecaster`` goes on with: its own where it was not updated."""
    return np.datetime64(forecaster.learnt.get("trained", str(forecaster.cutoff)), "D")


def update(
    old: Forecaster,
    panel: Panel,
    calendar: Calendar,
    events: Sequence[Event] = (),
    *,
    known_future: Mapping[str, Float] | None = None,
) -> Forecaster:
    """``old`` gone on to the last week of ``panel``, which begins as its history does and holds its series,
    but for those that are gone.

    The same ``old`` and ``panel`` give the same bits. Series that are new get the panel's weights and what is
    usual of their block for bands. Raises DataError where the model lacks columns it learnt from.
    """
    config = old.config
    effects = apply_events(
        panel.values, panel.weeks, config.horizon, events, panel.keys, panel.stores, panel.blocks
    )
    groups = groups_of(panel)
    new = len(panel.weeks) - len(old.history_weeks)
    rolled = go_on(
        config.model,
        replace(panel, values=effects.values),
        groups,
        config.horizon,
        calendar,
        config.models,
        _origins(len(panel.weeks), min(new, _MOST_WEEKS)),
        weights=_weights(old, panel.keys),
        direct=old.direct,
        lift=effects.lift if events else None,
        known_future=known_future,
    )
    rolling = rolled.rolling
    types = _types(old)
    if config.model == "blend":
        static = np.stack([panel.code("type", types), panel.code("size")])
        raw = apply_correction(rolling, static, old.correction)
        rolling.point[:] = correct(rolling.point, raw, old.correction.weight)
    learnt = {
        "member_weights": old.learnt.get("member_weights", []),
        "trained": str(trained_until(old)),
        "types": types,
    }
    return finished(
        config,
        panel,
        groups,
        effects,
        rolled,
        old.correction,
        known_future or {},
        learnt,
        old.levels,
        min(new, _MOST_WEEKS),
        int(np.searchsorted(panel.weeks, trained_until(old), side="right")),
    )


def _origins(rows: int, new: int) -> NDArray[np.int64]:
    """Cutoffs from which each of the last ``new`` weeks is seen at every one of the horizons."""
    seen = rows - new + np.arange(new)[:, None] + 1 - HORIZONS.astype(np.int64)
    return np.unique(seen[(seen >= FIRST_ORIGIN)])


def _types(old: Forecaster) -> list[str]:
    """The store types that the trees tell apart; an artifact of an earlier release does not say, but they
    were ranked among all of its series then, a missing one, "", with them."""
    if "types" in old.learnt:
        return list(old.learnt["types"])
    kinds = old.inputs.get("static_type")
    return [] if kinds is None else list(np.unique(kinds.astype(str)).tolist())


def _weights(old: Forecaster, keys: NDArray[np.str_]) -> Float:
    """(M, N) the weights that were earned; a new series gets the panel's."""
    if not old.weights.size:
        return np.zeros((old.weights.shape[0], len(keys)))
    at = np.searchsorted(old.keys, keys).clip(max=len(old.keys) - 1)
    known = old.keys[at] == keys
    shared = np.array(old.learnt.get("member_weights") or old.weights.mean(axis=1))
    return np.where(known, old.weights[:, at], shared[:, None])
