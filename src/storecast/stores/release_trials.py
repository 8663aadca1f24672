"""What a pointer says of trials: begun, ended, remembered."""

from __future__ import annotations

from dataclasses import replace

from storecast.ports import Published, ReleaseInfo, Trial

__all__ = ["remembered", "with_trial", "without_trial"]

_RECENT = 20  # publications that the pointer remembers


def remembered(info: ReleaseInfo, after: ReleaseInfo | None) -> ReleaseInfo:
    """A publication with those before it."""
    this = Published(
        info.kind, info.version, info.digest, info.replaced, info.who, info.why, info.published_at
    )
    return _and(info, this, after)


def _and(info: ReleaseInfo, this: Published, after: ReleaseInfo | None) -> ReleaseInfo:
    return replace(info, recent=(*(after.recent if after else ()), this)[-_RECENT:])


def with_trial(now: ReleaseInfo, trial: Trial) -> ReleaseInfo:
    """``now`` with ``trial`` beside what serves, in the place of another."""
    this = Published(
        trial.kind, trial.version, trial.digest, now.version, trial.who, trial.why, trial.at, trial.share
    )
    return _and(replace(now, trial=trial), this, now)


def without_trial(now: ReleaseInfo, kind: str, who: str, why: str, at: str) -> ReleaseInfo:
    """``now`` with what serves alone again."""
    challenger = now.trial.version if now.trial else None
    this = Published(kind, now.version, now.digest, challenger, who, why, at)
    return _and(replace(now, trial=None), this, now)
