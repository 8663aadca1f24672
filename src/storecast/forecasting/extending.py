"""The history of a forecaster with new weeks behind it, and what the new data say otherwise of the old."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storecast.errors import DataError
from storecast.forecasting.attributes import texts_of
from storecast.forecasting.panel import Panel

__all__ = ["CORRECTED_WEEKS", "Extended", "extend"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]
CORRECTED_WEEKS = 8  # before the cutoff, in which sales may still be corrected
_SHOWN = 5


@dataclass(frozen=True)
class Extended:
    """``panel`` with ``new`` weeks after those of before; ``changed``: sales of weeks known before that are
    others now, ``lost``: such that are not there any more; ``early``: how many of both are older than what is
    usually corrected, with ``examples`` in words; ``born``: series that were not there before; ``gone``:
    those of which a whole file has no row any more. ``panel`` holds what was known of these."""

    panel: Panel
    new: int
    changed: int
    lost: int
    early: int
    examples: tuple[str, ...]
    born: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def remaining(self) -> Panel:
        """``panel`` without the series that are ``gone``."""
        return self.panel.of(~np.isin(self.panel.keys, self.gone)) if self.gone else self.panel


def extend(old: Panel, news: Panel) -> Extended:
    """``news`` may hold the new weeks alone or the whole history again; where both know a sale its word
    counts, and a week it covers without a row that was there is lost.

    Raises DataError where no week is new, one is left out, or the weeks are not on the grid of ``old``.
    """
    first, last = old.weeks[0], old.weeks[-1]
    _check_weeks(old, news)
    week = np.timedelta64(7, "D")
    weeks = np.arange(first, max(news.weeks[-1], last) + week, week)
    born = news.keys[~np.isin(news.keys, old.keys)]
    keys = np.unique(np.concatenate([old.keys, born]))
    mine, theirs = np.searchsorted(keys, old.keys), np.searchsorted(keys, news.keys)
    skipped = int(max(0, (first - news.weeks[0]).astype(np.int64)) // 7)  # weeks from before the history
    start = int((news.weeks[skipped] - first).astype(np.int64)) // 7
    rows = slice(start, start + len(news.weeks) - skipped)

    def put(before: Float | None, after: Float | None) -> tuple[Float, Float]:
        """(T, N) of each side, NaN where it says nothing."""
        both = np.full((2, len(weeks), len(keys)), np.nan)
        if before is not None:
            both[0, : len(old.weeks), mine] = before.T
        if after is not None:
            both[1, rows, theirs] = after[skipped:].T
        return both[0], both[1]

    was, now = put(old.values, news.values)
    covered = np.zeros(was.shape, dtype=bool)
    covered[rows] = True
    lost = covered & np.isfinite(was) & ~np.isfinite(now) & _whole(old, news)
    changed = np.isfinite(was) & np.isfinite(now) & (was != now)
    gone = lost.any(axis=0) & ~np.isfinite(now).any(axis=0)
    values = np.where(np.isfinite(now), now, np.where(lost & ~gone, np.nan, was))
    early = (changed | lost)[: max(0, len(old.weeks) - CORRECTED_WEEKS)]
    observed = {}
    for name in old.observed:
        before, after = put(old.observed[name], news.observed.get(name))
        observed[name] = np.where(np.isfinite(after), after, before)
    panel = Panel(
        weeks=weeks.astype("datetime64[D]"),
        keys=keys,
        values=values,
        stores=_labels(keys, mine, theirs, old.stores, news.stores),
        blocks=_labels(keys, mine, theirs, old.blocks, news.blocks),
        static={
            name: _labels(keys, mine[_said(known)], theirs, known[_said(known)], news.static.get(name))
            for name, known in old.static.items()
        },
        observed=observed,
        flagged=_flagged(old, news, len(weeks), rows, skipped),
    )
    found = Extended(
        panel,
        len(weeks) - len(old.weeks),
        int(changed.sum()),
        int(lost.sum()),
        int(early.sum()),
        _examples(early, panel, was, now),
        tuple(born.tolist()),
        tuple(keys[gone].tolist()),
    )
    if found.remaining.hierarchical != old.hierarchical:
        raise DataError(
            "The new sales change which stores have departments.",
            expected="departments in stores" if old.hierarchical else "one series for each store",
            found=f"new series {', '.join(born[:_SHOWN].tolist())}",
            remedy="Train on all of the data again.",
        )
    return found


def _whole(old: Panel, news: Panel) -> bool:
    """Whether the new data tell all of the weeks they cover, not only what has come since."""
    return bool(news.weeks[0] <= old.weeks[0])


def _check_weeks(old: Panel, news: Panel) -> None:
    last = old.weeks[-1]
    if ((news.weeks - last).astype(np.int64) % 7).any():
        raise DataError(
            "The weeks of the new sales are not those of the history.",
            expected=f"weeks every 7 days from {last}",
            found=str(news.weeks[-1]),
            remedy="Correct the dates, or say the order of day and month with --dayfirst or --monthfirst.",
        )
    if news.weeks[-1] <= last:
        raise DataError(
            "These sales hold no week that the champion has not seen.",
            expected=f"a week after {last}",
            found=f"weeks {news.weeks[0]} to {news.weeks[-1]}",
            remedy="Give the sales of the week that is over by now; nothing is to be done before.",
        )
    ahead = news.weeks > last
    empty = news.weeks[ahead][~np.isfinite(news.values[ahead]).any(axis=1)]
    gap = news.weeks[ahead][0] - last != np.timedelta64(7, "D")
    if gap or empty.size:
        raise DataError(
            "A week is missing between the history and the new sales.",
            expected=f"sales of the week {last + np.timedelta64(7, 'D')}",
            found=f"first new week {news.weeks[ahead][0]}" + (f", none of {empty[0]}" if empty.size else ""),
            remedy="Give all weeks since then; a file may hold several.",
        )


def _said(values: NDArray[Any]) -> NDArray[np.bool_]:
    """(N,) of which series an attribute is known."""
    known: NDArray[np.bool_] = (
        np.isfinite(values) if np.issubdtype(values.dtype, np.number) else texts_of(values) != ""
    )
    return known


def _labels(
    keys: NDArray[np.str_],
    mine: Int,
    theirs: Int,
    before: NDArray[Any],
    after: NDArray[Any] | None,
) -> NDArray[Any]:
    """(N,) what is said of each series; before counts where both say something."""
    number = np.issubdtype(before.dtype, np.number)
    out = np.full(len(keys), np.nan) if number else np.full(len(keys), "", dtype=object)
    if after is not None:
        out[theirs] = after.astype(np.float64) if number else texts_of(after)
    out[mine] = before.astype(np.float64) if number else texts_of(before)
    return out if number else out.astype(str)


def _flagged(old: Panel, news: Panel, weeks: int, rows: slice, skipped: int) -> NDArray[np.bool_] | None:
    if old.flagged is None:
        return None
    out = np.zeros(weeks, dtype=bool)
    if news.flagged is not None:
        out[rows] = news.flagged[skipped:]
    out[: len(old.flagged)] = old.flagged
    return out


def _examples(early: NDArray[np.bool_], panel: Panel, was: Float, now: Float) -> tuple[str, ...]:
    out = []
    for t, i in np.argwhere(early)[:_SHOWN]:
        after = f"{now[t, i]:,.2f}" if np.isfinite(now[t, i]) else "no row"
        out.append(f"series {panel.keys[i]}, week {panel.weeks[t]}: {was[t, i]:,.2f} before, {after} now")
    return tuple(out)
