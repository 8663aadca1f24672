"""The first page: the total, then what stands out, then everything as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from storecast.webapp import address, charts, source
from storecast.webapp.answers import By, Overview, OverviewRow
from storecast.webapp.frame import Visitor, empty, heading
from storecast.webapp.navigation import link
from storecast.webapp.parts import choose_horizon, money_columns
from storecast.webapp.words import Words, plural

__all__ = ["show"]

_MOST = 5
_LEVELS: tuple[By, ...] = ("store", "series")
_NOUN = {"store": ("store", "stores"), "series": ("department", "departments")}


def _named(row: OverviewRow) -> str:
    return f"Store {row.store}, department {row.dept}" if row.dept else f"Store {row.unique_id}"


def _against(row: OverviewRow) -> float | None:
    """Error over that of the better naive, minus 1: above 0 the naive was better."""
    if row.score is None:
        return None
    naives = [v for n, v in row.score.items() if n.startswith("wmae:") and v is not None]
    own = row.score.get("wmae")
    return own / min(naives) - 1.0 if own is not None and naives and min(naives) > 0 else None


def _beyond(row: OverviewRow) -> float | None:
    """By how much of its half width the last week lay outside its band; None inside."""
    last = row.latest
    if last is None or last.lo <= last.y <= last.hi:
        return None
    half = max((last.hi - last.lo) / 2.0, 1e-9)
    return (last.y - last.hi) / half if last.y > last.hi else (last.lo - last.y) / half


def _list(rows: Sequence[OverviewRow], says: Callable[[OverviewRow], str], by: By, horizon: int) -> None:
    for row in rows:
        with st.container(gap=None):
            link("forecast", _named(row), by=by, series=row.unique_id, horizon=str(horizon))
            st.caption(says(row))


def _moved(found: Overview, words: Words, horizon: int) -> None:
    st.header("Moves most against last year", anchor=False)
    rows = sorted((r for r in found.rows if r.change is not None), key=lambda r: -abs(r.change or 0.0))
    if not rows:
        empty("Nothing to compare with", "Last year's same weeks are not known yet.")
        return

    def says(row: OverviewRow) -> str:
        return (
            f"{words.percent(row.change, sign=True)}: {words.money(row.forecast)} "
            f"after {words.money(row.last_year)} last year"
        )

    _list(rows[:_MOST], says, found.by, horizon)


def _surprised(found: Overview, words: Words, horizon: int, noun: tuple[str, str]) -> None:
    st.header("Last week fell outside its band", anchor=False)
    known = [r for r in found.rows if r.latest is not None]
    rows = sorted((r for r in known if _beyond(r) is not None), key=lambda r: -(_beyond(r) or 0.0))
    if not known:
        empty("Not known", "This version was trained without a back-test, or no week is known yet.")
        return
    if not rows:
        empty("None", f"The last known week of {plural(len(known), *noun)} lay within its 80 % band.")
        return
    st.caption(
        f"{plural(len(rows), *noun)} of {len(known):,}; about {round(0.2 * len(known)):,} are to be expected."
    )

    def says(row: OverviewRow) -> str:
        last = row.latest
        assert last is not None
        side = "above" if last.y > last.hi else "below"
        limit = last.hi if last.y > last.hi else last.lo
        gap = words.money(abs(last.y - limit))
        return f"Sold {words.money(last.y)} in the week of {words.day(last.ds)}, {gap} {side} the band"

    _list(rows[:_MOST], says, found.by, horizon)


def _hard(found: Overview, words: Words, horizon: int, noun: tuple[str, str]) -> None:
    st.header("Hardest to forecast", anchor=False)
    pairs = [(r, a) for r in found.rows if (a := _against(r)) is not None]
    if not pairs:
        empty("Not known", "This version was trained without a back-test.")
        return
    worse = sum(a > 0 for _, a in pairs)
    st.caption(
        f"{plural(worse, *noun)} of {len(pairs):,} did worse in the back-test than the better naive forecast."
    )
    rows = [r for r, _ in sorted(pairs, key=lambda pair: -pair[1])[:_MOST]]

    def says(row: OverviewRow) -> str:
        against = _against(row)
        score = row.score or {}
        assert against is not None
        side = "above" if against > 0 else "below"
        error = words.money(score.get("wmae"))
        return f"Mean error {error} a week, {words.percent(abs(against))} {side} the naive's"

    _list(rows, says, found.by, horizon)


def _headline(visitor: Visitor, found: Overview, horizon: int) -> None:
    words, total = visitor.words, found.total
    judged = source.backtests(visitor.client).metrics
    with st.container(horizontal=True):
        change = total.forecast / total.last_year - 1.0 if total.last_year else None
        st.metric(
            f"Forecast, next {plural(horizon, 'week')}",
            words.short(total.forecast),
            None if change is None else words.delta(change, "against last year"),
            border=True,
        )
        naives = [v for n, v in judged.items() if n.startswith("wmae:")]
        if "wmae" in judged and naives:
            gain = 1.0 - judged["wmae"] / min(naives)
            st.metric(
                "Error against the naive forecast",
                words.percent(-gain, sign=True),
                f"mean error {words.money(judged['wmae'])} a week and series",
                delta_color="off",
                delta_arrow="off",
                border=True,
                help="In the back-test: forecasts of past weeks from what was known before them, "
                "holiday weeks counted five times, against the better of two naive forecasts.",
            )
        if "coverage-80" in judged:
            st.metric(
                "The 80 % bands held",
                words.percent(judged["coverage-80"] / 100.0),
                "of the back-test's weeks",
                delta_color="off",
                delta_arrow="off",
                border=True,
            )


def _table(found: Overview, words: Words) -> None:
    rows = [
        {
            "Store": r.store,
            "Department": r.dept or None,
            "Forecast": r.forecast,
            "Last year": r.last_year,
            "Change": None if r.change is None else 100.0 * r.change,
            "Mean error": (r.score or {}).get("wmae"),
            "Against naive": None if (a := _against(r)) is None else 100.0 * a,
            "80 % band held": (r.score or {}).get("coverage-80"),
        }
        for r in found.rows
    ]
    frame = pd.DataFrame(rows).dropna(axis=1, how="all")
    percent = {
        name: st.column_config.NumberColumn(format="%.1f %%")
        for name in ("Change", "Against naive", "80 % band held")
    }
    st.dataframe(
        frame,
        hide_index=True,
        column_config={**money_columns(words, ("Forecast", "Last year", "Mean error")), **percent},
        alt="Forecast, last year, change and accuracy of everything there is",
    )


def show(visitor: Visitor) -> None:
    """Draw the page."""
    words = visitor.words
    heading("Overview", "What the coming weeks look like, and which stores to look at first.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        horizon = choose_horizon()
        hierarchical = any(s.dept for s in source.series(visitor.client))
        by: By = "store"
        if hierarchical:
            by = address.choose(
                "Look at",
                "by",
                _LEVELS,
                "store",
                widget=st.segmented_control,
                required=True,
                format_func=lambda x: _NOUN[x][1].capitalize(),
            )
    found = source.overview(visitor.client, by, horizon)
    st.caption(
        f"Weeks of {words.day(found.first)} to {words.day(found.last)}. Sales are known up to "
        f"{words.day(found.cutoff)}. Version {found.model.version} of {found.model.name} forecasts."
    )
    _headline(visitor, found, horizon)
    noun = _NOUN["series" if hierarchical and by == "series" else "store"]
    one, two, three = st.columns(3, gap="medium")
    with one:
        _moved(found, words, horizon)
    with two:
        _surprised(found, words, horizon, noun)
    with three:
        _hard(found, words, horizon, noun)
    st.header("All together", anchor=False)
    total = source.forecasts(visitor.client, ["total"], "total", horizon, [80.0, 95.0])
    context = source.around(visitor.client, ["total"], "total", horizon, 65)
    charts.forecast(charts.rows_of(total, context, "total"), context.calendar, words, "all stores together")
    st.header(f"All {noun[1]}", anchor=False)
    _table(found, words)
