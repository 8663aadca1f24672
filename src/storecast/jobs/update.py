"""Take the new week: the champion goes on with what it has learnt, as a new version."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from storecast.errors import ArtifactError, DataError, RegistryError, RequestError
from storecast.forecasting.calendar import calendar_of
from storecast.forecasting.events import Event
from storecast.forecasting.extending import CORRECTED_WEEKS, Extended, extend
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.frames import history_panel
from storecast.forecasting.panel import Panel, known_ahead
from storecast.forecasting.plausible import check_table
from storecast.forecasting.quality import SalesData, SalesSource
from storecast.forecasting.state import from_state
from storecast.forecasting.updating import trained_until
from storecast.forecasting.updating import update as go_on
from storecast.jobs.cards import describe
from storecast.jobs.checks import check_events
from storecast.jobs.keepsakes import data_facts, keepsakes, latest_week
from storecast.jobs.promote import GATE, check_unmoved, promote
from storecast.jobs.told import event_state, events_of
from storecast.jobs.train import content_of
from storecast.ports import ModelVersion, Registry, Releases

__all__ = ["UpdateRequest", "UpdateResult", "update"]

_NO_ADVANCE: Callable[[str, float], None] = lambda stage, share: None  # noqa: E731
_KEPT_FACTS = ("metrics", "gate", "calendar", "planning", "data", "news")


@dataclass(frozen=True)
class UpdateRequest:
    """``accept_changes``: the new data may say otherwise of weeks long past; ``promote``: what was made
    becomes the champion."""

    name: str = "storecast"
    promote: bool = True
    accept_changes: bool = False
    who: str = ""
    unit: str = "$"


@dataclass(frozen=True)
class UpdateResult:
    """The new ``version`` and the champion ``before`` it, by how many weeks it went on in ``extended``,
    ``moved``: mean change of the forecasts of the weeks that both have, as a share of what was forecast."""

    version: ModelVersion
    before: int
    forecaster: Forecaster
    extended: Extended
    moved: float
    promoted: bool


def update(
    source: SalesSource,
    registry: Registry,
    path: str,
    request: UpdateRequest,
    *,
    events: Sequence[Event] = (),
    releases: Releases | None = None,
    alone: Callable[[], AbstractContextManager[None]] = nullcontext,
    advance: Callable[[str, float], None] = _NO_ADVANCE,
) -> UpdateResult:
    """Go on with the champion by the sales at ``path``: new weeks alone, or the whole history with them.

    Series of which a whole file has no row any more are not forecast any more. The work is done ``alone``,
    which raises ConflictError where another makes a version just now; so does a champion that was moved
    meanwhile: what was made is registered then, and not promoted. Raises DataError where no week is new, one
    is left out or the past was changed; RegistryError without a champion; ArtifactError where the forecasts
    made must not be served: then nothing is registered.
    """
    data = source.read(path)
    news = Panel.from_frame(data.panel)
    with alone():
        advance("Load", 0.0)
        champion = registry.champion(request.name)
        if champion is None:
            raise RegistryError(
                f"{request.name} has no champion to go on with",
                expected="a version with the alias champion",
                found="none",
                remedy="train on the sales first",
            )
        content = registry.load(request.name, champion.version)
        old = from_state(content.arrays, content.texts, content.meta)
        extended = extend(history_panel(old), news)
        _check(extended, events, events_of(content.meta), request, path)
        advance("Update", 0.0)
        new = go_on(
            old,
            extended.remaining,
            calendar_of(content.meta.get("calendar", {})),
            events,
            known_future=known_ahead(extended.remaining, data.future, old.config.horizon),
        )
        advance("Update", 1.0)
        if reasons := check_table(new, old):
            raise ArtifactError(
                f"the update of version {champion.version} is not registered: {reasons[0]}",
                found="; ".join(reasons),
                expected="forecasts that are whole, finite and of a size that history explains",
                remedy="look at the new sales; what served before goes on",
            )
        advance("Register", 0.0)
        version = _register(
            registry, request.name, champion, content.meta, data, news, old, new, extended, events
        )
        describe(registry, version, request.unit)
        if request.promote:
            check_unmoved(registry, version, champion)
            first, last = new.history_weeks[-extended.new], new.cutoff
            weeks = f"week {last}" if extended.new == 1 else f"weeks {first} to {last}"
            why = f"update of version {champion.version} by the {weeks}"
            promote(
                registry,
                request.name,
                version.version,
                who=request.who,
                why=why,
                releases=releases,
                kind="update",
            )
        advance("Register", 1.0)
    return UpdateResult(version, champion.version, new, extended, _moved(old, new), request.promote)


def _check(
    extended: Extended,
    events: Sequence[Event],
    known: Sequence[Event] | None,
    request: UpdateRequest,
    path: str,
) -> None:
    """``known``: the events that the champion knew, as of ``events_of``."""
    if extended.early and not request.accept_changes:
        raise DataError(
            f"These sales change the past: {extended.early:,} sales that are more than {CORRECTED_WEEKS} "
            "weeks old are others now, or gone.",
            where=path,
            expected=f"corrections of the last {CORRECTED_WEEKS} weeks only",
            found="; ".join(extended.examples),
            remedy="Give the right file; or --accept-changes if the past was truly corrected.",
        )
    if known != () and not events:
        raise RequestError(
            "The champion was trained with known events, and none are given.",
            where="--events",
            expected="the events file, with those ahead",
            found="no file",
            remedy="Give it again; an update reads the events anew.",
        )
    check_events(events, extended.panel)


def _register(
    registry: Registry,
    name: str,
    champion: ModelVersion,
    facts: Mapping[str, Any],
    data: SalesData,
    news: Panel,
    old: Forecaster,
    new: Forecaster,
    extended: Extended,
    events: Sequence[Event],
) -> ModelVersion:
    whole = np.array_equal(news.values, extended.remaining.values, equal_nan=True)
    digest = data.digest
    if not whole:  # of all sales: of what was known, and of what came
        before = champion.tags.get("data_digest", champion.digest)
        digest = hashlib.sha256(f"{before} {data.digest}".encode()).hexdigest()
    kept = {key: facts[key] for key in _KEPT_FACTS if key in facts}
    read = data_facts(data, news, new.config.horizon)
    kept |= {"data": read} if whole else {"news": read}
    if whole:
        kept.pop("news", None)
        kept["planning"] = {**kept.get("planning", {}), **keepsakes(news, None)}
    if judged := kept.get("planning", {}).get("backtest"):
        latest = latest_week(old, new, judged["levels"][0])
        kept["planning"] = {**kept["planning"], "backtest": {**judged, "latest": latest}}
    trained = str(trained_until(new))
    updated = {"from": champion.version, "digest": champion.digest, "weeks": extended.new, "trained": trained}
    return registry.register(
        name,
        content_of(new, data_digest=digest, **kept, update=updated, events=event_state(events)),
        params={"model": new.config.model, "updated_from": champion.version, "new_weeks": extended.new},
        metrics=champion.metrics,
        tags={
            "model": new.config.model,
            "data_digest": digest,
            "cutoff": str(new.cutoff),
            "series": str(len(new.keys)),
            GATE: f"as version {champion.version}",  # it goes on with what the gate has judged
            "trained": trained,
            "updated_from": str(champion.version),
        },
        files={},
    )


def _moved(old: Forecaster, new: Forecaster) -> float:
    """Sum of absolute changes over the sum of what was forecast, of weeks and series that both forecast."""
    gone = int((new.weeks[0] - old.weeks[0]).astype(np.int64)) // 7
    if gone >= len(old.weeks):
        return float("nan")
    _, mine, theirs = np.intersect1d(new.keys, old.keys, assume_unique=True, return_indices=True)
    before, after = old.point[gone:, theirs], new.point[: len(old.weeks) - gone, mine]
    total = float(np.abs(before).sum())
    return float(np.abs(after - before).sum()) / total if total > 0 else float("nan")
