"""What is done at the keyboard to versions and to the keys that sign them, in the record of model events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from storecast.errors import LogError, StorecastError
from storecast.jobs.publish import VersionRefusedError
from storecast.ports.records import ModelEvent, ModelEvents
from storecast.settings import Settings
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.model_events import ModelEventTable
from storecast.wiring import places, signing

__all__ = ["check_record", "record_refusal", "record_trust"]

_PAGE = 500


@contextmanager
def _events(settings: Settings) -> Iterator[ModelEvents]:
    database = Database(places.log_url(settings))
    try:
        database.ensure_schema()
        yield ModelEventTable(database, sealer=signing.sealer(settings))
    finally:
        database.close()


def check_record(settings: Settings) -> None:
    """Raise ``LogError`` where the record cannot be written, before what belongs into it is done."""
    with _events(settings):
        pass


def record_refusal(settings: Settings, name: str, version: int, who: str, error: StorecastError) -> None:
    """Record that ``version`` was not promoted; raises ``LogError`` where the database is away."""
    reason, digest = error.message(), ""
    if isinstance(error, VersionRefusedError):
        reason, digest = "; ".join(error.reasons), error.version.digest
    with _events(settings) as events:
        events.record(name, "refused", who=who, why=reason, to_version=version, digest=digest)


def record_trust(
    settings: Settings, name: str, kind: str, *, who: str, why: str, digest: str, version: int | None = None
) -> ModelEvent | None:
    """Record a change of the trust list, once; None where it is in the record already.

    ``kind``: ``version-revoked``, ``version-accepted``, ``key-revoked``, ``key-trusted`` or ``key-rotated``;
    ``digest``: of the version, or the SHA-256 of the key's public half, which begins with its id. The list
    was changed before, so that no database that is away holds up a revocation: raises ``LogError`` then, and
    the same command again records it.
    """
    try:
        with _events(settings) as events:
            if any(event.kind == kind and event.digest == digest for event in _all(events, name)):
                return None
            return events.record(name, kind, who=who, why=why, from_version=version, digest=digest)
    except LogError as error:
        raise LogError(
            f"the trust list is changed ({kind}), and the record of model events could not be told: "
            f"{error.what}",
            where=error.where,
            expected=error.expected,
            found=error.found,
            remedy="give a revocation again once the database answers: it is then recorded; "
            "`storecast signing list` shows what counts",
        ) from error


def _all(events: ModelEvents, name: str) -> Iterator[ModelEvent]:
    before: str | None = None
    while page := events.listing(limit=_PAGE, model=name, before=before):
        yield from page
        before = page[-1].id
