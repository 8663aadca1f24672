"""Pictures of drift: a column beside the same weeks of last year, and all series' deviations at a glance."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.drift import Alarm, Check
from storecast.forecasting.operators import look_back
from storecast.forecasting.timeline import make_timeline
from storecast.ports import DriftRun
from storecast.stores.report.axes import at_day, at_days, mark_holidays, money_axis, month_axis
from storecast.stores.report.canvas import FORECAST, INK, MISS, MUTED, PAPER, legend, place
from storecast.stores.report.drawings import Picture, picture
from storecast.stores.report.words import Words, day

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["alarm_picture", "map_picture"]

Float = NDArray[np.float64]
_BACK, _SHORT = 78, 40  # weeks that are drawn
_MAP_WEEKS, _MAP_ROWS = 52, 50
_FAR = 0.3  # deviation from which a cell has its full colour


def alarm_picture(run: DriftRun, alarm: Alarm) -> Picture | None:
    """What an alarm is about, beside the same weeks of last year; None where nothing is known of it."""
    panel = run.panel
    values = panel.values if alarm.column == "sales" else panel.observed[alarm.column]
    names = {"series": panel.keys, "store": panel.stores, "block": panel.blocks}
    mine = np.ones(len(panel.keys), dtype=bool)
    if alarm.level != "panel":
        mine = np.isin(names[alarm.level], alarm.keys)
    if not np.isfinite(values[:, mine]).any():
        return None
    line = _together(values[:, mine], mean=alarm.column != "sales")
    timeline = make_timeline(panel.weeks, 1, run.calendar)
    before = look_back(line[:, None], timeline.low[0], timeline.part[0])[:, 0]
    name = alarm.column.replace("_", " ")
    who = f"{alarm.level} {alarm.key}" if alarm.key else "the whole panel"
    since = day(np.datetime64(alarm.since))
    alt = f"{name} of {who}, week by week, beside the same weeks of last year; changed since {since}."
    return picture(
        partial(_draw_line, run, alarm, line, before),
        (3.0, 3.0),
        alt[:1].upper() + alt[1:],
        f"{name[:1].upper()}{name[1:]} of {who}; the change began {since}.",
    )


def _together(values: Float, *, mean: bool) -> Float:
    """(T,) sum, or mean, of what is known each week."""
    known = np.isfinite(values)
    total, count = np.where(known, values, 0.0).sum(axis=1), known.sum(axis=1)
    out = np.where(count > 0, total, np.nan)
    return out / np.maximum(count, 1) if mean else out


def _draw_line(run: DriftRun, alarm: Alarm, line: Float, before: Float, figure: Figure, narrow: bool) -> None:
    axes = figure.subplots()
    shown = slice(-(_SHORT if narrow else _BACK), None)
    weeks = run.panel.weeks[shown]
    x = at_days(weeks)
    mark_holidays(axes, run.calendar, weeks, weeks[0], 9.0 if narrow else 4.0)
    axes.axvspan(at_day(np.datetime64(alarm.since)) - 3.5, x[-1] + 4, color=MISS, alpha=0.12, lw=0)
    axes.plot(x, before[shown], color=MUTED, lw=1.1, ls=(0, (4, 2)), label="same weeks last year")
    axes.plot(x, line[shown], color=INK, lw=1.4, marker="o", ms=2.2, label=alarm.column.replace("_", " "))
    money_axis(axes, Words(run.unit if alarm.column == "sales" else ""), 5)
    month_axis(axes, weeks[0], weeks[-1], 6 if narrow else 14)
    place(figure, left=0.62, right=0.15, top=0.85, bottom=0.72)
    legend(figure, axes, 2)


def map_picture(run: DriftRun) -> Picture | None:
    """The deviations of stores (or of series) that moved most, a row each; None where none was judged."""
    check = _mapped(run)
    if check is None or check.deviation is None:
        return None
    deviation = check.deviation[-_MAP_WEEKS:]
    usual = check.deviation[: -run.drift.looks]
    count = np.maximum(np.isfinite(usual).sum(axis=0), 1)
    deviation = deviation - np.nan_to_num(usual).sum(axis=0) / count
    new = deviation[-max(run.drift.looks, 4) :]
    heard = np.isfinite(new).sum(axis=0) > 0
    moved = np.zeros(deviation.shape[1])
    moved[heard] = np.abs(np.nanmean(new[:, heard], axis=0))
    rows = np.argsort(-moved, kind="stable")[: min(_MAP_ROWS, int(heard.sum()))]
    if not len(rows):
        return None
    keys, cells = check.keys[rows], deviation[:, rows].T
    noun = "store" if check.level == "store" else "series"
    alt = f"Weekly deviations of {len(rows)} {noun} from last year and the others, the largest {keys[0]}."
    caption = (
        f"Each row is a {noun}, each column a week: blue is above, red below what last year and all together "
        f"would have it; full colour from {_FAR:.0%}. Those that moved most lately stand on top."
    )
    height = 1.1 + 0.17 * len(rows)
    return picture(partial(_draw_map, run, keys, cells), (height, height), alt, caption)


def _mapped(run: DriftRun) -> Check | None:
    levels = {check.level: check for check in run.drift.checks if check.kind == "level"}
    return levels.get("store", levels.get("series"))


def _draw_map(run: DriftRun, keys: NDArray[np.str_], cells: Float, figure: Figure, narrow: bool) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    axes = figure.subplots()
    colours = LinearSegmentedColormap.from_list("drift", [MISS, PAPER, FORECAST], bad=PAPER)
    x = at_days(run.panel.weeks[-cells.shape[1] :])
    edges = (x[0] - 3.5, x[-1] + 3.5, len(keys) - 0.5, -0.5)
    axes.imshow(
        cells, aspect="auto", cmap=colours, vmin=-_FAR, vmax=_FAR, extent=edges, interpolation="nearest"
    )
    if run.drift.looks and run.drift.looks < cells.shape[1]:
        axes.axvline(at_day(np.datetime64(run.drift.first)) - 3.5, color=INK, lw=0.8)
    axes.set_yticks(range(len(keys)), [str(k) for k in keys], fontsize=6 if narrow else 7)
    weeks = run.panel.weeks[-cells.shape[1] :]
    month_axis(axes, weeks[0], weeks[-1], 6 if narrow else 13)
    axes.set_xlim(edges[0], edges[1])
    place(figure, left=0.75, right=0.15, top=0.15, bottom=0.55)
