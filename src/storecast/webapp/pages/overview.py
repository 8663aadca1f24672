"""The first page: the total, then what stands out, then everything as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from storecast.webapp import address, charts, source
from storecast.webapp.answers import By, Overview, OverviewRow
from storecast.webapp.frame import Visitor, empty, heading
from storecast.webapp.navigation import link
from storecast.webapp.parts import choose_horizon, money_columns, number_columns, show_table
from storecast.webapp.words import Words, plural

__all__ = ["hardest", "show"]

_MOST = 5
_LEVELS: tuple[By, ...] = ("store", "series")
_NOUN = {"store": ("store", "stores"), "series": ("department", "departments")}


def _named(row: OverviewRow) -> str:
    return f"Store {row.store}, department {row.dept}" if row.dept else f"Store {row.unique_id}"


# Exceptions are ranked by dollars: by percent, thousands of departments are headed by the smallest of them.
def _dollars_moved(row: OverviewRow) -> float | None:
    """What is forecast above last year's sales, like for like."""
    known = row.comparable is not None and row.last_year is not None
    return (row.comparable or 0.0) - (row.last_year or 0.0) if known else None


def _errors(row: OverviewRow) -> tuple[float, float] | None:
    """Mean error of its forecasts and of the better naive's, dollars a week."""
    score = row.score or {}
    naives = [v for n, v in score.items() if n.startswith("wmae:") and v is not None]
    own = score.get("wmae")
    return (own, min(naives)) if own is not None and naives and min(naives) > 0 else None


def _against(row: OverviewRow) -> float | None:
    """Error over that of the better naive, minus 1: above 0 the naive was better."""
    errors = _errors(row)
    return None if errors is None else errors[0] / errors[1] - 1.0


def hardest(rows: Sequence[OverviewRow]) -> list[tuple[OverviewRow, float]]:
    """Those judged by the back-test, each with the dollars a week that it loses against the better naive: the
    largest loss first."""
    judged = [(row, errors[0] - errors[1]) for row in rows if (errors := _errors(row))]
    return sorted(judged, key=lambda pair: -pair[1])


def _beyond(row: OverviewRow) -> float | None:
    """By how many dollars the last week lay outside its band; None inside."""
    last = row.latest
    if last is None or last.lo <= last.y <= last.hi:
        return None
    return last.y - last.hi if last.y > last.hi else last.lo - last.y


def _list(rows: Sequence[OverviewRow], says: Callable[[OverviewRow], str], by: By, horizon: int) -> None:
    for row in rows:
        with st.container(gap=None):
            link("forecast", _named(row), by=by, series=row.unique_id, horizon=str(horizon))
            st.caption(says(row))


def _moved(found: Overview, words: Words, horizon: int) -> None:
    st.header("Moves most against last year", anchor=False)
    known = [(r, d) for r in found.rows if (d := _dollars_moved(r)) is not None]
    rows = [r for r, _ in sorted(known, key=lambda pair: -abs(pair[1]))]
    if not rows:
        empty("Nothing to compare with", "Last year's same weeks are not known yet.")
        return

    def says(row: OverviewRow) -> str:
        share = "" if row.change is None else f" ({words.percent(row.change, sign=True)})"
        return (
            f"{words.money(_dollars_moved(row), sign=True)}{share}: {words.money(row.comparable)} "
            f"after {words.money(row.last_year)} last year"
        )

    _list(rows[:_MOST], says, found.by, horizon)


def _surprised(found: Overview, words: Words, horizon: int, noun: tuple[str, str]) -> None:
    st.header("Last week fell outside its band", anchor=False)
    known = [r for r in found.rows if r.latest is not None]
    rows = sorted((r for r in known if _beyond(r) is not None), key=lambda r: -(_beyond(r) or 0.0))
    if not known:
        empty("Not known", "No forecast of the last known week was kept: there was no back-test, or a gap.")
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
        gap = words.money(_beyond(row))
        return f"Sold {words.money(last.y)} in the week of {words.day(last.ds)}, {gap} {side} the band"

    _list(rows[:_MOST], says, found.by, horizon)


def _hard(found: Overview, words: Words, horizon: int, noun: tuple[str, str]) -> None:
    st.header("Hardest to forecast", anchor=False)
    pairs = hardest(found.rows)
    if not pairs:
        empty("Not known", "This version was trained without a back-test.")
        return
    worse = sum(lost > 0 for _, lost in pairs)
    st.caption(
        f"{plural(worse, *noun)} of {len(pairs):,} did worse in the back-test than the better naive forecast."
    )
    rows = [row for row, _ in pairs[:_MOST]]

    def says(row: OverviewRow) -> str:
        errors = _errors(row)
        assert errors is not None
        own, naive = errors
        side = "above" if own > naive else "below"
        share = words.percent(abs(own / naive - 1.0))
        return (
            f"Mean error {words.money(own)} a week, {words.money(abs(own - naive))} ({share}) "
            f"{side} the naive's"
        )

    _list(rows, says, found.by, horizon)


def _headline(visitor: Visitor, found: Overview, horizon: int, noun: tuple[str, str]) -> None:
    """The total and how good forecasts were; ``noun``: what the version forecasts one by one."""
    words, total = visitor.words, found.total
    judged = source.backtests(visitor.client).metrics
    with st.container(horizontal=True):
        st.metric(
            f"Forecast, next {plural(horizon, 'week')}",
            words.short(total.forecast),
            None if total.change is None else words.delta(total.change, "against last year"),
            border=True,
        )
        naives = [v for n, v in judged.items() if n.startswith("wmae:")]
        if "wmae" in judged and naives:
            gain = 1.0 - judged["wmae"] / min(naives)
            st.metric(
                "Error against the naive forecast",
                words.percent(-gain, sign=True),
                f"mean error {words.money(judged['wmae'])} a week and {noun[0]}",
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
    if total.comparable is not None and total.without_last_year:
        of = plural(len(source.series(visitor.client)), *noun)
        st.caption(
            f"Against last year, like for like: {total.without_last_year:,} of {of} did not sell in all of "
            f"these weeks then; {words.money(total.forecast - total.comparable)} forecast for weeks without "
            "a last year are left out."
        )


def _without_last_year(row: OverviewRow) -> float | None:
    """What of the forecast has no last year to stand against; None where all has."""
    return row.forecast - (row.comparable or 0.0) if row.comparable != row.forecast else None


def _table(found: Overview, words: Words) -> None:
    rows = [
        {
            "Store": r.store,
            "Department": r.dept or None,
            "Forecast": r.forecast,
            "Without last year": _without_last_year(r),
            "Last year": r.last_year,
            "Change, %": None if r.change is None else 100.0 * r.change,
            "Mean error": (r.score or {}).get("wmae"),
            "Against naive, %": None if (a := _against(r)) is None else 100.0 * a,
            "80 % band held, %": (r.score or {}).get("coverage-80"),
        }
        for r in found.rows
    ]
    frame = pd.DataFrame(rows).dropna(axis=1, how="all")
    show_table(
        frame,
        column_config={
            **money_columns(words, ("Forecast", "Without last year", "Last year", "Mean error")),
            **number_columns([name for name in frame.columns if name.endswith(", %")], decimals=1),
        },
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
        f"{words.day(found.cutoff)}. Forecast by version {found.model.version} of {found.model.name}."
    )
    _headline(visitor, found, horizon, _NOUN["series" if hierarchical else "store"])
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
    st.caption(charts.marks_words(total))
    st.header(f"All {noun[1]}", anchor=False)
    _table(found, words)
