"""What a pointer says of moves: what served before, trials begun and ended, and why a move cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from storecast.errors import ArtifactError
from storecast.ports import Earlier, ModelVersion, Published, ReleaseInfo, Trial

__all__ = ["gone", "pile", "remembered", "to_undo", "with_trial", "without_trial"]

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


def pile(now: ReleaseInfo | None, version: ModelVersion, kind: str, keep: int) -> tuple[Earlier, ...]:
    """What served before ``version``: a promotion goes on top, any other move back to a version of the pile
    cuts it there, as the registry counts; ``keep`` versions in all."""
    if now is None:
        return ()
    found = (Earlier(now.version, now.digest, now.model), *now.earlier)
    wanted = (version.version, version.digest)
    same = [i for i, item in enumerate(found) if (item.version, item.digest) == wanted]
    if same and (kind not in ("promote", "overrule") or same[0] == 0):
        return found[same[0] + 1 :]
    return found[: keep - 1]


def to_undo(now: ReleaseInfo | None, undo: int | None, pointer: Path) -> tuple[ReleaseInfo, Earlier]:
    """What serves and what it goes back to; raises ``ArtifactError`` where that is nothing, or where another
    version than ``undo`` serves."""
    if now is not None and undo not in (None, now.version):
        raise ArtifactError(
            f"version {undo} serves no more",
            where=str(pointer),
            expected=f"version {undo}, which is to be taken back",
            found=f"version {now.version}",
            remedy="see who moved it, then roll back what serves now if it should",
        )
    if now is None or now.previous is None:
        raise ArtifactError(
            "there is no earlier version to go back to",
            where=str(pointer),
            expected="a publication that replaced another version",
            found=f"version {now.version}, the first" if now else "nothing published",
            remedy="promote the version you want by its number",
        )
    return now, now.previous


def gone(folder: Path, version: int) -> ArtifactError:
    """A version was pruned before it was pointed to."""
    return ArtifactError(
        f"version {version} does not lie in the release folder any more",
        where=str(folder),
        expected="a folder staged before it is published",
        remedy="publish it again",
    )
