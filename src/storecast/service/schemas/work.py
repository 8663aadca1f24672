"""What people leave with the service."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

__all__ = [
    "DatasetAccepted",
    "DatasetAnswer",
    "DatasetsAnswer",
    "JobAnswer",
    "JobsAnswer",
    "ScenarioAnswer",
    "ScenariosAnswer",
]


class ScenarioAnswer(Struct):
    """A saved what-if; ``version`` counts its changes and is asked for when it is changed."""

    id: str
    owner: str
    name: str
    version: int
    created: str
    updated: str
    what_if: dict[str, Any]


class ScenariosAnswer(Struct):
    """Scenarios, newest first; ``next``: what to give as ``before`` for more."""

    scenarios: list[ScenarioAnswer]
    next: str | None


class DatasetAnswer(Struct):
    """An uploaded file and what became of it: ``report`` is its quality report, ``contents`` what can be
    downloaded."""

    id: str
    owner: str
    name: str
    media_type: str
    size: int
    digest: str
    state: str
    created: str
    report: dict[str, Any] | None = None
    contents: list[str] = []


class DatasetsAnswer(Struct):
    """Data sets, newest first; ``next``: what to give as ``before`` for more."""

    datasets: list[DatasetAnswer]
    next: str | None


class JobAnswer(Struct):
    """Work under way: ``state`` queued, running, done or failed; ``progress`` from 0 to 1; ``asked``: how a
    back-test is to be made."""

    id: str
    kind: str
    owner: str
    subject: str
    state: str
    stage: str
    progress: float
    attempts: int
    created: str
    started: str | None
    finished: str | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    asked: dict[str, Any] | None = None


class JobsAnswer(Struct):
    """Jobs, newest first; ``next``: what to give as ``before`` for more."""

    jobs: list[JobAnswer]
    next: str | None


class DatasetAccepted(Struct):
    """202: the data set, and the job that works on it."""

    dataset: DatasetAnswer
    job: JobAnswer
