"""Preprocessing of the raw columns: a scikit-learn transformer, and the same on arrays without it.

The raw columns are store, department and type as text, then numbers. Fitting is scikit-learn's; what it
learnt leaves as plain arrays, and training and serving both apply those, so that they cannot differ and a
server does without scikit-learn. Numbers pass as they are: trees need no scaling, and NaN has a branch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.attributes import texts_of

if TYPE_CHECKING:
    from storecast.forecasting.panel import Panel

__all__ = ["RAW_NAMES", "TEXTS", "Encoding", "fit_encoding", "make_preprocessing", "static_texts"]

Float = NDArray[np.float64]
TEXTS = ("store", "dept", "type")
RAW_NAMES = (*TEXTS, "size")  # of what never changes in a series; features follow


@dataclass(frozen=True)
class Encoding:
    """``categories``: for each of TEXTS the sorted (K,) texts that were seen; a text's code is its place."""

    categories: tuple[NDArray[np.str_], ...]

    def codes(self, texts: NDArray[np.str_]) -> Float:
        """(len(TEXTS), N) codes of ``texts`` of that shape; NaN for a text never seen."""
        out = np.full(texts.shape, np.nan)
        for row, (known, found) in enumerate(zip(self.categories, texts, strict=True)):
            at = np.searchsorted(known, found).clip(max=len(known) - 1)
            out[row] = np.where(known[at] == found, at, np.nan)
        return out


def _numbers(columns: NDArray[Any]) -> Float:
    return np.asarray(columns, dtype=np.float64)


def make_preprocessing() -> Any:
    """An unfitted scikit-learn ``ColumnTransformer`` of raw columns (R, 3 + K): TEXTS, then K numbers.

    Takes an object array or a frame whose columns stand in that order; gives (R, 3 + K) float64.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, dtype=np.float64)
    numbers = FunctionTransformer(_numbers, feature_names_out="one-to-one")
    return ColumnTransformer(
        [("codes", codes, slice(0, len(TEXTS))), ("numbers", numbers, slice(len(TEXTS), None))],
        sparse_threshold=0.0,
    )


def static_texts(panel: Panel) -> NDArray[np.str_]:
    """(len(TEXTS), N) the text attributes of each series, "" where the panel does not have one."""
    kinds = panel.static.get("type")
    kind = np.full(len(panel.keys), "") if kinds is None else texts_of(kinds)
    return np.stack([panel.stores.astype(str), panel.blocks.astype(str), kind])


def fit_encoding(panel: Panel) -> Encoding:
    """Fit the scikit-learn preprocessing on the series of ``panel`` and take out what it learnt."""
    raw = np.empty((len(panel.keys), len(RAW_NAMES)), dtype=object)
    raw[:, : len(TEXTS)] = static_texts(panel).T
    raw[:, len(TEXTS)] = panel.code("size")
    fitted = make_preprocessing().fit(raw)
    return Encoding(tuple(np.asarray(c, dtype=str) for c in fitted.named_transformers_["codes"].categories_))
