"""Promote and roll back: an operator asks, the service writes it down, and the page waits for the outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from storecast.webapp import address, source
from storecast.webapp.client import Client
from storecast.webapp.frame import empty, tell
from storecast.webapp.parts import money_columns, show_table
from storecast.webapp.records import ModelEvent, Models, Registered
from storecast.webapp.trials import trial_moves
from storecast.webapp.trouble import Trouble
from storecast.webapp.words import Words

__all__ = ["show_history", "show_moves", "show_versions"]

_LOOK = 1.0  # seconds between looks at what became of a move
_LOOKS = 10  # at a page that does not show yet what a move brought
_LONG = 30.0  # seconds after which the page says what may be amiss, or waits for the service no more
_STATES = {
    "requested": "waiting",
    "queued": "waiting",
    "running": "under way",
    "done": "done",
    "failed": "refused",
}
_WAITING = ("requested", "queued")  # nobody has taken it up
_DECIDED = ("done", "failed")
_MOVE = "move"  # the event that is waited for, in the address


def show_moves(client: Client, models: Models, versions: Sequence[Registered], words: Words) -> None:
    """Forms for operators, and what became of the last move asked for here."""
    if waiting := next(iter(address.current(_MOVE)), None):
        _follow(client, waiting, models)
    serving = models.champion.version if models.champion else None
    left, right = st.columns(2, gap="large")
    with left, st.form("promote", clear_on_submit=True):
        st.markdown("**Let another version serve**")
        version = _choose_version(versions, models, serving, words)
        why = st.text_input("Reason", max_chars=500, placeholder="better at Christmas")
        overrule = st.checkbox("Though the gate refused it", help="The record says so.")
        if st.form_submit_button("Promote", icon=":material/publish:"):
            if not why.strip():
                st.error("Give a reason: it is kept with the version.")
            elif version == serving:
                st.error(f"Version {version} serves already.")
            else:
                _ask(lambda: client.promote(int(version), why.strip(), overrule))
    with right, st.form("rollback", clear_on_submit=True):
        st.markdown("**Take this version back**")
        if models.earlier:
            st.markdown(f"Version {models.earlier[0].version} would serve again.")
        else:
            st.markdown("There is no earlier version to go back to.")
        why = st.text_input(
            "Reason", max_chars=500, placeholder="bands too narrow in store 7", key="why_back"
        )
        asked = st.form_submit_button("Roll back", icon=":material/undo:", disabled=not models.earlier)
        if asked and not why.strip():
            st.error("Give a reason: it is kept with the version.")
        elif asked:
            _ask(lambda: client.roll_back(why.strip()))
    trial_moves(client, models, versions, _ask)


def _choose_version(versions: Sequence[Registered], models: Models, serving: int | None, words: Words) -> int:
    """One of those the registry had when somebody looked last; by number where nobody has."""
    others = {v.version: v for v in versions if v.version != serving}
    if others:
        return st.selectbox("Version", list(others), format_func=lambda n: _named(others[n], words))
    known = [e.version for e in models.earlier]
    start = known[0] if known else (serving or 1)
    return int(
        st.number_input("Version", min_value=1, step=1, value=start, help="See `storecast models list`.")
    )


def _named(version: Registered, words: Words) -> str:
    parts = [f"{version.version}: {version.tags.get('model', 'unknown model')}"]
    if (error := version.metrics.get("wmae")) is not None:
        parts.append(f"mean error {words.money(error)}")
    if (gate := version.tags.get("gate")) is not None:
        parts.append(f"gate: {gate}")
    parts.append(f"trained {words.day(version.created)}")
    return ", ".join(parts)


def show_versions(versions: Sequence[Registered], models: Models, words: Words) -> None:
    """All of them with what their back-tests said."""
    if not versions:
        return
    serving = models.champion.version if models.champion else None
    rows = [
        {
            "Version": v.version,
            "": "serves" if v.version == serving else "",
            "Model": v.tags.get("model"),
            "Mean error": v.metrics.get("wmae"),
            "80 % band held, %": v.metrics.get("coverage-80"),
            "Gate": v.tags.get("gate"),
            "Known up to": v.tags.get("cutoff"),
            "Trained": pd.Timestamp(v.created),
        }
        for v in versions
    ]
    show_table(
        pd.DataFrame(rows),
        column_config={
            **money_columns(words, ("Mean error",)),
            "80 % band held, %": st.column_config.NumberColumn(format="%.1f"),
            "Trained": st.column_config.DatetimeColumn("Trained", format="localized"),
        },
        alt="Registered versions: model, mean error in the back-test, the gate's verdict",
    )


def _ask(move: Callable[[], ModelEvent]) -> None:
    try:
        event = move()
    except Trouble as trouble:
        tell(trouble)
        return
    address.put(_MOVE, (event.id,))
    st.rerun()


def _follow(client: Client, waiting: str, models: Models) -> None:
    """What became of a move: looked for until the page shows what came of it, told until there is a newer."""
    try:
        event = client.event(waiting)
    except Trouble as trouble:
        if trouble.kind not in ("missing", "refused"):
            raise
        address.put(_MOVE, ())
        return
    if event.state not in _DECIDED or _late(event, models):
        _outcome(client, waiting, models)
    elif client.events(limit=1).events[0].id == event.id:
        _tell(event)
    else:
        address.put(_MOVE, ())


@st.fragment(run_every=_LOOK)
def _outcome(client: Client, waiting: str, models: Models) -> None:
    """What became of it; looks again until it is decided and the page shows what came of it.

    The event is done once the release is published; each worker takes that up within seconds, so the page's
    own answer may be older than the event.
    """
    try:
        event = client.event(waiting)
    except Trouble as trouble:
        tell(trouble)
        return
    _tell(event)
    heard, looks, at = _heard()
    first, now = heard != event.id, time.monotonic()
    if event.state in _DECIDED and (first or (now - at >= _LOOK and _late(event, models))):
        st.session_state["_heard"] = (event.id, 1 if first else looks + 1, now)
        source.forget()
        st.rerun(scope="app")


def _tell(event: ModelEvent) -> None:
    what = _what(event)
    if event.state == "done":
        st.success(f"Done: {what}.", icon=":material/check_circle:")
    elif event.state == "failed":
        st.error(f"Refused: {what}. {event.error}", icon=":material/error:")
    else:
        st.info(f"Asked for: {what}. It is carried out within seconds.", icon=":material/hourglass_top:")
        if event.state in _WAITING and _age(event.at) > _LONG:
            st.warning("Nobody has taken it up yet: is `storecast follow` running?")


def _heard() -> tuple[str, int, float]:
    """The decided event that the page was drawn anew for, how often, and when last."""
    heard: tuple[str, int, float] = st.session_state.get("_heard", ("", 0, 0.0))
    return heard


def _late(event: ModelEvent, models: Models) -> bool:
    """Whether it was carried out so lately that the worker that answered may not have heard of it."""
    heard, looks, _ = _heard()
    if event.state != "done" or event.finished is None or _shown(event, models):
        return False
    return _age(event.finished) < _LONG and (heard != event.id or looks < _LOOKS)


def _age(at: str) -> float:
    """Seconds since then."""
    return (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()


def _shown(event: ModelEvent, models: Models) -> bool:
    """Whether the service's answer has what the move was to bring."""
    if event.kind in ("shadow", "canary"):
        return models.trial is not None and models.trial.version == event.to_version
    if event.kind.endswith("-stopped"):
        return models.trial is None
    serving = models.champion.version if models.champion else None
    return event.to_version is None or serving == event.to_version


def _what(event: ModelEvent) -> str:
    if event.kind in ("promote", "overrule"):
        return f"version {event.to_version} serves"
    if event.kind in ("shadow", "canary"):
        return f"version {event.to_version} stands beside it"
    if event.kind.endswith("-stopped"):
        return "the trial is over"
    return "back to the version before" if event.to_version is None else f"back to version {event.to_version}"


def show_history(client: Client, models: Models, words: Words) -> None:
    """Who moved what and why, newest first."""
    events = client.events().events
    if not events and not models.earlier:
        empty("No moves yet", "The first version still serves. Promotions and roll-backs are listed here.")
        return
    rows = [
        {
            "When": pd.Timestamp(e.at),
            "What": e.kind,
            "From": e.from_version,
            "To": e.to_version,
            "Share, %": None if e.share is None else 100.0 * e.share,
            "Who": e.who,
            "Why": words.dated(e.why),
            "State": _STATES.get(e.state, e.state),
        }
        for e in events
    ]
    if rows:
        show_table(
            pd.DataFrame(rows),
            column_config={
                "When": st.column_config.DatetimeColumn("When", format="localized"),
                "Why": st.column_config.TextColumn("Why", width="large"),
            },
            alt="Moves of the champion: when, what, who, why",
        )
    if models.earlier:
        before = ", ".join(f"{e.version} ({e.model})" for e in models.earlier)
        st.caption(f"Served before, latest first: {before}.")
