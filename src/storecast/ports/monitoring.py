"""The life of a model as it is watched: answers read back version by version, and what a look has found.

Times are microseconds since 1970, UTC. Every method raises ``LogError`` where the database is away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

__all__ = ["Answer", "AnsweredVersion", "Answers", "MonitorRun", "MonitorRuns"]


class AnsweredVersion(NamedTuple):
    """A version that has answered, ``entries`` times."""

    version: int
    digest: str
    first: str
    last: str
    entries: int


class Answer(NamedTuple):
    """One logged answer, still packed: ``series`` empty where there are many, the rest as in ``Entry``."""

    series: str
    inputs: str
    forecast: str
    bands: str
    blob: bytes | None


class Answers(Protocol):
    """The forecast log read back for judging, a few entries in memory at a time."""

    def versions(self, model: str) -> list[AnsweredVersion]:
        """Which versions of ``model`` have answered with forecasts."""
        ...

    def of(self, model: str, version: AnsweredVersion) -> Iterator[Answer]:
        """Its answers with forecasts, oldest first."""
        ...

    def columns(self, answer: Answer) -> Iterator[Mapping[str, Sequence[Any]]]:
        """The columns of an answer by name, piece by piece: ``ds``, ``storecast``, and so on."""
        ...


@dataclass(frozen=True)
class MonitorRun:
    """One look at a model: its ``verdict`` on ``version``, ``due`` where something is to be done; ``body``:
    all that was found, a JSON object."""

    id: str
    at: int
    model: str
    version: int
    verdict: str
    due: bool
    body: str


class MonitorRuns(Protocol):
    """What looks have found, the last one for whoever asks the service."""

    def record(self, model: str, version: int, *, verdict: str, due: bool, body: str) -> MonitorRun:
        """Write one down."""
        ...

    def latest(self, model: str) -> MonitorRun | None:
        """The last one on ``model``; None where nobody has looked yet."""
        ...
