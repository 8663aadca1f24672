"""What matters in a registered version as a whole."""

from __future__ import annotations

from storecast.forecasting.drivers import Effects, effects
from storecast.forecasting.state import from_state
from storecast.jobs.readable import readable
from storecast.ports import Registry

__all__ = ["version_effects"]


def version_effects(registry: Registry, name: str, version: int) -> Effects:
    """Of ``version`` of ``name``; raises ArtifactError where it is damaged, not trusted, or of a kind that
    this program does not know."""
    content = registry.load(name, version)
    with readable(name, version):
        return effects(from_state(content.arrays, content.texts, content.meta))
