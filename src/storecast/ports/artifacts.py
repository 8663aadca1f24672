"""Artifacts of fitted forecasters, and the versions under which they are registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["ArtifactContent", "ArtifactStore", "ModelVersion"]


@dataclass(frozen=True)
class ArtifactContent:
    """What one fitted forecaster is made of: data only, nothing that could run.

    ``arrays``: numbers, booleans, dates or fixed-width text; ``texts``: whole text files by name
    (LightGBM models); ``meta``: a JSON object (configuration, metrics, data hash, code version);
    ``signed_by``: id of the key of the folder's signature as it was read, "" where there is none.
    """

    arrays: Mapping[str, NDArray[np.generic]]
    texts: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    signed_by: str = ""


class ArtifactStore(Protocol):
    """Immutable artifact folders, each with one digest."""

    def save(self, content: ArtifactContent, folder: str) -> str:
        """Write the folder whole or not at all; return its digest (hex SHA-256)."""
        ...

    def load(self, folder: str, digest: str | None = None) -> ArtifactContent:
        """Read a folder back after checking every digest; raises ``ArtifactError``."""
        ...


@dataclass(frozen=True)
class ModelVersion:
    """One registered version: ``metrics`` and ``tags`` are what was recorded with it."""

    name: str
    version: int
    digest: str
    created: str
    aliases: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
