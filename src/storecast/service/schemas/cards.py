"""Cards of a version."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

__all__ = ["CardItem", "CardSection", "CardsAnswer"]


class CardSection(Struct):
    """One section; ``text`` is Markdown."""

    title: str
    text: str


class CardItem(Struct):
    """A card: ``facts`` as programs read them, ``summary`` and ``sections`` for people, ``markdown``: the
    whole as one document."""

    title: str
    summary: str
    sections: list[CardSection]
    facts: dict[str, Any]
    markdown: str


class CardsAnswer(Struct):
    """The version that serves (``model``), and the sales that it was made from (``data``)."""

    model: CardItem
    data: CardItem
