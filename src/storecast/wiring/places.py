"""Where local state lies: light to import, for processes that serve and for those that do not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from storecast.settings import Settings
from storecast.stores.releases import ReleaseFolder
from storecast.stores.serving_history import check_name
from storecast.wiring import signing

__all__ = ["home", "log_url", "model_lock", "release_folder", "release_root"]


def home(settings: Settings) -> Path:
    """The folder of all local state; made where it is not there."""
    folder = settings.home.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def log_url(settings: Settings) -> str:
    """The forecast log's database: at its URL, else SQLite in the home folder."""
    return settings.log_url or f"sqlite:///{home(settings) / 'forecasts.db'}"


def release_root(settings: Settings, name: str) -> Path:
    """Where versions of the model ``name`` are published; raises ``RegistryError`` where it is no name."""
    check_name(name)
    return settings.home.resolve() / "releases" / name


def release_folder(settings: Settings, name: str, clock: Callable[[], datetime]) -> ReleaseFolder:
    """The release folder of the model ``name``."""
    return ReleaseFolder(release_root(settings, name), clock=clock, trust=signing.trust(settings))


def model_lock(settings: Settings, name: str) -> Path:
    """The lock of whoever makes a new version of the model ``name``; raises ``RegistryError`` where it is no
    name."""
    check_name(name)
    return settings.home.resolve() / "locks" / f"{name}.lock"
