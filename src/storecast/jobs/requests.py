"""Carry out what was asked for in writing: a promotion or a rollback of a model, once."""

from __future__ import annotations

import re

from storecast.errors import ArtifactError, RegistryError
from storecast.jobs.promote import promote, rollback
from storecast.jobs.publish import publish_champion, served
from storecast.ports import Move, Registry, ReleaseInfo, Releases
from storecast.ports.records import ModelEvent

__all__ = ["carry_out", "request_of"]

_MARK = re.compile(r" \[([0-9a-f-]{36})\]\Z")


def request_of(why: str) -> str:
    """The id of the request that a move with this reason carried out, which is its event; "" where it was not
    asked for in writing."""
    found = _MARK.search(why)
    return found[1] if found else ""


def carry_out(registry: Registry, releases: Releases, request: ModelEvent) -> tuple[int | None, ReleaseInfo]:
    """Promote or roll back as ``request`` says; what was champion before, and what serves now.

    The request's id goes into the record of the move, so that one whose follower died half-way is
    recognized and brought to its end instead of being done twice. Raises what ``promote`` and ``rollback``
    raise.
    """
    mark = f"[{request.id}]"
    why = f"{request.why} {mark}"
    now = served(releases)
    if now is not None and mark in now.why:
        return now.replaced, now
    done = [move for move in _history(registry, request.model) if mark in move.why]
    if done:
        published = publish_champion(
            registry, releases, request.model, kind=request.kind, who=request.who, why=why
        )
        return done[0].previous, published.release
    if request.kind == "promote":
        made = promote(
            registry, request.model, request.to_version, who=request.who, why=why, releases=releases
        )
        before = made.previous
    elif request.kind == "rollback":
        before = rollback(registry, request.model, who=request.who, why=why, releases=releases).previous
    else:
        raise RegistryError(
            f"a follower cannot carry out {request.kind!r}",
            expected="promote or rollback",
            found=request.kind,
            remedy="ask for one of these",
        )
    after = served(releases)
    if after is None:
        raise ArtifactError("nothing is published after the move", remedy="look at the release folder")
    return before, after


def _history(registry: Registry, name: str) -> list[Move]:
    try:
        return registry.history(name)
    except RegistryError:
        return []  # a rollback may do without it; a promotion will say so itself
