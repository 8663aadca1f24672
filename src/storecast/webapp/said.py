"""What planners said over forecasts and why forecasts moved, as the service answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from storecast.webapp.answers import By, Model
from storecast.webapp.client import Client

__all__ = [
    "Changed",
    "Changes",
    "OverrideItem",
    "Scores",
    "changes",
    "overrides",
    "say",
    "scores",
    "undo",
]

_MOST = 500


class OverrideItem(Struct):
    """One override that counts; ``model``: what had been forecast when it was said; ``statement``: shared by
    all that was said at once."""

    id: str
    unique_id: str
    ds: str
    mode: str
    value: float | None
    who: str
    why: str
    expires: str | None
    model: float | None
    statement: str


class _Overrides(Struct):
    overrides: list[OverrideItem]


class _Undone(Struct):
    overrides: list[dict[str, Any]]


class Score(Struct):
    """Mean errors of some overrides, dollars a week."""

    rows: int
    better: int
    naive_error: float
    model_error: float
    override_error: float
    override_added: float
    who: str = ""
    store: str = ""


class Scores(Struct):
    """What overrides were worth: ``all`` (None where no week with one has actuals), by planner and store."""

    all: Score | None
    planners: list[Score]
    stores: list[Score]


class Part(Struct):
    """What one step moved, and why it is what it is."""

    name: str
    title: str
    dollars: float
    text: str


class Changed(Struct):
    """How one forecast moved."""

    unique_id: str
    ds: str
    before: float
    after: float
    change: float
    parts: list[Part]


class _Since(Struct):
    version: int


class Changes(Struct):
    """How forecasts moved since a version."""

    model: Model
    since: _Since
    changes: list[Changed]


def overrides(client: Client) -> list[OverrideItem]:
    """The newest of those that count."""
    path = "/v1/overrides"
    return client.read(_Overrides, path, client.ask("GET", path, params={"limit": _MOST})).overrides


def say(client: Client, asked: Mapping[str, Any]) -> list[OverrideItem]:
    """Say something; ``asked`` as /v1/overrides takes it."""
    path = "/v1/overrides"
    return client.read(_Overrides, path, client.ask("POST", path, json=asked)).overrides


def undo(client: Client, override: str, why: str, whole: bool) -> int:
    """Take one back, ``whole``: with all that was said with it; how many were taken back."""
    path = f"/v1/overrides/{override}/undo"
    asked = {"why": why, "whole": whole}
    return len(client.read(_Undone, path, client.ask("POST", path, json=asked)).overrides)


def scores(client: Client) -> Scores:
    """What they were worth."""
    path = "/v1/overrides/scores"
    return client.read(Scores, path, client.ask("GET", path))


def changes(client: Client, series: str, by: By) -> Changes:
    """Why the forecasts of one series, store or total moved since the version before."""
    path = "/v1/explanations/change"
    return client.read(Changes, path, client.ask("GET", path, params={"series": series, "by": by}))
