"""MLflow's loader of a version, by the settings of the process that loads: its trust list counts here too."""

from __future__ import annotations

from storecast.settings import Settings
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.registry_pyfunc import PyfuncForecaster, load_forecaster
from storecast.wiring import signing

__all__: list[str] = []


def _load_pyfunc(path: str) -> PyfuncForecaster:
    """Called by MLflow with the path of the artifact folder; signature and digests are checked on the way."""
    folders = ArtifactFolders(trust=signing.trust(Settings()))
    return PyfuncForecaster(load_forecaster(folders.load(path)))
