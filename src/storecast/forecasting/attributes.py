"""What never changes in a series, such as its store's type, as text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["texts_of"]


def texts_of(values: NDArray[Any]) -> NDArray[np.str_]:
    """(N,) an attribute as text, "" where there is none."""
    return np.array(["" if v is None or v != v else str(v) for v in values.tolist()], dtype=str)
