"""The forecast log as its keeper sees it: exported, thinned out, and its model events verified."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storecast.errors import SetupError
from storecast.ports.records import Overrides
from storecast.settings import Settings
from storecast.stores.forecast_log.event_chain import ChainReport, verify
from storecast.stores.forecast_log.export import Exported, export
from storecast.stores.forecast_log.overrides import OverrideTable
from storecast.stores.forecast_log.parked import Parked, Unparked
from storecast.stores.forecast_log.pseudonyms import Pseudonyms
from storecast.stores.forecast_log.records import ForecastTable
from storecast.stores.hex_keys import read_hex_key
from storecast.wiring import places, signing
from storecast.wiring.serving import database

__all__ = ["export_log", "override_table", "prune_log", "unpark", "verify_events"]


def export_log(
    settings: Settings,
    folder: Path,
    *,
    since: int | None,
    until: int | None,
    pseudonyms: bool = False,
    mapping: Path | None = None,
) -> Exported:
    """Write the entries of times ``since`` <= at < ``until`` (microseconds since 1970) to ``folder``.

    ``pseudonyms``: in place of names; ``mapping``: a new file for which is whose. Raises ``SetupError``
    where there is no key for them.
    """
    names = _pseudonyms(settings) if pseudonyms else None
    if names is not None and mapping is not None:
        names.check_new(mapping)
    opened = database(settings)
    try:
        with ForecastTable(opened).snapshot(since=since, until=until) as entries:
            done = export(entries if names is None else names.of_all(entries), folder)
    finally:
        opened.close()
    if names is not None and mapping is not None:
        names.write_mapping(mapping)
    return done


def _pseudonyms(settings: Settings) -> Pseudonyms:
    path = settings.pseudonym_key_file
    key = read_hex_key(path, "the key of the pseudonyms", "keep it from who gets the exports")
    if key is None:
        raise SetupError(
            "there is no key for pseudonyms",
            where="STORECAST_PSEUDONYM_KEY_FILE",
            expected="a file of 64 hexadecimal digits",
            found="not set",
            remedy="make one with `openssl rand -hex 32`; the same key gives the same pseudonyms again",
        )
    return Pseudonyms(key)


def prune_log(settings: Settings, *, before: int) -> int:
    """Remove the entries of times before ``before``; how many there were."""
    opened = database(settings)
    try:
        return ForecastTable(opened).prune(before=before)
    finally:
        opened.close()


def unpark(settings: Settings) -> tuple[Path, Unparked]:
    """Put into the database the entries that it refused before, and the folder they lay in. Raises LogError
    where it is away."""
    folder = places.home(settings) / "spool"
    opened = database(settings)
    try:
        return folder, Parked(folder).take_up(opened)
    finally:
        opened.close()


def verify_events(settings: Settings, *, noted: str = "", sealed: bool = False) -> ChainReport:
    """Whether the record of model events is as it was written; ``noted``: a hash that must be in it;
    ``sealed``: whether its last entry must be sealed by a key that is trusted here."""
    opened = database(settings)
    try:
        return verify(opened, signing.sealer(settings), noted=noted, sealed=sealed)
    finally:
        opened.close()


@contextmanager
def override_table(settings: Settings) -> Iterator[Overrides]:
    """What planners know better."""
    opened = database(settings)
    try:
        yield OverrideTable(opened)
    finally:
        opened.close()
