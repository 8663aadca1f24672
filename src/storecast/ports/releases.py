"""The release folder: which version serves, and what served before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from storecast.ports.artifacts import ArtifactContent, ModelVersion

__all__ = ["OVERRULED", "Earlier", "Published", "ReleaseInfo", "Releases", "Trial"]

OVERRULED = "against the gate: "  # how the reason of a move begins that the gate had refused


@dataclass(frozen=True)
class Earlier:
    """A version that served before: what a rollback without the registry goes back to."""

    version: int
    digest: str
    model: str


@dataclass(frozen=True)
class Published:
    """One publication, as ``ReleaseInfo`` has it; ``at`` is its ``published_at``. Or the beginning or end of
    a trial: ``version`` is the challenger, with its ``share``, or what serves again."""

    kind: str
    version: int
    digest: str
    replaced: int | None
    who: str
    why: str
    at: str
    share: float | None = None


@dataclass(frozen=True)
class Trial:
    """A challenger beside what serves: ``kind`` ``shadow``, which answers nobody, or ``canary``, which
    answers a ``share`` of the series (``promotion.in_share``); since ``at``, ISO 8601, UTC."""

    kind: str
    version: int
    digest: str
    model: str
    share: float
    who: str
    why: str
    at: str

    @property
    def overruled(self) -> bool:
        """Whether whoever began it has answered for a version that the gate refused."""
        return self.kind == "canary" and self.why.startswith(OVERRULED)


@dataclass(frozen=True)
class ReleaseInfo:
    """What the release folder points to: ``version`` of ``name``, its ``digest`` and kind of ``model``.

    ``kind``: how it came there, ``promote``, ``overrule`` (the gate), ``update``, ``rollback`` or
    ``moved`` (the alias, elsewhere);
    ``published_at``: ISO 8601, UTC; ``replaced``: the version that served until then; ``alias``: the
    registry's champion as last heard, another than ``version`` after a rollback that the registry was not
    told of yet; ``earlier``: what a rollback goes back to, latest first; ``recent``: the last publications
    up to this one, oldest first, so that whoever looks now and then misses none; ``trial``: the challenger
    beside it, if any.
    """

    name: str
    version: int
    digest: str
    model: str
    kind: str
    who: str
    why: str
    published_at: str
    replaced: int | None = None
    alias: int | None = None
    earlier: tuple[Earlier, ...] = ()
    recent: tuple[Published, ...] = ()
    trial: Trial | None = None

    @property
    def previous(self) -> Earlier | None:
        """What a rollback goes back to."""
        return self.earlier[0] if self.earlier else None


class Releases(Protocol):
    """The release folder of one named model: versions, and the pointer to the one that serves."""

    def current(self) -> ReleaseInfo | None:
        """What serves; None before the first publication. Raises ``ArtifactError`` where it is damaged."""
        ...

    def load(self, info: ReleaseInfo) -> ArtifactContent:
        """The artifact that ``info`` points to, every file checked; raises ``ArtifactError``."""
        ...

    def note(self, versions: Sequence[ModelVersion]) -> None:
        """Keep the list of all registered versions, for whoever asks without the registry."""
        ...

    def stage(self, digest: str, fetch: Callable[[str], object]) -> ArtifactContent:
        """The version with this digest, checked; ``fetch`` writes its folder where it is not there, or not
        sound."""
        ...

    def publish(
        self, version: ModelVersion, *, model: str, kind: str, who: str, why: str, after: ReleaseInfo | None
    ) -> ReleaseInfo | None:
        """Point to a staged version; None, and nothing done, where the pointer is not ``after`` any more."""
        ...

    def try_out(
        self,
        version: ModelVersion,
        *,
        model: str,
        kind: str,
        share: float,
        who: str,
        why: str,
        after: ReleaseInfo,
    ) -> ReleaseInfo | None:
        """Set a staged version beside what serves, as ``Trial`` says; None, and nothing done, where the
        pointer is not ``after`` any more."""
        ...

    def end_trial(self, *, kind: str, who: str, why: str, since: str | None = None) -> ReleaseInfo | None:
        """Let what serves answer alone again; None, and nothing done, where no trial is under way, or not the
        one that began at ``since``."""
        ...

    def rollback(self, *, who: str, why: str, undo: int | None = None) -> ReleaseInfo:
        """Point to what served before, as it lies in the folder; the registry is not asked. ``undo``: the
        version that is to serve no more; ``ArtifactError`` where it does not serve any more."""
        ...

    def heard(self, alias: int | None, after: ReleaseInfo) -> ReleaseInfo | None:
        """Note the registry's champion, where the pointer is still ``after``; what serves stays."""
        ...
