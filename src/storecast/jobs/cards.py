"""Model card and data card of registered versions, made from what they record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from storecast.forecasting.cards import Card, Served, Subject, data_card, model_card, short_description
from storecast.forecasting.state import from_state
from storecast.jobs.promote import show_version
from storecast.jobs.readable import readable
from storecast.ports import ModelVersion, Registry

__all__ = ["DATA_CARD", "MODEL_CARD", "Cards", "describe", "version_cards"]

MODEL_CARD, DATA_CARD = "model-card.md", "data-card.md"  # beside a version's run


@dataclass(frozen=True)
class Cards:
    """Of ``version``; ``short``: the model card in a few sentences."""

    version: int
    model: Card
    data: Card
    short: str


def version_cards(registry: Registry, name: str, version: int | None = None, *, unit: str = "$") -> Cards:
    """Of one version, the champion (else the newest) by default.

    Raises RegistryError where there is none, ArtifactError where it is damaged or not trusted.
    """
    found = show_version(registry, name, version)
    moves = (Served(m.at, m.kind, m.previous, m.version, m.who, m.why) for m in found.moves)
    return _cards(registry, found.version, moves, unit)


def describe(registry: Registry, version: ModelVersion, unit: str) -> None:
    """Leave both cards with the run of a ``version`` that was just registered, and the short one as its
    description."""
    made = _cards(registry, version, (), unit)
    files = {MODEL_CARD: made.model.markdown().encode(), DATA_CARD: made.data.markdown().encode()}
    registry.describe(version.name, version.version, made.short, files)


def _cards(registry: Registry, version: ModelVersion, moves: Iterable[Served], unit: str) -> Cards:
    name, number = version.name, version.version
    content = registry.load(name, number)
    with readable(name, number):
        subject = Subject(
            name,
            number,
            version.digest,
            from_state(content.arrays, content.texts, content.meta),
            content.meta,
            version.created,
            content.signed_by,
            unit,
            tuple(moves),
        )
        return Cards(number, model_card(subject), data_card(subject), short_description(subject))
