"""Holds the version that serves, and follows the release folder's pointer.

A new version is read, checked and tried in a thread, then takes the old one's place by one assignment: an
answer takes the reference once and never mixes two versions. A version that cannot be read or cannot
forecast is refused, and the old one goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from storecast.errors import ArtifactError, StorecastError, UntrustedError
from storecast.forecasting.plausible import smoke_forecast
from storecast.ports import ArtifactContent, ModelVersion, ReleaseInfo, Trial
from storecast.service.champion import Champion
from storecast.service.problems import Problem
from storecast.service.trials import Trials

__all__ = ["Holder", "PublishedVersions"]

_AGAIN_SECONDS = 5.0  # until a version that was refused is tried once more: a copy may have been under way


class PublishedVersions(Protocol):
    """What is needed of the release folder."""

    def stamp(self) -> bytes:
        """What changes with every publication; empty before the first."""
        ...

    def current(self) -> ReleaseInfo | None:
        """What serves; raises ``ArtifactError`` where the pointer is damaged."""
        ...

    def load(self, info: ReleaseInfo) -> ArtifactContent:
        """The artifact that ``info`` points to, every file checked."""
        ...

    def admit(self, info: ReleaseInfo) -> None:
        """Raises ``UntrustedError`` where the version that ``info`` points to is not trusted any more."""
        ...

    def registered(self) -> list[ModelVersion]:
        """All registered versions as last heard, newest first."""
        ...


class Holder:
    """``champion``: what serves, None before the first publication; ``refused``: why the version that is
    published does not, "" where it does.

    ``heard(event, champion, reason)`` is told of each change, ``event`` being ``serves`` or ``refused``;
    ``trials`` of the challenger beside it.
    """

    def __init__(
        self,
        releases: PublishedVersions,
        *,
        heard: Callable[[str, ReleaseInfo | None, str], None],
        trials: Trials | None = None,
    ) -> None:
        self._releases, self._heard, self._trials = releases, heard, trials
        self.champion: Champion | None = None
        self.refused = ""
        self._stamp: bytes | None = None
        self._tried = 0.0

    def registered(self) -> list[ModelVersion]:
        """All registered versions as a follower heard of them last."""
        return self._releases.registered()

    def earlier(self, version: int, digest: str) -> ArtifactContent | None:
        """A version that lies in the release folder still; None where it does not, or not whole."""
        if self.champion is None:
            return None
        try:
            return self._releases.load(replace(self.champion.info, version=version, digest=digest))
        except ArtifactError:
            return None

    def serving(self) -> Champion:
        """What serves; raises a 503 problem before the first publication."""
        if self.champion is None:
            raise Problem(
                503,
                "no-champion",
                "No version is published yet",
                self.refused,
                "Train and promote one, for example with `storecast train DATA`; this service follows.",
                headers={"retry-after": "5"},
            )
        return self.champion

    def look(self) -> None:
        """Take what the pointer names, if it changed or was refused a while ago. Called in a thread."""
        try:
            stamp = self._releases.stamp()
        except ArtifactError as error:
            self._refuse(None, error.what)
            return
        late = time.monotonic() - self._tried > _AGAIN_SECONDS
        if stamp == self._stamp and not (self.refused and late):
            return
        self._stamp, self._tried = stamp, time.monotonic()
        try:
            info = self._releases.current()
        except ArtifactError as error:
            self._refuse(None, error.what)
            return
        if info is None:
            return
        revoked = self._revoked(self.champion)
        if self.champion is not None and self.champion.info.digest == info.digest and not revoked:
            self._take(self.champion.as_published(info))
        else:
            before, reason = self.champion, self._try(info)
            if reason:
                self._refuse(info, reason)
                if before is None or revoked:
                    self._fall_back(info)
            if revoked and self.champion is before:
                self.champion = None  # rather no answer than one of a version that must not serve
        self._beside(info)

    def _beside(self, info: ReleaseInfo) -> None:
        """Let the challenger that the pointer names stand beside what serves, if that is what it names."""
        trials, champion = self._trials, self.champion
        if trials is None or champion is None:
            return
        trial = info.trial if champion.info.digest == info.digest else None
        trials.follow(trial, champion, lambda trial: self._challenger(info, trial))
        if (found := trials.challenger) is not None and self._revoked(found.version):
            trials.breach(found, "refused", "it is not trusted any more")

    def _revoked(self, version: Champion | None) -> bool:
        """Whether a version is not trusted any more; not knowing is no reason to stop."""
        try:
            if version is not None:
                self._releases.admit(version.info)
        except UntrustedError:
            return True
        except StorecastError:
            return False
        return False

    def _challenger(self, info: ReleaseInfo, trial: Trial) -> tuple[Champion | None, str]:
        named = {name: getattr(trial, name) for name in ("version", "digest", "model", "kind", "who", "why")}
        return self._loaded(replace(info, **named))

    def _loaded(self, info: ReleaseInfo) -> tuple[Champion | None, str]:
        """The version, or why it cannot answer."""
        try:
            champion = Champion.from_content(info, self._releases.load(info))
            if reasons := smoke_forecast(champion.forecaster):
                return None, "; ".join(reasons)
            _ = champion.exogenous  # takes a while: here in a thread, not with the first who asks
        except StorecastError as error:
            return None, error.what
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, MemoryError) as error:
            return None, f"it is no forecaster this storecast can read ({type(error).__name__}: {error})"
        return champion, ""

    def _try(self, info: ReleaseInfo) -> str:
        """Serve ``info``; the reason where that is not possible."""
        champion, reason = self._loaded(info)
        if champion is not None:
            self._take(champion)
        return reason

    def _take(self, champion: Champion) -> None:
        before = self.champion.info.published_at if self.champion else None
        self.champion, self.refused = champion, ""
        if before != champion.info.published_at:
            self._heard("serves", champion.info, "")

    def _fall_back(self, info: ReleaseInfo) -> None:
        """Where nothing else may serve, a version that served earlier is better than none."""
        refused = self.refused
        for earlier in info.earlier:
            if not self._try(replace(info, **vars(earlier), kind="fallback")):
                self.refused = refused
                return

    def _refuse(self, info: ReleaseInfo | None, reason: str) -> None:
        if reason != self.refused:
            self._heard("refused", info, reason)
        self.refused = reason
