"""What a fitted direct forecaster is, as data, and forecasts from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from storecast.errors import DataError, RequestError
from storecast.forecasting.calendar import Calendar
from storecast.forecasting.direct.encoding import RAW_NAMES, TEXTS, Encoding, static_texts
from storecast.forecasting.direct.trees import evaluate, gains
from storecast.forecasting.features import Features, make_facts, make_features

if TYPE_CHECKING:
    from storecast.forecasting.panel import Panel

__all__ = [
    "DirectConfig",
    "DirectState",
    "check_future",
    "columns",
    "forecast",
    "importance",
    "order_of",
    "predict_direct",
]

Float = NDArray[np.float64]
_ROWS = 1 << 16  # a pass through the trees


class _Content(Protocol):
    @property
    def arrays(self) -> Mapping[str, NDArray[np.generic]]: ...
    @property
    def texts(self) -> Mapping[str, str]: ...
    @property
    def meta(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class DirectConfig:
    """Constants, chosen on windows that end by week 104 of the store and department sales.

    ``least_weeks`` of history below which there are no trees; ``first_origin``: the earliest cutoff whose
    features are learnt from; ``origins``: about how many cutoffs; ``rows``: sampled from them for a fit;
    ``refits``: models fitted, the final one included; ``evidence``: the trees' correction counts by
    w / (w + ``evidence``) after w weeks of targets; ``holiday_power``: of the calendar's weight in the loss.
    The others are LightGBM's.
    """

    least_weeks: int = 60
    first_origin: int = 40
    origins: int = 52
    rows: int = 80_000
    refits: int = 4
    evidence: float = 26.0
    holiday_power: float = 0.5
    rounds: int = 150
    learning_rate: float = 0.04
    leaves: int = 31
    min_rows_in_leaf: int = 30
    feature_share: float = 0.15
    row_share: float = 0.7
    seed: int = 0


@dataclass(frozen=True)
class DirectState:
    """``model``: the trees as LightGBM text, "" where the history is too short for any; ``share`` of their
    correction that is applied; ``names`` of the model's columns in order; ``encoding`` of the texts among
    them; ``horizon``: the longest it learnt."""

    model: str
    share: float
    names: tuple[str, ...]
    encoding: Encoding
    horizon: int
    config: DirectConfig = field(default_factory=DirectConfig)

    def content(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, str], dict[str, Any]]:
        """Arrays, texts and JSON metadata from which ``from_content`` makes the same state again."""
        arrays: dict[str, NDArray[np.generic]] = {
            f"direct_{name}": known for name, known in zip(TEXTS, self.encoding.categories, strict=True)
        }
        meta = {
            "share": self.share,
            "names": list(self.names),
            "horizon": self.horizon,
            "config": asdict(self.config),
        }
        return arrays, {"direct": self.model} if self.model else {}, {"direct": meta}

    @classmethod
    def from_content(cls, content: _Content) -> DirectState:
        """The state that ``content`` was made from, bit for bit."""
        meta = content.meta["direct"]
        encoding = Encoding(tuple(np.asarray(content.arrays[f"direct_{name}"], dtype=str) for name in TEXTS))
        return cls(
            content.texts.get("direct", ""),
            float(meta["share"]),
            tuple(meta["names"]),
            encoding,
            int(meta["horizon"]),
            DirectConfig(**meta["config"]),
        )


def columns(panel: Panel, encoding: Encoding) -> Float:
    """(4, N) what never changes in each series: codes of store, department and type, and the size."""
    return np.concatenate([encoding.codes(static_texts(panel)), panel.code("size")[None]])


def forecast(model: str, share: float, static: Float, features: Features, order: NDArray[np.int64]) -> Float:
    """(H, N) dollars: the base + ``share`` of what the trees add to it; the base alone without a model.

    ``static`` (S, N) stands before the features; ``order`` (F,) picks the model's columns from both.
    """
    base, size = features.base, features.base.shape[1]
    if not model:
        return base.copy()
    added = np.empty(base.size)
    for start in range(0, base.size, _ROWS):
        at = np.arange(start, min(start + _ROWS, base.size))
        x = np.concatenate([static.T[at % size], features.rows(at)], axis=1)
        added[at] = evaluate(model, x[:, order])
    out: Float = base + share * added.reshape(base.shape) * features.scale
    return out


def order_of(state: DirectState, found: tuple[str, ...]) -> NDArray[np.int64]:
    """Places of the model's columns among those ``found``; raises DataError where one is not there."""
    place = {name: i for i, name in enumerate(found)}
    if missing := [name for name in state.names if name not in place]:
        raise DataError(
            "The panel or the calendar lacks columns that this model learnt from.",
            expected=", ".join(state.names),
            found=f"all but {', '.join(missing)}",
            remedy="Give the same columns and the same holidays as in training, or train again.",
        )
    return np.array([place[name] for name in state.names], dtype=np.int64)


def check_future(panel: Panel, horizon: int, known_future: Mapping[str, Float] | None) -> None:
    """Raise RequestError where ``known_future`` names a variable the panel lacks or has another shape."""
    shape = (horizon, len(panel.keys))
    known = ", ".join(panel.observed) or "no variable"
    for name, given in (known_future or {}).items():
        if name not in panel.observed or given.shape != shape:
            raise RequestError(
                f"Future values of {name!r} cannot be used.",
                where="known_future",
                expected=f"one of {known}; {shape[0]} weeks x {shape[1]} series",
                found=f"{name}, {' x '.join(map(str, given.shape))}",
                remedy="Name a variable of the history; weeks are rows, series are columns, NaN is unknown.",
            )


def predict_direct(
    state: DirectState,
    panel: Panel,
    horizon: int,
    calendar: Calendar,
    *,
    known_future: Mapping[str, Float] | None = None,
) -> Float:
    """(H, N) dollars: the weeks after the last of ``panel``.

    On the panel and calendar of the fit it gives the same bits as the fit did; a later panel gives what the
    same trees make of newer history. ``known_future`` name -> (H, N), NaN = not given, answers "what if": how
    far the answer moves is what this model learnt of that variable (see ``importance``). Few years teach
    cautiously: the trees are shrunk, so that an answer is rather a third than the whole of a true effect.

    Raises RequestError for a horizon longer than learnt, or future values that do not fit; DataError for a
    panel or calendar without the columns of the fit.
    """
    if not 1 <= horizon <= state.horizon:
        raise RequestError(
            "The horizon is out of this model's range.",
            where="horizon",
            expected=f"1 to {state.horizon} weeks",
            found=str(horizon),
            remedy="Ask for fewer weeks, or train with a longer horizon.",
        )
    check_future(panel, horizon, known_future)
    rows = len(panel.weeks)
    weeks = panel.weeks[0] + 7 * np.arange(rows + horizon + 1)
    features = make_features(panel, rows, horizon, make_facts(weeks, calendar), known_future)
    order = order_of(state, (*RAW_NAMES, *features.names))
    return forecast(state.model, state.share, columns(panel, state.encoding), features, order)


def importance(state: DirectState) -> dict[str, float]:
    """Column -> its share of all gain, largest first; a column at 0 has no part in any forecast.

    Empty where there are no trees: then nothing but history and calendar look-backs is used.
    """
    if not state.model:
        return {}
    gain = gains(state.model)
    share = gain / gain.sum() if gain.sum() > 0 else gain
    return {state.names[i]: float(share[i]) for i in np.argsort(-share, kind="stable")}
