"""The forecast log: every answer, written before it is given."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple, Protocol

__all__ = ["Depths", "Entry", "ForecastLog"]


class Entry(NamedTuple):
    """One answered request, as the forecast log keeps it.

    ``id``: time-ordered UUID; ``at``: microseconds since 1970, UTC; ``kind``: which question
    (``forecast``, ``prediction``, ``what-if``, ...); ``caller``: id of the API key; ``model``, ``version``,
    ``digest``: what answered; ``series``: unique_id, empty where there are many; ``rows``: rows answered;
    ``inputs``: what was asked, JSON; ``latency``: microseconds; ``request``: request id.

    The answer's columns are lists of equal length in JSON objects, ``forecast`` with ``ds`` (ISO dates) and
    ``storecast``, ``bands`` with ``storecast-lo-80`` and the like; where there are many series ``forecast``
    has ``unique_id`` too. A bulk request has instead ``rows_digest`` (hex SHA-256) and ``rows_blob``, the
    same columns compressed, and leaves ``forecast`` and ``bands`` empty.
    """

    id: str
    at: int
    kind: str
    caller: str
    model: str
    version: int
    digest: str
    series: str
    rows: int
    inputs: str
    forecast: str
    bands: str
    latency: int
    request: str = ""
    rows_digest: str | None = None
    rows_blob: bytes | None = None


@dataclass(frozen=True)
class Depths:
    """What waits: entries not yet acknowledged (``queue``), entries acknowledged from the spool and not
    yet in the database (``spool``, of ``spool_bytes``), and entries set aside because the database
    refuses their content (``parked``)."""

    queue: int
    spool: int
    spool_bytes: int
    parked: int


class ForecastLog(Protocol):
    """Every forecast that was answered, written before it is answered."""

    def new_id(self) -> str:
        """A time-ordered UUID for the next entry."""
        ...

    def submit(self, entry: Entry) -> Future[str]:
        """Queue ``entry``; the future says ``committed`` or ``spooled`` once it is on disk for good.

        Entries that are committed together share one future. It fails with ``LogError`` where neither
        the database nor the spool takes the entry; a full queue or an entry that cannot be stored is
        refused at once.
        """
        ...

    def depths(self) -> Depths:
        """What waits, for metrics and for shedding load."""
        ...

    def writable(self) -> bool:
        """Whether the last attempt to write, in the database or the spool, succeeded: for readiness."""
        ...

    def trouble(self) -> str | None:
        """Why the database is away, for logs and for readiness; None while entries go there."""
        ...
