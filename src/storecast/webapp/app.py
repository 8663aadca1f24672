"""One look at the app: navigation, who is looking, then the page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from storecast.webapp import address, frame, navigation

__all__ = ["main"]

_ICON = Path(__file__).resolve().parent / "entry" / "icon.svg"


def _begin(visitor: frame.Visitor, page: str) -> None:
    """Begin the page; count this session and this page, once each time somebody opens it."""
    seen = st.session_state.get("_page")
    address.begin(page)
    if seen == page:
        return
    if seen is None:
        visitor.client.used("session", page)
    visitor.client.used("page", page)


def _aside(visitor: frame.Visitor) -> None:
    """Who is signed in, below the navigation."""
    session = visitor.session
    with st.sidebar:
        if session.open:
            st.caption(f"On this machine, without a key: {session.role}")
        else:
            st.caption(f"Key {session.caller}: {session.role}")
            st.markdown('<a href="/app/signout" target="_self">Sign out</a>', unsafe_allow_html=True)


def main() -> None:
    """One run of the script."""
    st.set_page_config(page_title="Storecast", page_icon=str(_ICON), layout="wide")
    frame.style()
    page = navigation.menu()
    visitor = frame.visitor()
    _aside(visitor)
    _begin(visitor, page.name)
    if not frame.may(visitor, page.role):
        frame.heading(
            page.title,
            f"This page is for the role **{page.role}**; your key has the role **{visitor.session.role}**.",
        )
        st.stop()
    with frame.boundary(visitor.client):
        page.load()(visitor)
