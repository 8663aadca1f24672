"""Which week each row stands for: the weekly grid of its series decides, or the row is refused.

A date off the grid is read with day and month exchanged where that reading alone is on it. Dates that a
spreadsheet filled in, or that are blank, are read from the order of the rows where exactly as many weeks
are missing as rows lack one.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.quality.evidence import DatedRows, Evidence, direction, gather
from storecast.forecasting.quality.findings import Finding, counted
from storecast.forecasting.quality.order import fill_between, longest_chain, mark_copies
from storecast.forecasting.quality.readings import (
    UNKNOWN,
    WEEKDAYS,
    Order,
    as_days,
    frequency_findings,
    weekday,
)

__all__ = ["settle_dates"]

Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

_GAPLESS = 0.9  # share of steps of one week from which a series is expected to go on without a gap
_SELDOM = 0.2  # share of swapped dates up to which one that may be either is kept as written, and told
_REPAIRED = {
    "swapped_day_month": "{n} had day and month swapped ({rows}); read the one way that fits the grid.",
    "drag_filled": "{n} had dates filled in by a spreadsheet ({rows}); given the weeks missing there.",
    "copied_date": "{n} had the date of a neighbour copied ({rows}); given the weeks missing there.",
    "blank_date": "{n} had no date ({rows}); given the weeks missing there.",
    "unreadable_date": "{n} had a date that is no day ({rows}); given the weeks missing there.",
    "off_grid": "{n} had a date off the weekly grid ({rows}); given the weeks missing there.",
}
_KEPT = (
    "Dates on the weekly grid under both orders of day and month ({rows}) in a file with swapped dates"
    " and rows in no order; read as written."
)
_REFUSED = {
    "drag_filled": "Dates filled in by a spreadsheet, and unclear for which weeks: {rows}.",
    "copied_date": "Dates copied from a neighbour, and unclear for which weeks: {rows}.",
    "blank_date": "Blank dates, and unclear for which weeks: {rows}.",
    "unreadable_date": "Dates that are no day: {rows}.",
    "off_grid": "Dates off the weekly grid under either order of day and month: {rows}.",
    "ambiguous_date": "Dates on the weekly grid under both orders of day and month: {rows}.",
}


def _origin(e: Evidence, i: int) -> str:
    if e.blank[i]:
        return "blank_date"
    if e.filled[i]:
        return "drag_filled"
    return "unreadable_date" if e.main[i] == UNKNOWN and e.other[i] == UNKNOWN else "off_grid"


def _options(e: Evidence, i: int, clash: bool) -> list[int]:
    """The weeks on the grid that row i may stand for by its own date, the one as written first."""
    main, other = [int(e.main[i])] * bool(e.on_main[i]), [int(e.other[i])] * bool(e.on_other[i])
    if e.filled[i]:
        return []
    if not (main and other):
        return main or other
    share = e.swap_share.get(int(e.form[i]))
    if e.swaps and share == 1:
        return other  # whatever wrote this form swapped every date it could
    return main + other if clash or (e.swaps and share != 0) else main


def _either(options: list[int], before: int | None, after: int | None, gapless: bool) -> int | None:
    """Which of two weeks that lie between the neighbours' follows on; None if nothing tells."""
    near = [w for w in options if before == w - 7 or after == w + 7]
    return near[0] if gapless and len(near) == 1 else None


def _settle_in_order(e: Evidence, index: list[int], clash: bool) -> tuple[list[int | None], list[str]]:
    """Weeks and reasons of one series whose rows (``index``) come in order of time."""
    options = [_options(e, i, clash) for i in index]
    copies = mark_copies(
        [o[0] if len(o) and e.on_main[i] else None for o, i in zip(options, index, strict=True)]
    )
    for k in copies:
        options[k] = []
    chain = longest_chain(options)
    reasons = [""] * len(index)
    known = [w for w in chain if w is not None]
    gapless = sum(b - a == 7 for a, b in pairwise(known)) >= _GAPLESS * (len(known) - 1)
    for k in range(len(index)):
        if len(options[k]) == 2 and chain[k] is not None:
            before = next((w for w in reversed(chain[:k]) if w is not None), None)
            after = next((w for w in chain[k + 1 :] if w is not None), None)
            fits = [w for w in options[k] if (before is None or w > before) and (after is None or w < after)]
            chain[k] = fits[0] if len(fits) == 1 else _either(fits, before, after, gapless)
            reasons[k] = "ambiguous_date" if chain[k] is None else ""
    weeks, taken, open_rows = list(chain), {w for w in chain if w is not None}, set[int]()
    for k, i in enumerate(index):
        if weeks[k] is not None or reasons[k]:
            continue
        free = [w for w in options[k] if w not in taken]
        if k in copies:
            reasons[k] = "copied_date"
        elif not options[k] or not e.on_main[i]:
            reasons[k] = _origin(e, i)
        elif len(free) == 1:  # a row out of its place, its date being sound
            weeks[k] = free[0]
        elif not free:  # the same week twice: for the check of duplicates to judge
            weeks[k] = int(e.main[i])
        else:
            reasons[k] = "ambiguous_date"
        if weeks[k] is None and reasons[k] != "ambiguous_date":
            open_rows.add(k)
    taken = {w for w in weeks if w is not None}
    for k, week in fill_between(chain, open_rows, taken, e.ends).items():
        weeks[k] = week
    return weeks, reasons


def _settle_unordered(e: Evidence, index: list[int]) -> tuple[list[int | None], list[str]]:
    """Weeks and reasons of one series whose row order says nothing."""
    options = [_options(e, i, clash=False) for i in index]
    taken = {o[0] for o in options if len(o) == 1}
    weeks: list[int | None] = []
    reasons = []
    for o, i in zip(options, index, strict=True):
        week = o[0] if len(o) == 1 else None
        if len(o) == 2:
            free = [w for w in o if w not in taken]
            week = free[0] if len(free) == 1 else None
        cause = "" if week is not None else "ambiguous_date" if o else _origin(e, i)
        if cause == "ambiguous_date" and e.swap_share.get(int(e.form[i]), 1.0) <= _SELDOM:
            week, cause = int(e.main[i]), "either_reading"
        weeks.append(week)
        reasons.append(cause)
    return weeks, reasons


def _clashes(series: Int, week: Int) -> Bool:
    """(N,) by series: some week stands twice."""
    out = np.zeros(int(series.max()) + 1, dtype=bool)
    known = week != UNKNOWN
    s, w = series[known], week[known]
    if ((np.diff(s) > 0) | ((np.diff(s) == 0) & (np.diff(w) > 0))).all():
        return out
    rank = np.lexsort((w, s))
    s, w = s[rank], w[rank]
    out[s[1:][(np.diff(s) == 0) & (np.diff(w) == 0)]] = True
    return out


def _findings(rows: DatedRows, days: Int, reason: NDArray[np.str_], order: Order) -> list[Finding]:
    groups: dict[tuple[bool, str], list[int]] = defaultdict(list)
    for i in np.flatnonzero(reason != ""):
        groups[(bool(days[i] == UNKNOWN), str(reason[i]))].append(int(i))
    out = []
    for (lost, kind), where in groups.items():
        lines = rows.lines[where]
        n = counted(len(where), "row")
        said = [rows.dates.texts[rows.dates.codes[i]] or "blank" for i in where[:5]]
        if lost:
            examples = [
                f"row {rows.lines[i]}: {t} ({rows.names[rows.series[i]]})"
                for i, t in zip(where, said, strict=False)
            ]
            ambiguous = kind == "ambiguous_date"
            remedy = (
                "write these dates as YYYY-MM-DD, or say the order with --dayfirst or --monthfirst"
                if ambiguous
                else f"write the right dates into these rows: one row a week, each a {WEEKDAYS[order.anchor]}"
            )
            out.append(
                Finding.at(
                    "refused",
                    kind,
                    lines,
                    rows.column,
                    _REFUSED[kind],
                    remedy,
                    file=rows.file,
                    examples=examples,
                    found=", ".join(said),
                    expected=f"dates on a {WEEKDAYS[order.anchor]}",
                )
            )
            continue
        examples = [
            f"row {rows.lines[i]}: {t} read as {as_days(days[i : i + 1])[0]}"
            for i, t in zip(where, said, strict=False)
        ]
        kept = kind == "either_reading"
        out.append(
            Finding.at(
                "warned" if kept else "repaired",
                kind,
                lines,
                rows.column,
                _KEPT if kept else _REPAIRED[kind].replace("{n}", n),
                "correct the dates in the file so that nobody has to guess them",
                file=rows.file,
                examples=examples,
            )
        )
    return out


def settle_dates(rows: DatedRows, order: Order) -> tuple[Int, list[Finding]]:
    """Days since 1970 of each row's week, ``UNKNOWN`` where refused, with the findings.

    Exact duplicates are to be dropped before. The same week twice in a series is left to the caller.
    """
    main = order.main[rows.dates.codes]
    sound = bool((weekday(main) == order.anchor).all())
    clash = _clashes(rows.series, main)
    e = gather(rows, order)
    fits = e.on_main | e.on_other
    refused = frequency_findings(rows.series, rows.names, main, fits, rows.lines, rows.column)
    if refused or (sound and order.certain and not clash.any()):
        return main, refused
    days = np.where(e.on_main & ~e.filled, main, UNKNOWN)
    doubt = (days == UNKNOWN) | (e.on_main & e.on_other & e.swaps)
    affected = clash | (np.bincount(rows.series[doubt], minlength=len(clash)) > 0)
    perm = np.argsort(rows.series, kind="stable")
    forward = direction(e, rows.series, perm)
    starts = np.searchsorted(rows.series[perm], np.arange(len(clash) + 1))
    reason = np.full(len(main), "", dtype="U20")
    for s in np.flatnonzero(affected):
        index = perm[starts[s] : starts[s + 1]].tolist()[:: forward or 1]
        weeks, why = _settle_in_order(e, index, bool(clash[s])) if forward else _settle_unordered(e, index)
        for i, week, cause in zip(index, weeks, why, strict=True):
            days[i] = UNKNOWN if week is None else week
            swapped = week is not None and not cause and week == e.other[i] and week != main[i]
            reason[i] = "swapped_day_month" if swapped else cause
    return days, _findings(rows, days, reason, order)
