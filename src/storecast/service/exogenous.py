"""Forecasts of a version that reads exogenous inputs, with some of them given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from storecast.service.champion import View

__all__ = ["Exogenous"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]


class Exogenous:
    """``names``: what is read."""

    names: tuple[str, ...] = ()

    def changed(self, view: View, place: Int, week: Int, given: dict[str, Float], columns: list[Float]) -> list[Float]:
        """``columns`` as they are with the inputs ``given``."""
        raise NotImplementedError
