"""The pages there are: what they are called, where they are found, who may see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

import streamlit as st

from storecast.webapp.answers import Role

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

    from storecast.webapp.frame import Visitor

__all__ = ["PAGES", "PageInfo", "link", "menu", "page_of"]


@dataclass(frozen=True)
class PageInfo:
    """One page: ``name`` is its address and what its use is counted under; ``role``: the least that may open
    it."""

    name: str
    title: str
    icon: str
    role: Role = "reader"

    def load(self) -> Callable[[Visitor], None]:
        """Its module, for what draws the page."""
        module = import_module(f"storecast.webapp.pages.{self.name.replace('-', '_')}")
        return cast("Callable[[Visitor], None]", module.show)


PAGES = (
    PageInfo("overview", "Overview", "space_dashboard"),
    PageInfo("forecast", "Forecast", "show_chart"),
    PageInfo("what-if", "What-if", "tune"),
    PageInfo("compare", "Compare", "compare_arrows"),
    PageInfo("upload", "Upload", "upload_file", "planner"),
    PageInfo("form", "Single prediction", "edit_note"),
    PageInfo("model", "Model", "model_training"),
    PageInfo("monitoring", "Monitoring", "monitor_heart"),
)


def _nothing() -> None:
    """Streamlit wants a function for each page; the app draws them itself, after it knows who is looking."""


def _shown(page: PageInfo) -> StreamlitPage:
    return st.Page(
        _nothing,
        title=page.title,
        icon=f":material/{page.icon}:",
        url_path=page.name,
        default=page is PAGES[0],
    )


def menu() -> PageInfo:
    """Draw the navigation; the page that is looked at."""
    shown = {page.name: _shown(page) for page in PAGES}
    st.session_state["_pages"] = shown
    return page_of(st.navigation(list(shown.values())))


def page_of(chosen: StreamlitPage) -> PageInfo:
    """Which page Streamlit says is looked at."""
    return next((page for page in PAGES if page.name == chosen.url_path), PAGES[0])


def link(name: str, label: str, **address: str | list[str]) -> None:
    """A link to another page, with what is to be chosen there."""
    page = st.session_state["_pages"][name]
    st.page_link(page, label=label, query_params={key: value for key, value in address.items() if value})
