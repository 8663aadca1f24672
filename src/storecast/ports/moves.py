"""The moves of a model, read out of what was written down: its events, and the release folder's last ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from storecast.errors import RequestError
from storecast.forecasting.promotion import Move, Span, spans, within
from storecast.ports.records import ModelEvents
from storecast.ports.releases import ReleaseInfo

__all__ = ["replaced_at", "served", "served_on"]

_PAGE = 500


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _written(events: ModelEvents, model: str) -> Iterator[Move]:
    before: str | None = None
    while page := events.listing(limit=_PAGE, model=model, before=before):
        for event in page:
            if event.state == "done" and event.to_version is not None and event.finished is not None:
                at = _iso(datetime.fromtimestamp(event.finished / 1e6, UTC))
                words = (event.digest, event.who, event.why, event.share)
                yield Move(at, event.kind, event.to_version, *words)
        if len(page) < _PAGE:
            return
        before = page[-1].id


def replaced_at(info: ReleaseInfo, version: int) -> int:
    """When ``version`` last stopped serving, as the pointer ``info`` knows it, else when the one that serves
    took over; microseconds since 1970."""
    at = info.published_at
    for publication in info.recent:
        if publication.replaced == version:
            at = publication.at
    return int(datetime.fromisoformat(at).timestamp() * 1e6)


def served_on(day: str, events: ModelEvents, model: str, now: ReleaseInfo | None) -> list[Span]:
    """What served of ``model`` on ``day`` (YYYY-MM-DD, UTC) or at that moment (ISO 8601), oldest first.

    ``now``: the pointer, for what no follower has written down yet. Raises RequestError for another text,
    LogError where the database is away.
    """
    return within(served(events, model, now), *_bounds(day))


def served(events: ModelEvents, model: str, now: ReleaseInfo | None) -> list[Span]:
    """All that served of ``model``, oldest first; likewise."""
    written = list(_written(events, model))
    last = max((move.at for move in written), default="")
    fresh = [
        Move(_iso(datetime.fromisoformat(p.at)), p.kind, p.version, p.digest, p.who, p.why, p.share)
        for p in (now.recent if now is not None else ())
    ]
    return spans([*written, *(move for move in fresh if move.at > last)])


def _bounds(day: str) -> tuple[str, str]:
    try:
        if len(day) == len("YYYY-MM-DD"):
            begin = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
            return _iso(begin), _iso(begin + timedelta(days=1))
        moment = datetime.fromisoformat(day)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return _iso(moment), _iso(moment + timedelta(milliseconds=1))
    except (ValueError, OverflowError) as error:
        raise RequestError(
            "This is no day and no moment.",
            where="on",
            expected="a day as YYYY-MM-DD, or a moment such as 2026-11-23T08:26:30+00:00",
            found=day[:60],
            remedy="Write it that way; times are UTC where they do not say otherwise.",
        ) from error
