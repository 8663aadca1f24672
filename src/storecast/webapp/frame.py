"""What every page stands in: who is looking, headings, and what is shown while something is amiss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote, urlencode

import httpx
import streamlit as st

from storecast.webapp import source
from storecast.webapp.answers import Role, Session
from storecast.webapp.client import Client
from storecast.webapp.config import web_config
from storecast.webapp.connection import shared_http
from storecast.webapp.trouble import Trouble
from storecast.webapp.words import Words

__all__ = ["Visitor", "boundary", "empty", "heading", "may", "style", "tell", "visitor"]

_STYLE = """<style>
.stMainBlockContainer { padding-top: 3.5rem; }
[data-testid="stCaptionContainer"] code { color: inherit; }
[data-testid="stMain"] [data-testid="stPageLink-NavLink"] { padding-left: 0; }
[data-testid="stTable"] [data-testid="stMarkdownContainer"] p {
  overflow-wrap: anywhere; white-space: normal;
}
[data-testid="stApp"] a:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
[data-testid="stMultiSelect"] [data-tag] { background: transparent; border: 1px solid currentColor; }
[data-testid="stMultiSelect"] [data-tag], [data-testid="stMultiSelect"] [data-tag] * { color: inherit; }
/* Its files would hold names that a spreadsheet takes for formulas, ours do not (sheets.py); a chart's own
   data has columns for its drawing alone, the table beside it has names. */
[data-testid="stElementToolbar"] button[aria-label^="Download as CSV"],
[data-testid="stElementToolbar"] button[aria-label^="Show data"],
[data-testid="stElementToolbar"] button[aria-label^="Copy Vega-Lite"] { display: none; }
</style>"""
_COOKIE = "storecast_key"
_ROLES: tuple[Role, ...] = ("reader", "planner", "operator")
_PROBE = 2.0  # seconds between looks whether the service is back


@dataclass(frozen=True)
class Visitor:
    """Who is looking, by which client, and how numbers are written for them."""

    client: Client
    session: Session
    words: Words


def _key() -> str:
    return str(st.context.cookies.get(_COOKIE, ""))


def visitor() -> Visitor:
    """Who is looking; shows how to sign in, and stops the script, where that is not known."""
    config = web_config()
    key = _key()
    client = Client(shared_http(config.service_url, config.ca_file), key)
    if not key and not config.local:
        _ask_to_sign_in()
    try:
        session = source.kept("session", [key], client.session)
    except Trouble as trouble:
        if trouble.kind != "key":
            st.title("Storecast", anchor=False)
        _show(trouble, client)
    if session.open and not config.local:
        st.title("This service has no keys yet")
        st.error(
            "The app can be reached from other machines, and the service behind it lets everybody in. "
            "Whoever runs it issues keys first: `storecast keys issue --role operator --name me`."
        )
        st.stop()
    return Visitor(client, session, Words(st.context.locale, session.unit))


def style() -> None:
    """What the theme cannot say: less empty space, tags and commands that can be read on both backgrounds."""
    st.html(_STYLE)


def may(visitor: Visitor, role: Role) -> bool:
    """Whether the visitor's role is this one or a higher one."""
    return _ROLES.index(visitor.session.role) >= _ROLES.index(role)


def heading(title: str, says: str) -> None:
    """A page's title and the sentence below it."""
    st.title(title, anchor=False)
    st.markdown(says)


def empty(title: str, says: str) -> None:
    """What stands where there is nothing yet."""
    with st.container(border=True):
        st.markdown(f"**{title}**")
        st.markdown(says)


@contextmanager
def boundary(client: Client) -> Iterator[None]:
    """Turns trouble into words, with a way on; where it may pass, the page comes back by itself."""
    try:
        yield
    except Trouble as trouble:
        _show(trouble, client)


def _ask_to_sign_in(said: str = "Sign in with your key to see forecasts.") -> NoReturn:
    st.title("Storecast", anchor=False)
    st.markdown(said)
    way = f"/app/signin?then={quote(_path(), safe='')}"
    st.markdown(f'<a href="{way}" target="_self">Sign in</a>', unsafe_allow_html=True)
    st.stop()


def _path() -> str:
    """The address that is looked at, without the host."""
    pairs = [(name, value) for name in st.query_params for value in st.query_params.get_all(name)]
    query = urlencode(pairs)
    return httpx.URL(st.context.url or "/").path + (f"?{query}" if query else "")


def _show(trouble: Trouble, client: Client) -> NoReturn:
    if trouble.kind == "key":
        if not _key():  # this machine's app may be looked at without one, the service not
            _ask_to_sign_in()
        _ask_to_sign_in("Your key is not accepted: it is not known, or not valid any more.")
    tell(trouble)
    if trouble.passing:
        _come_back(client)
    elif st.button("Try again", icon=":material/refresh:"):
        source.forget()
        st.rerun()
    st.stop()


def tell(trouble: Trouble) -> None:
    """What is amiss, in the middle of a page that goes on."""
    st.error(_text(trouble), icon=":material/cloud_off:" if trouble.passing else ":material/error:")


def _text(trouble: Trouble) -> str:
    lines = [f"**{trouble.what.rstrip('.')}.**"]
    lines += [part for part in (trouble.detail, trouble.remedy) if part]
    lines += [
        f"- {w.field}{f', row {w.row}' if w.row is not None else ''}: {w.detail}" for w in trouble.wrong[:20]
    ]
    if trouble.kind == "odd" and trouble.instance:
        lines.append(f"Reported as `{trouble.instance}`.")
    return "\n\n".join(lines)


@st.fragment(run_every=_PROBE)
def _come_back(client: Client) -> None:
    """Looks whether the service is there again, and then runs the page anew."""
    if client.ready():
        st.rerun(scope="app")
    st.caption("Looking every two seconds whether it is back.")
