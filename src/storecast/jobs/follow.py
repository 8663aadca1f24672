"""Follow the registry: what carries the alias is published, what was asked for is carried out.

One follower works for a release folder. It is the only long-running process that reads the registry; the
workers of the service read the release folder alone, so that neither an outage of the registry nor the end of
the follower reaches them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from storecast.errors import ArtifactError, LogError, RegistryError, StorecastError
from storecast.jobs.diary import Diary
from storecast.jobs.publish import VersionRefusedError, publish_champion, served, tell_registry
from storecast.jobs.requests import carry_out
from storecast.ports import ModelVersion, Registry, ReleaseInfo, Releases
from storecast.ports.records import ModelEvent, ModelEvents

__all__ = ["Follower", "Happening"]

_LEASE = 60.0  # seconds in which a request is carried out; longer, and another follower may take it up
_LOOK_ANYWAY = 30.0  # seconds after which the registry is read though it shows no sign of change
_LOOK_SOON = 2.0  # and where nothing serves, though something may have
_AGAIN = 60.0  # seconds after which a refused version is tried once more: its files may have been repaired
_DATABASE = 5.0  # seconds between attempts to reach a database that is away
_PUBLISHING = 0.5  # seconds in which the command that moved the alias publishes by itself
_TELLING = 3.0  # and in which the one that rolled back tells the registry, once it has loaded its client
_BACKOFF = (1.0, 30.0)  # seconds between attempts to reach a registry that is away: first, longest
_WATCHER = "follower"


@dataclass(frozen=True)
class Happening:
    """One thing worth a line in the follower's log: ``event`` in one word, the rest by name."""

    event: str
    detail: dict[str, object] = field(default_factory=dict)


@dataclass
class Follower:
    """Follows ``name`` in ``registry`` into its release folder; ``releases(name)`` is that of any model.

    ``events``: where requests come from and events go to, None while there is no database; ``worker``: who
    claims requests; ``monotonic``: seconds of a clock that is never set back. ``step`` does what is to do.
    """

    name: str
    registry: Registry
    releases: Callable[[str], Releases]
    events: ModelEvents | None
    worker: str
    monotonic: Callable[[], float]

    def __post_init__(self) -> None:
        self._mine = self.releases(self.name)
        self._stamp: object = None
        self._looked = self._retry_at = self._again_at = float("-inf")
        self._wait = 0.0
        self._fresh: tuple[str, float] | None = None
        self._look_again = False
        self._refused: tuple[int, str, str] | None = None  # version, digest and reason last told
        self._known: ReleaseInfo | None = None
        self._diary = Diary(self.name, self._lost_database)
        self._database_away, self._database_at = False, float("-inf")
        self._happened: list[Happening] = []

    def step(self) -> list[Happening]:
        """Carry out what is asked for, publish what moved; returns what happened. Raises nothing of ours:
        what cannot be done now is told once and tried again later."""
        self._happened = []
        self._diary.write(self._open())
        self._requests()
        self._alias()
        self._watch_pointer()
        self._diary.write(self._open())
        return self._happened

    def _open(self) -> ModelEvents | None:
        """The database's events; None for a while after it did not answer, which takes seconds to learn."""
        return None if self.monotonic() < self._database_at else self.events

    def _tell(self, event: str, **detail: object) -> None:
        self._happened.append(Happening(event, detail))

    def _requests(self) -> None:
        """What the service's routes wrote down."""
        while (events := self._open()) is not None:
            try:
                request = events.claim(self.worker, lease=_LEASE)
            except LogError as error:
                self._lost_database(error)
                return
            if request is None:
                self._database_away = False
                return
            self._carry_out(request, events)

    def _carry_out(self, request: ModelEvent, events: ModelEvents) -> None:
        try:
            made = carry_out(self.registry, self.releases(request.model), request)
            told: dict[str, object] = {"from": made.before, "to": made.version, "who": request.who}
            done = events.finish(
                request.id,
                self.worker,
                from_version=made.before,
                to_version=made.version,
                digest=made.digest,
            )
        except LogError as error:
            # the move stands; after the lease it is claimed again and recognized
            self._lost_database(error)
            return
        except StorecastError as error:
            self._fail(request, error.what, error.message(), events)
            return
        except Exception as accident:  # noqa: BLE001 - claimed again it would end the next follower, and the next
            text = f"{type(accident).__name__}: {accident}"
            self._fail(request, text, text, events)
            return
        self._tell(request.kind, id=request.id, finished=done, **told)

    def _fail(self, request: ModelEvent, what: str, error: str, events: ModelEvents) -> None:
        self._tell("request failed", id=request.id, kind=request.kind, error=what)
        try:
            events.fail(request.id, self.worker, error)
        except LogError as lost:
            self._lost_database(lost)

    def _alias(self) -> None:
        """Publish where the alias was moved elsewhere; look closely only where something may have changed."""
        now = self.monotonic()
        if now < self._retry_at:
            return
        try:
            stamp = self.registry.stamp(self.name)
            if stamp is not None and (stamp != self._stamp or self._due(now)):
                self._look_again = False
                self._reconcile()
                self._mine.note(self.registry.versions(self.name))
                self._looked = now
            self._stamp = stamp
        except (RegistryError, ArtifactError) as error:
            if not self._wait:
                self._tell("registry away", error=error.what, found=error.found)
            self._wait = min(max(2 * self._wait, _BACKOFF[0]), _BACKOFF[1])
            self._retry_at, self._stamp = now + self._wait, None
            return
        if self._wait:
            self._tell("registry back")
            self._wait = 0.0

    def _due(self, now: float) -> bool:
        """Whether to read the registry though it does not seem to have changed."""
        if self._look_again or (self._refused is not None and now >= self._again_at):
            return True
        here = served(self._mine)
        if here is not None and here.alias != here.version:
            return True
        return now - self._looked > (_LOOK_ANYWAY if here is not None else _LOOK_SOON)

    def _reconcile(self) -> None:
        """Make the release folder serve the registry's champion; or tell the registry of a rollback that was
        made without it."""
        champion, now = self.registry.champion(self.name), served(self._mine)
        if champion is None:
            return
        if now is None or now.alias != champion.version or now.digest != champion.digest:
            if now is not None and now.alias == champion.version != now.version:
                if not self._grace(now.published_at, _TELLING) and tell_registry(
                    self.registry, self._mine, now
                ):
                    self._tell("registry told", version=now.version, champion=champion.version)
            else:
                self._publish(champion)
        else:
            self._refused = None

    def _publish(self, champion: ModelVersion) -> None:
        seen = (champion.version, champion.digest)
        if self._refused is not None and self._refused[:2] == seen and self.monotonic() < self._again_at:
            return
        last = self.registry.history(self.name)[-1:]
        recorded = [move for move in last if move.version == champion.version]
        kind, who, why = "moved", "registry", "the alias champion was moved in the registry"
        if recorded:
            kind, who, why = recorded[0].kind, recorded[0].who, recorded[0].why
            if self._grace(recorded[0].at, _PUBLISHING):
                return
        try:
            done = publish_champion(self.registry, self._mine, self.name, kind=kind, who=who, why=why)
        except ArtifactError as error:
            self._refuse(champion, error)
            return
        except RegistryError as error:
            self.registry.champion(self.name)  # raises where it is away; else it lacks what it promises
            self._refuse(champion, error)
            return
        self._refused = None
        if done.moved:
            before = done.before.version if done.before else None
            self._tell("published", version=done.release.version, previous=before, who=who, kind=kind)

    def _grace(self, at: str, seconds: float) -> bool:
        """Whether the move of time ``at`` was seen only just now: the command that made it goes on to
        publish it, which it has checked as it was told to, or to tell the registry."""
        if self._fresh is None or self._fresh[0] != at:
            self._fresh = (at, self.monotonic() + seconds)
        if waiting := self.monotonic() < self._fresh[1]:
            self._look_again = True
        return waiting

    def _refuse(self, champion: ModelVersion, error: StorecastError) -> None:
        reason = "; ".join(error.reasons) if isinstance(error, VersionRefusedError) else error.message()
        told, self._refused = self._refused, (champion.version, champion.digest, reason)
        self._again_at = self.monotonic() + _AGAIN
        if told == self._refused:
            return
        now = served(self._mine)
        self._tell("refused", version=champion.version, serves=now.version if now else None, reason=reason)
        self._diary.note(
            "refused",
            who=_WATCHER,
            why=reason,
            from_version=now.version if now else None,
            to_version=champion.version,
            digest=champion.digest,
        )

    def _watch_pointer(self) -> None:
        """Record each publication that no event stands for yet, whoever made it."""
        now = served(self._mine)
        if now is None or (self._known and self._known.recent == now.recent):
            return
        known, self._known = self._known, now
        last = known.recent[-1:] if known else ()
        seen = now.recent.index(last[0]) + 1 if last and last[0] in now.recent else 0
        self._diary.note_moves(now.recent[seen:], perhaps_known=known is None)

    def _lost_database(self, error: LogError) -> None:
        if not self._database_away:
            self._tell("database away", error=error.what, found=error.found)
        self._database_away, self._database_at = True, self.monotonic() + _DATABASE
