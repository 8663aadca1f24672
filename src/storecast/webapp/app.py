"""The script that Streamlit runs for every session: navigation, then the page that is looked at."""

from __future__ import annotations

from contextlib import suppress

import httpx
import streamlit as st

from storecast.webapp import frame
from storecast.webapp.pages import PAGES, page_of
from storecast.webapp.trouble import Trouble

__all__ = ["main"]


def _count(visitor: frame.Visitor, page: str) -> None:
    """Count this session and this page, once each time somebody opens it."""
    seen = st.session_state.get("_page")
    if seen == page:
        return
    st.session_state["_page"] = page
    with suppress(Trouble):  # counting is no reason to show nothing
        if seen is None:
            visitor.client.used("session", page)
        visitor.client.used("page", page)


def _aside(visitor: frame.Visitor) -> None:
    """Who is signed in, below the navigation."""
    session = visitor.session
    with st.sidebar:
        if session.open:
            st.caption(f"This machine · {session.role}")
        else:
            st.caption(f"Key {session.caller} · {session.role}")
            st.markdown('<a href="/app/signout" target="_self">Sign out</a>', unsafe_allow_html=True)


def main() -> None:
    """One run of the script."""
    st.set_page_config(page_title="Storecast", page_icon=":material/monitoring:", layout="wide")
    chosen = st.navigation({section: [p.shown for p in group] for section, group in PAGES.items()})
    visitor = frame.visitor()
    page = page_of(chosen)
    _aside(visitor)
    _count(visitor, page.name)
    if not frame.may(visitor, page.role):
        frame.heading(page.title, f"This page needs the role {page.role}; your key has {visitor.session.role}.")
        st.stop()
    with frame.boundary(visitor.client):
        page.show(visitor)


if __name__ == "__main__" or httpx is None:
    main()
