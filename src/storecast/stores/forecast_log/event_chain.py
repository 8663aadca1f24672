"""The chain of model events: each entry's hash covers its content and the hash before it.

An event's row changes once, when what was asked for is done or has failed; either state is an entry of its
own, written in the transaction that writes the row. Who works on a request, and until when, is no part of it.
An entry may be sealed, by a signature of its hash that only the holder of a key can make: whoever can write
the database could hash a chain of his own, but could not seal it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

from sqlalchemy import Connection, insert, select, update

from storecast.errors import LogError
from storecast.ports.records import ModelEvent
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.queries import pick
from storecast.stores.forecast_log.tables import event_chain, event_head, model_events

__all__ = [
    "FIRST",
    "ChainFault",
    "ChainReport",
    "Link",
    "Sealer",
    "SealingKey",
    "append",
    "body_of",
    "link",
    "verify",
]

FIRST = "0" * 64  # what the first entry follows
_HEAD = 1


class SealingKey(Protocol):
    """A key that seals."""

    @property
    def id(self) -> str:
        """By which others know it."""
        ...

    def seal(self, digest: str) -> str:
        """The seal of a hash."""
        ...


class Sealer(Protocol):
    """Seals entries, and knows the seals of those it trusts."""

    def key(self) -> SealingKey | None:
        """The key at hand; where there is none, entries stay unsealed."""
        ...

    def broken(self, digest: str, key: str, seal: str) -> str:
        """Why this is no seal of ``key`` on a hash, in words; empty where it is one."""
        ...

    def counts(self, key: str) -> bool:
        """Whether what ``key`` sealed proves anything."""
        ...


@dataclass(frozen=True)
class Link:
    """One entry: ``number`` counts from 1; ``body``: the event as it was then, canonical JSON; ``sealer``: id
    of the key of ``seal``, both empty where it is not sealed."""

    number: int
    event: str
    body: str
    previous: str
    sealer: str
    hash: str
    seal: str


@dataclass(frozen=True)
class ChainFault:
    """``number`` of the entry that is wrong, None where there is none; ``event``: which it is about."""

    number: int | None
    event: str
    what: str


@dataclass(frozen=True)
class ChainReport:
    """``entries`` in all; ``sealed``: number of the last one with a sound seal, None where there is none;
    ``head``: its hash; ``faults``, the first bad entry first; none where all is as it was written."""

    entries: int
    sealed: int | None
    head: str
    faults: tuple[ChainFault, ...]


def body_of(event: Mapping[str, Any]) -> str:
    """An event as canonical JSON; a request that is worked on counts as requested, and a share stands there
    where there is one."""
    state = "requested" if event["state"] == "running" else event["state"]
    known = {n: v for n, v in event.items() if n != "share" or v is not None}
    return _canonical({**known, "state": state})


def link(number: int, event: str, body: str, previous: str, sealer: Sealer | None = None) -> Link:
    """The entry that follows ``previous``."""
    key = sealer.key() if sealer is not None else None
    name = "" if key is None else key.id
    digest = _hash(number, event, body, previous, name)
    return Link(number, event, body, previous, name, digest, "" if key is None else key.seal(digest))


def append(connection: Connection, event: ModelEvent, sealer: Sealer | None) -> None:
    """Chain ``event`` as it is now, in the caller's transaction; writers of all processes come one by one."""
    head = select(event_head.c.number, event_head.c.hash).where(event_head.c.id == _HEAD).with_for_update()
    row = connection.execute(head).one_or_none()
    if row is None:
        raise LogError(
            "the chain of model events has lost its head",
            expected="one row in event_head",
            found="none",
            remedy="see `storecast log verify`, and restore the database from a backup",
        )
    made = link(row.number + 1, event.id, body_of(vars(event)), row.hash, sealer)
    connection.execute(insert(event_chain).values(vars(made)))
    moved = {"number": made.number, "hash": made.hash}
    connection.execute(update(event_head).where(event_head.c.id == _HEAD).values(moved))


def verify(
    database: Database, sealer: Sealer | None = None, *, noted: str = "", sealed: bool = False
) -> ChainReport:
    """Look at every entry and every event as of one moment.

    ``noted``: a hash seen earlier, which must still be there; ``sealed``: whether the last entry must be
    sealed by a key that counts. Raises ``LogError`` where the database is away.
    """
    with database.read(still=True) as connection:
        links = [Link(*row) for row in connection.execute(pick(event_chain, Link).order_by("number"))]
        head = connection.execute(select(event_head.c.number, event_head.c.hash, event_head.c.id)).all()
        names = [field.name for field in fields(ModelEvent)]
        rows = connection.execute(pick(model_events, ModelEvent).order_by(model_events.c.id))
        events = [dict(zip(names, row, strict=True)) for row in rows]
    faults = [*_links(links, sealer)]
    last = (links[-1].number, links[-1].hash) if links else (0, FIRST)
    if [tuple(row) for row in head] != [(*last, _HEAD)]:
        faults.append(_headless(last[0], [int(row.number) for row in head]))
    faults.sort(key=lambda fault: fault.number or 0)
    faults += sorted(_events(links, events), key=lambda fault: (fault.number is None, fault.number or 0))
    if noted and noted not in {FIRST, *(item.hash for item in links)}:
        faults.append(ChainFault(None, "", f"no entry has the hash that was noted, {noted}"))
    sound = [
        item.number
        for item in links
        if sealer and item.seal and not _unsealed(item, sealer) and sealer.counts(item.sealer)
    ]
    end = sound[-1] if sound else None
    if sealed and links and end != last[0]:
        faults.append(ChainFault(last[0], links[-1].event, "it is not sealed by a key that counts here"))
    return ChainReport(len(links), end, last[1], tuple(faults))


def _headless(last: int, noted: list[int]) -> ChainFault:
    """The chain ends with another entry than its head notes."""
    words = ", ".join(f"entry {number}" for number in noted) or "nothing"
    missing = last + 1 if noted and noted[0] > last else last or None
    return ChainFault(missing, "", f"the chain ends with entry {last}, its head notes {words}")


def _links(links: Iterable[Link], sealer: Sealer | None) -> Iterator[ChainFault]:
    """What is wrong with the entries among themselves."""
    number, previous = 0, FIRST
    for item in links:
        if item.number != number + 1:
            gone = f"{number + 1}" if item.number == number + 2 else f"{number + 1} to {item.number - 1}"
            yield ChainFault(number + 1, "", f"entry {gone} is missing")
        elif item.previous != previous:
            yield ChainFault(item.number, item.event, f"it does not follow from entry {number}")
        if item.hash != _hash(item.number, item.event, item.body, item.previous, item.sealer):
            yield ChainFault(item.number, item.event, "its content is not what its hash was made of")
        elif wrong := _unsealed(item, sealer):
            yield ChainFault(item.number, item.event, wrong)
        number, previous = item.number, item.hash


def _unsealed(item: Link, sealer: Sealer | None) -> str:
    """Why the seal that an entry ought to have is none."""
    if bool(item.sealer) != bool(item.seal):
        return "its seal was removed" if item.sealer else "it carries a seal of nobody"
    return sealer.broken(item.hash, item.sealer, item.seal) if sealer is not None and item.seal else ""


def _events(links: Iterable[Link], events: Iterable[Mapping[str, Any]]) -> Iterator[ChainFault]:
    """Where the events are not those that were chained."""
    latest = {item.event: item for item in links}
    for event in events:
        item = latest.pop(str(event["id"]), None)
        if item is None:
            yield ChainFault(None, str(event["id"]), "the event was never chained: it was inserted")
        elif wrong := _changed(item.body, event):
            yield ChainFault(item.number, item.event, f"the event was changed since: {wrong}")
    for item in latest.values():
        yield ChainFault(item.number, item.event, "the event is missing: it was deleted")


def _changed(body: str, event: Mapping[str, Any]) -> str:
    """Columns of an event that are not as they were chained."""
    try:
        chained = json.loads(body)
        now = json.loads(body_of(event))
        if chained.get("state") in ("done", "failed") and event["state"] == "running":
            return "state"
        names = {"share", *(name for name in now if name in chained)}  # a share of None is not chained
        return ", ".join(sorted(name for name in names if now.get(name) != chained.get(name)))
    except (ValueError, AttributeError):
        return "the entry holds no event"


def _hash(number: int, event: str, body: str, previous: str, sealer: str) -> str:
    content = {"number": number, "event": event, "body": body, "previous": previous, "sealer": sealer}
    return hashlib.sha256(_canonical(content).encode()).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
