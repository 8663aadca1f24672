"""Do what a look at the champion found due: take the new weeks, or train again as it was trained."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from storecast.forecasting.quality import SalesSource
from storecast.jobs.monitor import Look
from storecast.jobs.told import events_unrecorded
from storecast.jobs.train import TrainRequest, TrainResult, WhatIf, train
from storecast.jobs.update import UpdateRequest, UpdateResult, update
from storecast.ports import Registry, Releases, ReportWriter

__all__ = ["renew"]

_NO_ADVANCE: Callable[[str, float], None] = lambda stage, share: None  # noqa: E731


def renew(
    look: Look,
    source: SalesSource,
    registry: Registry,
    path: str,
    *,
    unit: str,
    who: str,
    created: str,
    releases: Releases | None = None,
    writer: ReportWriter | None = None,
    what_if: WhatIf | None = None,
    alone: Callable[[], AbstractContextManager[None]] = nullcontext,
    advance: Callable[[str, float], None] = _NO_ADVANCE,
) -> UpdateResult | TrainResult | None:
    """Update or train on the sales at ``path`` as ``look`` has it, with the champion's own settings and
    calendar and the events that it knew or ``look`` was given; None where nothing is due that a version
    mends.

    Raises RequestError where the champion knew events that nobody can name any more, and what ``update`` and
    ``train`` raise.
    """
    name, told, action = look.champion.name, look.told, look.verdict.action
    if action not in ("update", "retrain"):
        return None
    if told.events is None:
        raise events_unrecorded()
    if action == "update":
        return update(
            source,
            registry,
            path,
            UpdateRequest(name, who=who, unit=unit),
            events=told.events,
            releases=releases,
            alone=alone,
            advance=advance,
        )
    return train(
        source,
        registry,
        path,
        TrainRequest(name, told.config, unit=unit, who=who),
        told.calendar,
        created=created,
        events=told.events,
        writer=writer,
        releases=releases,
        alone=alone,
        what_if=what_if,
        advance=advance,
    )
