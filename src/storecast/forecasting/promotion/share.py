"""Which series a canary answers: a keyed hash of the series' name, so that nobody is picked twice by chance.

The key is the challenger's digest: one challenger keeps its series however often it is asked, another one
tries its luck with others, and a larger share only adds series.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["in_share"]

_BYTES = 8


def in_share(digest: str, series: Iterable[str], share: float) -> NDArray[np.bool_]:
    """(N,) whether each of ``series`` is of the ``share`` (0 to 1) of the challenger with ``digest``."""
    key = hashlib.sha256(digest.encode()).digest()
    limit = round(share * 2 ** (8 * _BYTES))
    made = (hashlib.blake2b(name.encode(), key=key, digest_size=_BYTES).digest() for name in series)
    return np.array([int.from_bytes(value, "big") < limit for value in made], dtype=bool)
