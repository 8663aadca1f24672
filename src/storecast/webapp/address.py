"""What is chosen on a page stands in its address, so that a reload, another replica or a colleague with the
link sees the same. Addresses hold keys and numbers, not the labels that people read.

The address travels to the browser and back: with a second choice made quickly comes the address of before
the first. Where a choice was just changed, what is chosen counts; where none was, as after a link or the way
back, the address does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from storecast.webapp.findings import plain

__all__ = ["begin", "choose", "choose_many", "choose_titled", "current", "forget", "prefilled", "put"]

T = TypeVar("T", bound=str | int | float)


def _text(value: str | int | float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _key(name: str) -> str:
    return f"{st.session_state.get('_page', '')}.{name}"


def begin(page: str) -> None:
    """The page is drawn, for the first time or anew."""
    state = st.session_state
    drawn = state.get("_drawn", {})
    state["_touched"] = any(key in state and state[key] != value for key, value in drawn.items())
    state["_page"] = page


def current(name: str) -> list[str]:
    """What the address says."""
    return st.query_params.get_all(name)


def put(name: str, values: Sequence[str]) -> None:
    """Write it there; nothing removes it."""
    if current(name) != list(values):
        if values:
            st.query_params[name] = list(values)
        else:
            st.query_params.pop(name, None)
    key, state = _key(name), st.session_state
    state.setdefault("_written", {})[key] = list(values)
    if key in state:
        value = state[key]
        state.setdefault("_drawn", {})[key] = list(value) if isinstance(value, list) else value


def forget(*names: str) -> None:
    """Take it out of the address, and what was chosen with it."""
    for name in names:
        put(name, ())
        st.session_state.pop(_key(name), None)


def _told(name: str) -> list[str] | None:
    """What the address says, where that is news: on the first look, after a link, or after going back."""
    told, key = current(name), _key(name)
    other = told != st.session_state.get("_written", {}).get(key) and not st.session_state.get("_touched")
    return told if other or key not in st.session_state else None


def _miss(label: str, wished: Sequence[str], shown: str) -> None:
    """Say what a link asks for in vain, and what is ``shown`` instead."""
    names = plain(", ".join(wished))
    st.warning(
        f"{label}: this link asks for {names}, which is not there; {plain(shown)} is shown.",
        icon=":material/link_off:",
    )


def choose(
    label: str,
    name: str,
    options: Sequence[T],
    default: T,
    *,
    widget: Callable[..., Any] = st.selectbox,
    **more: Any,
) -> T:
    """One of ``options``, by a select box or a segmented control."""
    key, by_text = _key(name), {_text(option): option for option in options}
    if default not in options:
        default = options[0]
    told = _told(name)
    wish = (told or [""])[0]
    if told is not None or st.session_state.get(key) not in options:
        st.session_state[key] = by_text.get(wish, default)
    chosen: T | None = widget(label, options, key=key, **more)
    if wish and wish not in by_text:
        _miss(label, [wish], more.get("format_func", str)(default))
    value = default if chosen is None else chosen
    put(name, () if value == default else (_text(value),))
    return value


def choose_titled(
    label: str,
    name: str,
    titles: Mapping[T, str],
    options: Sequence[T] | None = None,
    default: T | None = None,
) -> T:
    """One of ``options``, by a segmented control that shows their ``titles``: all of these, and the first
    of them, where nothing else is said."""
    options = list(titles) if options is None else options
    return choose(
        label,
        name,
        options,
        options[0] if default is None else default,
        widget=st.segmented_control,
        required=True,
        format_func=lambda option: titles[option],
    )


def choose_many(
    label: str, name: str, options: Sequence[T], default: Sequence[T], *, most: int | None = None, **more: Any
) -> list[T]:
    """Some of ``options``, at most so many; none at all is a choice as well."""
    key, by_text = _key(name), {_text(option): option for option in options}
    told = _told(name)
    lost = [text for text in dict.fromkeys(told or ()) if text and text not in by_text]
    if told is not None:
        found = [by_text[text] for text in dict.fromkeys(told) if text in by_text]
        none = told == [""]
        st.session_state[key] = found[:most] if found or none else [d for d in default if d in options]
    else:  # what another choice took away
        st.session_state[key] = [value for value in st.session_state[key] if value in options]
    chosen: list[T] = st.multiselect(label, options, key=key, max_selections=most, **more)
    if lost:
        shown = ", ".join(more.get("format_func", str)(value) for value in chosen)
        _miss(label, lost, shown or "nothing")
    texts = [_text(value) for value in chosen] or [""]
    put(name, () if chosen == list(default) else texts)
    return chosen


def prefilled(
    label: str,
    name: str,
    usual: T | None,
    parse: Callable[[str], T],
    *,
    widget: Callable[..., Any],
    **more: Any,
) -> T | None:
    """A value that stands at ``usual``, and follows it, until somebody enters another: only that one is kept
    in the address. ``parse`` raises ValueError for what is none."""
    key, before = _key(name), f"{_key(name)}.usual"
    told = _told(name)
    if told is not None:
        try:
            st.session_state[key] = parse(told[0]) if told else usual
        except ValueError:
            st.session_state[key] = usual
    elif st.session_state[key] == st.session_state.get(before):
        st.session_state[key] = usual
    st.session_state[before] = usual
    value: T | None = widget(label, key=key, **more)
    text = "" if value is None else f"{value:.10g}"
    put(name, () if value == usual else (text,))
    return value
