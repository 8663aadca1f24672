"""Carry out what was asked for in writing: a move of a model's champion or of a trial beside it, once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from storecast.errors import ArtifactError, RegistryError
from storecast.jobs.promote import promote, rollback
from storecast.jobs.publish import publish_champion, served
from storecast.jobs.trial import Tried, canary, shadow, stop_trial
from storecast.ports import Move, Registry, Releases
from storecast.ports.records import ModelEvent
from storecast.ports.releases import OVERRULED

__all__ = ["Outcome", "carry_out", "request_of"]

_TRIALS, _STOPS = ("shadow", "canary"), ("shadow-stopped", "canary-stopped")

_MARK = re.compile(r" \[([0-9a-f-]{36})\]\Z")


def request_of(why: str) -> str:
    """The id of the request that a move with this reason carried out, which is its event; "" where it was not
    asked for in writing."""
    found = _MARK.search(why)
    return found[1] if found else ""


@dataclass(frozen=True)
class Outcome:
    """``version`` with ``digest`` took the place of ``before``, or began to stand beside it."""

    before: int | None
    version: int
    digest: str


def carry_out(registry: Registry, releases: Releases, request: ModelEvent) -> Outcome:
    """Do as ``request`` says.

    The request's id goes into the record of the move, so that one whose follower died half-way is
    recognized and brought to its end instead of being done twice. Raises what the jobs of this name raise.
    """
    mark = f"[{request.id}]"
    why = f"{request.why} {mark}"
    now = served(releases)
    if now is not None and (done := [item for item in now.recent if mark in item.why]):
        return Outcome(done[0].replaced, done[0].version, done[0].digest)
    if now is not None and mark in now.why:
        return Outcome(now.replaced, now.version, now.digest)
    if moved := [move for move in _history(registry, request.model) if mark in move.why]:
        published = publish_champion(
            registry, releases, request.model, kind=request.kind, who=request.who, why=why
        )
        return Outcome(moved[0].previous, published.release.version, published.release.digest)
    if request.kind in _TRIALS and request.to_version is not None:
        trial = _begin(registry, releases, request, why).trial
        return Outcome(now.version if now else None, trial.version, trial.digest)
    if request.kind in _STOPS:
        alone = stop_trial(releases, who=request.who, why=why, version=request.from_version)
        return Outcome(now.trial.version if now and now.trial else None, alone.version, alone.digest)
    before = _moved(registry, releases, request, why)
    after = served(releases)
    if after is None:
        raise ArtifactError("nothing is published after the move", remedy="look at the release folder")
    return Outcome(before, after.version, after.digest)


def _moved(registry: Registry, releases: Releases, request: ModelEvent, why: str) -> int | None:
    """Move the champion; which version was it before."""
    name, who = request.model, request.who
    if request.kind in ("promote", "overrule"):
        over = request.kind == "overrule"
        wanted = request.to_version
        return promote(registry, name, wanted, who=who, why=why, releases=releases, overrule=over).previous
    if request.kind == "rollback":
        undo = request.from_version
        return rollback(registry, name, who=who, why=why, releases=releases, undo=undo).previous
    raise RegistryError(
        f"a follower cannot carry out {request.kind!r}",
        expected=f"promote, overrule, rollback, {', '.join((*_TRIALS, *_STOPS))}",
        found=request.kind,
        remedy="ask for one of these",
    )


def _begin(registry: Registry, releases: Releases, request: ModelEvent, why: str) -> Tried:
    assert request.to_version is not None
    about, who = (registry, releases, request.model, request.to_version), request.who
    if request.kind == "shadow":
        return shadow(*about, who=who, why=why)
    over = why.startswith(OVERRULED)  # a request has no other place to say it
    why = why.removeprefix(OVERRULED)
    return canary(*about, request.share or 0.0, who=who, why=why, overrule=over)


def _history(registry: Registry, name: str) -> list[Move]:
    try:
        return registry.history(name)
    except RegistryError:
        return []  # a rollback may do without it; a promotion will say so itself
