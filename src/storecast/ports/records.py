"""What is known beside the forecasts: the log read back, keys, actuals, overrides, model events.

Times are microseconds since 1970, UTC; ids are time-ordered. Lists are newest first and go on ``before``
the last id of the page before. Every method raises ``LogError`` where the database is away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from storecast.ports.forecast_log import Entry

__all__ = [
    "Actual",
    "Actuals",
    "ActualsChange",
    "Against",
    "ApiKey",
    "ApiKeys",
    "ForecastRecords",
    "ModelEvent",
    "ModelEvents",
    "Override",
    "Overrides",
]


class ForecastRecords(Protocol):
    """Reading the log of answers."""

    def find(self, key: str) -> Entry | None:
        """One entry with its blob."""
        ...

    def listing(
        self,
        *,
        limit: int,
        before: str | None = None,
        since: int | None = None,
        until: int | None = None,
        series: str | None = None,
        caller: str | None = None,
        kind: str | None = None,
    ) -> list[Entry]:
        """Entries of times ``since`` <= at < ``until``, without their blobs."""
        ...


@dataclass(frozen=True)
class ApiKey:
    """An API key as it is stored: ``hash`` of its secret, never the secret."""

    id: str
    name: str
    role: str
    hash: str
    created: int
    expires: int | None = None
    revoked: int | None = None


class ApiKeys(Protocol):
    """Who may ask."""

    def issue(self, key: ApiKey) -> None:
        """Store a new key; ``ConflictError`` where its id exists."""
        ...

    def find(self, key: str) -> ApiKey | None:
        """One key, revoked or not."""
        ...

    def listing(self) -> list[ApiKey]:
        """All keys, revoked ones too, in the order they were issued."""
        ...

    def revoke(self, key: str) -> bool:
        """End a key's validity; False where there is no such key. Revoking twice keeps the first time."""
        ...


class Actual(NamedTuple):
    """The true sales ``y`` of one series in the week ``ds`` (ISO date)."""

    unique_id: str
    ds: str
    y: float


class ActualsChange(NamedTuple):
    """What an upload did, in rows."""

    inserted: int
    changed: int
    unchanged: int


class Actuals(Protocol):
    """True sales, to be joined with what was forecast."""

    def put(self, rows: Iterable[Actual], *, who: str) -> ActualsChange:
        """Insert or replace; the same upload twice changes nothing.

        Raises ``DataError`` where one (unique_id, ds) is given with two values, or a value is not finite;
        then nothing is stored.
        """
        ...

    def each(
        self, *, unique_ids: Sequence[str] | None = None, since: str | None = None, until: str | None = None
    ) -> Iterator[Actual]:
        """Actuals of weeks ``since`` <= ds < ``until`` by series and week."""
        ...


@dataclass(frozen=True)
class Override:
    """A person's word against the forecast of one series and week, or an undo of one.

    ``mode``: what ``value`` is, ``value`` (dollars instead), ``difference`` (dollars more) or ``percent``;
    ``value`` None takes back all before it. ``expires``: when it counts no more, None for never;
    ``statement``: id shared by all rows that were said at once; ``undoes``: id of the row that this one takes
    back. ``model``, ``naive`` and ``version``: what the version that served then had forecast, for the score;
    None where that is not known.
    """

    id: str
    at: int
    unique_id: str
    ds: str
    value: float | None
    who: str
    why: str
    mode: str = "value"
    expires: int | None = None
    statement: str = ""
    undoes: str | None = None
    model: float | None = None
    naive: float | None = None
    version: int | None = None


class Against(NamedTuple):
    """One series and week that an override is about, and what was forecast for it."""

    unique_id: str
    ds: str
    model: float | None = None
    naive: float | None = None
    version: int | None = None


class Overrides(Protocol):
    """Overrides are never changed: a later row counts, and an undo is a row."""

    def say(
        self,
        about: Sequence[Against],
        mode: str,
        value: float | None,
        *,
        who: str,
        why: str,
        expires: int | None = None,
    ) -> list[Override]:
        """Record one statement, a row for each series and week, all or none."""
        ...

    def undo(self, rows: Sequence[Override], *, who: str, why: str) -> list[Override]:
        """Take back each of ``rows``; raises ``ConflictError`` where one is undone already."""
        ...

    def find(self, key: str, *, whole: bool = False) -> list[Override]:
        """The row with this id, none where it is an undo; ``whole``: all rows that were said with it."""
        ...

    def stamp(self) -> object:
        """What changes with every row."""
        ...

    def rows(
        self,
        *,
        unique_ids: Sequence[str] | None = None,
        since: str | None = None,
        before: str | None = None,
        limit: int | None = None,
    ) -> list[Override]:
        """All rows of weeks from ``since`` on, undos and undone ones too, newest first."""
        ...


@dataclass(frozen=True)
class ModelEvent:
    """A move of the champion, or of a trial beside it, done or asked for, or a change of what is trusted.

    ``kind``: ``promote``, ``overrule``, ``rollback``, ``shadow``, ``canary``, ``canary-stopped``,
    ``canary-breach``, ``version-revoked``, ``key-revoked``, ``key-rotated`` or what else is worth recording
    of a model; ``state``: ``requested``, ``running``,
    ``done`` or ``failed`` (then ``error`` says why); ``share``: of the series that a canary answers; ``at``:
    when it happened, or was asked for; ``finished``: when it happened, or was carried out.
    """

    id: str
    at: int
    model: str
    kind: str
    who: str
    why: str
    from_version: int | None
    to_version: int | None
    digest: str
    state: str
    finished: int | None = None
    error: str = ""
    share: float | None = None


class ModelEvents(Protocol):
    """Who moved which model when and why; requests wait here for the follower."""

    def record(
        self,
        model: str,
        kind: str,
        *,
        who: str,
        why: str,
        from_version: int | None = None,
        to_version: int | None = None,
        digest: str = "",
        share: float | None = None,
        at: int | None = None,
    ) -> ModelEvent:
        """Write down what has happened, ``at`` another time than now where it is given."""
        ...

    def request(
        self,
        model: str,
        kind: str,
        *,
        who: str,
        why: str,
        from_version: int | None = None,
        to_version: int | None = None,
        share: float | None = None,
    ) -> ModelEvent:
        """Write down what is asked for; ``from_version``: what is to be taken back, if that stands still."""
        ...

    def claim(self, worker: str, *, lease: float) -> ModelEvent | None:
        """The oldest request that nobody works on, for ``worker`` alone during ``lease`` seconds.

        One whose lease has run out may be claimed again: carry it out so that twice does no harm.
        """
        ...

    def finish(
        self, key: str, worker: str, *, from_version: int | None, to_version: int | None, digest: str
    ) -> bool:
        """The request is carried out; False where ``worker`` has lost it to another."""
        ...

    def fail(self, key: str, worker: str, error: str) -> bool:
        """The request cannot be carried out; likewise."""
        ...

    def find(self, key: str) -> ModelEvent | None:
        """One event."""
        ...

    def listing(self, *, limit: int, model: str | None = None, before: str | None = None) -> list[ModelEvent]:
        """Events, newest first."""
        ...
