"""Content of a registered version that is whole, and yet may be nothing that this program understands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from storecast.errors import ArtifactError

__all__ = ["readable"]


@contextmanager
def readable(name: str, version: int) -> Iterator[None]:
    """Raise ArtifactError for what the content of ``version`` of ``name``, looked at within, makes fail."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(
            "this version is no forecaster that this storecast can read",
            where=f"{name} version {version}",
            found=f"{type(error).__name__}: {error}",
            remedy="use the storecast that made it: see code_version in its manifest",
        ) from error
