"""Model card and data card of the version that serves: section by section, and as files."""

from __future__ import annotations

import streamlit as st
from msgspec import Struct

from storecast.webapp import source
from storecast.webapp.client import Client

__all__ = ["Cards", "show_cards"]


class Section(Struct):
    """``text`` is Markdown."""

    title: str
    text: str


class Card(Struct):
    """``markdown``: the whole card as one document."""

    title: str
    summary: str
    sections: list[Section]
    markdown: str


class Cards(Struct):
    """Of the model, and of the data that it was made from."""

    model: Card
    data: Card


def _cards(client: Client) -> Cards:
    path = "/v1/models/card"
    return client.read(Cards, path, client.ask("GET", path))


def show_cards(client: Client) -> None:
    """When not to trust it stands open, the rest is folded; two buttons save both cards."""
    found = source.kept("cards", [], lambda: _cards(client))
    st.header("Model card and data card", anchor=False)
    for card, name in ((found.model, "model"), (found.data, "data")):
        st.subheader(card.title, anchor=False)
        st.markdown(_shown(card.summary))
        for place, section in enumerate(card.sections):
            with st.expander(section.title, expanded=place == 0 and name == "model"):
                st.markdown(_shown(section.text))
    _save(client, found)


def _shown(text: str) -> str:
    """As it stands: dollars begin no formula."""
    return text.replace("$", r"\$")


def _save(client: Client, found: Cards) -> None:
    def count() -> None:
        client.used("download", "model")

    with st.container(horizontal=True):
        for card, name in ((found.model, "model-card"), (found.data, "data-card")):
            st.download_button(
                f"Save {name.replace('-', ' ')}",
                card.markdown.encode(),
                f"{name}.md",
                "text/markdown",
                icon=":material/download:",
                on_click=count,
            )
