"""Backups, made from the settings."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from storecast import __version__
from storecast.errors import RequestError
from storecast.ports.backups import BackupRuns, Shelf
from storecast.settings import Settings
from storecast.stores.backups.archive import SealedArchives
from storecast.stores.backups.live_state import LiveState
from storecast.stores.backups.log_copies import LogCopies
from storecast.stores.backups.registry_copies import RegistryCopies
from storecast.stores.backups.sealed import read_backup_key
from storecast.stores.backups.shelves import shelf_at
from storecast.stores.backups.tracking_copies import TrackingCopies
from storecast.stores.forecast_log.backup_runs import BackupRunTable
from storecast.stores.forecast_log.database import Database
from storecast.stores.scratch import ScratchFolders
from storecast.wiring import places, signing

__all__ = ["archives", "place_and_name", "runs", "scratch", "shelf", "state"]

_PASSWORD = re.compile(r"(://[^/@\s:]*):[^/@\s]*@")


def state(settings: Settings, *, with_key: bool = False, restoring: bool = False) -> LiveState:
    """What a backup keeps; the private key that signs only ``with_key``. ``restoring``: a trust list that is
    here already, where the settings name it, or a key that they name is this machine's own, and stays."""
    home = places.home(settings)
    trust: Path | None = signing.trust(settings).path
    if restoring:
        own = bool(settings.trust_file) and trust is not None and trust.exists()
        trust, with_key = (None if own else trust), not settings.signing_key_file
    return LiveState(
        home,
        LogCopies(places.log_url(settings)),
        TrackingCopies(home, settings.tracking_uri) if settings.tracking_uri else RegistryCopies(home),
        told={"storecast": __version__, "settings": _without_secrets(settings)},
        trust=trust,
        key=signing.key_path(settings) if with_key else None,
        spools=[Path(folder) for folder in settings.backup_spools.split(os.pathsep) if folder],
    )


def _without_secrets(settings: Settings) -> dict[str, Any]:
    """The settings, passwords in addresses left out."""
    values = settings.model_dump(mode="json")
    return {k: _PASSWORD.sub(r"\1:***@", v) if isinstance(v, str) else v for k, v in values.items()}


@contextmanager
def runs(settings: Settings) -> Iterator[BackupRuns | None]:
    """Where it is written down what came of a backup; None where there is no log, and none is made for it."""
    url = places.log_url(settings)
    path = LogCopies(url).path
    if path is not None and not path.exists():
        yield None
        return
    opened = Database(url)
    try:
        yield BackupRunTable(opened)
    finally:
        opened.close()


def archives(settings: Settings) -> SealedArchives:
    """Encrypted where a key is configured."""
    return SealedArchives(read_backup_key(settings.backup_key_file))


def shelf(settings: Settings, place: str = "") -> Shelf:
    """Where backups lie; raises ``RequestError`` where nobody has said it."""
    place = place or settings.backup_to
    if not place:
        raise RequestError(
            "it is not said where backups go",
            expected="a folder, or s3://bucket/prefix",
            remedy="name it, or set STORECAST_BACKUP_TO",
        )
    return shelf_at(place, endpoint=settings.s3_endpoint)


def place_and_name(place: str) -> tuple[str, str]:
    """``folder/x.backup`` as the folder and the archive's name; the name is empty where only a place is
    named."""
    if not place.endswith(".backup"):
        return place, ""
    head, _, name = place.rpartition("/")
    return (head or ("/" if place.startswith("/") else ".")), name


def scratch(settings: Settings) -> AbstractContextManager[str]:
    """A folder for copies: in the home, so that what is restored is renamed and not copied."""
    return ScratchFolders(Path(places.home(settings), ".backup")).folder()
