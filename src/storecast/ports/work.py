"""What people leave with the service: scenarios, data sets, and the jobs that work on them.

Times are microseconds since 1970, UTC; ids are time-ordered. Lists are newest first and go on ``before``
the last id of the page before. Every method raises ``LogError`` where the database is away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = [
    "Dataset",
    "Datasets",
    "Job",
    "Jobs",
    "Scenario",
    "Scenarios",
]


@dataclass(frozen=True)
class Scenario:
    """A named what-if: ``body`` is JSON; ``version`` counts its changes from 1."""

    id: str
    owner: str
    name: str
    body: str
    version: int
    created: int
    updated: int


class Scenarios(Protocol):
    """Scenarios of one owner each. ``owner`` None reads and changes anybody's."""

    def create(self, owner: str, name: str, body: str) -> Scenario:
        """Save a new one; ``ConflictError`` where the owner has one of this name."""
        ...

    def find(self, key: str, *, owner: str | None) -> Scenario | None:
        """One scenario."""
        ...

    def listing(self, *, owner: str | None, limit: int, before: str | None = None) -> list[Scenario]:
        """Scenarios, newest first."""
        ...

    def update(self, key: str, *, owner: str | None, version: int, name: str, body: str) -> Scenario | None:
        """Replace name and body; None where there is none. ``ConflictError`` where it is not at ``version``
        any more, or the name is taken."""
        ...

    def delete(self, key: str, *, owner: str | None, version: int | None = None) -> bool:
        """Remove it; False where there is none, ``ConflictError`` where it is not at ``version``."""
        ...


@dataclass(frozen=True)
class Dataset:
    """An uploaded file of ``size`` bytes with its SHA-256.

    ``state``: ``uploading``, ``uploaded``, then what the jobs make of it (``ready``, ``refused``);
    ``report``: JSON of the quality report, empty before there is one.
    """

    id: str
    owner: str
    name: str
    media_type: str
    size: int
    digest: str
    state: str
    report: str
    created: int


class Datasets(Protocol):
    """Uploaded files and what was made of them, held in pieces so that no large one is ever in memory."""

    def upload(self, owner: str, name: str, media_type: str, data: Iterable[bytes]) -> Dataset:
        """Store a file; where ``data`` fails half-way nothing is kept."""
        ...

    def attach(self, key: str, content: str, data: Iterable[bytes]) -> tuple[int, str]:
        """Store what was made of it under the name ``content`` in place of what was there; its size and
        SHA-256."""
        ...

    def read(self, key: str, content: str = "upload") -> Iterator[bytes]:
        """The bytes of one content in pieces; none where there is no such content."""
        ...

    def contents(self, key: str) -> list[str]:
        """Names of what is stored with it."""
        ...

    def set_state(self, key: str, state: str, *, report: str | None = None) -> bool:
        """What has become of it; False where there is none."""
        ...

    def find(self, key: str, *, owner: str | None) -> Dataset | None:
        """One data set; ``owner`` None finds anybody's."""
        ...

    def listing(self, *, owner: str | None, limit: int, before: str | None = None) -> list[Dataset]:
        """Data sets, newest first."""
        ...

    def delete(self, key: str, *, owner: str | None) -> bool:
        """Remove it with all its contents."""
        ...


@dataclass(frozen=True)
class Job:
    """Work for the follower: ``kind`` names the verb, ``subject`` what it is done to.

    ``state``: ``queued``, ``running``, ``done`` or ``failed``; ``stage``: a word for people; ``progress``:
    0 to 1; ``result`` and ``error``: JSON, empty before.
    """

    id: str
    kind: str
    owner: str
    subject: str
    state: str
    stage: str
    progress: float
    attempts: int
    created: int
    started: int | None = None
    finished: int | None = None
    result: str = ""
    error: str = ""


class Jobs(Protocol):
    """A queue that outlives its workers: a job whose worker dies is claimed by the next."""

    def submit(self, kind: str, *, owner: str, subject: str) -> Job:
        """Queue a job."""
        ...

    def claim(self, worker: str, *, lease: float, kinds: Sequence[str]) -> Job | None:
        """The oldest job of ``kinds`` that nobody works on, for ``worker`` during ``lease`` seconds.

        A job whose workers ended three times without a word has failed.
        """
        ...

    def progress(self, key: str, worker: str, progress: float, stage: str, *, lease: float) -> bool:
        """Tell how far it is and lengthen the lease; False where ``worker`` has lost the job."""
        ...

    def done(self, key: str, worker: str, result: str) -> bool:
        """The job is done; False where ``worker`` has lost it."""
        ...

    def fail(self, key: str, worker: str, error: str, *, again: bool = False) -> bool:
        """The job failed; with ``again`` it is queued once more unless that was its third attempt."""
        ...

    def find(self, key: str, *, owner: str | None) -> Job | None:
        """One job; ``owner`` None finds anybody's."""
        ...

    def listing(self, *, owner: str | None, limit: int, before: str | None = None) -> list[Job]:
        """Jobs, newest first."""
        ...
