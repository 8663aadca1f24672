"""The pictures: forecast with bands, back-test, accuracy beside the naives, one explanation."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.backtest import Backtest
from storecast.forecasting.calendar import Calendar
from storecast.forecasting.panel import DS, Y
from storecast.stores.report.accuracy import Accuracy, overlapping, top_rows
from storecast.stores.report.axes import at_day, at_days, draw_bands, mark_holidays, money_axis, month_axis
from storecast.stores.report.canvas import FORECAST, GROWTH, INK, MISS, MUTED, PAPER, legend, place
from storecast.stores.report.figures import Lines
from storecast.stores.report.words import Words, day

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_accuracy", "draw_backtest", "draw_forecast", "draw_reasons", "shown_cutoffs"]

Float = NDArray[np.float64]
_PANELS = 4  # overlapping cutoffs are drawn below each other, this many of them


def draw_forecast(
    figure: Figure, line: Lines, calendar: Calendar, words: Words, model: str, *, narrow: bool
) -> None:
    """One key's history, last year's same weeks, naive x growth, and the forecast with its bands."""
    axes = figure.subplots()
    weeks = np.concatenate([line.history_weeks, line.weeks])
    mark_holidays(axes, calendar, weeks, line.weeks[0], 6.5 if narrow else 3.2)
    x = at_days(line.weeks)
    axes.plot(at_days(line.history_weeks), line.history, color=INK, lw=1.3, label="sales", zorder=3)
    axes.plot(
        np.concatenate([at_days(line.history_weeks[-1:]), x]),
        np.concatenate([line.history[-1:], line.point]),
        color=FORECAST,
        lw=1.9,
        label=f"forecast ({model})",
        marker="o" if len(x) == 1 else None,
        zorder=3,
    )
    draw_bands(axes, x, line.bands)
    if np.isfinite(line.before).any():
        axes.plot(x, line.before, color=MUTED, lw=1.1, ls=(0, (4, 2)), label="same weeks last year")
    if model != "naive-growth":
        axes.plot(x, line.naive, color=GROWTH, lw=1.0, ls=(0, (1, 1.5)), label="last year × recent growth")
    axes.axvline(at_day(line.history_weeks[-1]) + 3.5, color=MUTED, lw=0.8)
    money_axis(axes, words, 6)
    month_axis(axes, weeks[0], weeks[-1], 7 if narrow else 14)
    place(figure, left=0.62, right=0.15 if not narrow else 0.3, top=0.95, bottom=0.98 if narrow else 0.72)
    legend(figure, axes, 2 if narrow else 6)


def _cutoff_lines(axes: Axes, part: pd.DataFrame, levels: Sequence[float], *, named: bool) -> None:
    """One cutoff's forecasts with bands, and the actuals that fell outside the widest."""
    x = at_days(part[DS].to_numpy(dtype="datetime64[D]"))

    def column(name: str) -> Float:
        values: Float = part[name].to_numpy(dtype=np.float64)
        return values

    bands = {c: (column(f"storecast-lo-{c:g}"), column(f"storecast-hi-{c:g}")) for c in levels}

    def label(text: str) -> str | None:
        return text if named else None

    axes.plot(x, column(Y), color=INK, lw=1.2, label=label("sales"), zorder=3)
    axes.plot(x, column("storecast"), color=FORECAST, lw=1.7, label=label("forecast"), zorder=3)
    draw_bands(axes, x, bands, named=named)
    axes.plot(x, column("seasonal-naive"), color=MUTED, lw=1.0, ls=(0, (4, 2)), label=label("seasonal naive"))
    axes.plot(
        x, column("naive-growth"), color=GROWTH, lw=1.0, ls=(0, (1, 1.5)), label=label("naive × growth")
    )
    if bands:
        low, high = bands[max(bands)]
        out = (column(Y) < low) | (column(Y) > high)
        axes.plot(
            x[out],
            column(Y)[out],
            ls="",
            marker="o",
            ms=5,
            mfc=PAPER,
            mec=MISS,
            mew=1.5,
            label=label(f"outside the {max(bands):g} % band"),
            zorder=4,
        )


def shown_cutoffs(result: Backtest) -> list[np.datetime64]:
    """The cutoffs that are drawn: all where they do not overlap, else up to four with first and last."""
    if not overlapping(result) or len(result.cutoffs) <= _PANELS:
        return list(result.cutoffs)
    pick = np.linspace(0, len(result.cutoffs) - 1, _PANELS).round().astype(int)
    return [result.cutoffs[i] for i in pick]


def draw_backtest(figure: Figure, result: Backtest, words: Words, *, narrow: bool) -> None:
    """The sum of everything as it was forecast at past cutoffs, beside what came and both naives."""
    rows = top_rows(result)
    cutoffs = shown_cutoffs(result)
    stacked = overlapping(result)
    panels = len(cutoffs) if stacked else 1
    every = np.atleast_1d(figure.subplots(panels, 1, sharex=True, sharey=True))
    for i, cutoff in enumerate(cutoffs):
        axes = every[i if stacked else 0]
        part = rows[rows["cutoff"] == cutoff].sort_values(DS)
        if part.empty:
            continue
        axes.axvline(at_day(cutoff) + 3.5, color=MUTED, lw=0.8)
        _cutoff_lines(axes, part, result.levels, named=i == 0)
        if stacked:
            axes.set_title(f"seen up to {day(cutoff, weekday=False)}", color=MUTED, pad=2)
    first, last = min(cutoffs), rows[DS].to_numpy(dtype="datetime64[D]").max()
    for axes in every:
        money_axis(axes, words, 4 if stacked else 6)
        month_axis(axes, first, last, 7 if narrow else 14)
    place(figure, left=0.62, right=0.3 if narrow else 0.15, top=0.3, bottom=1.16 if narrow else 0.72)
    legend(figure, every[0], 2 if narrow else 7)


def draw_accuracy(figure: Figure, accuracy: Accuracy, words: Words, model: str, *, narrow: bool) -> None:
    """wmae by horizon and in holiday weeks beside both naives: bars, short is good."""
    sets = [("all weeks", accuracy.total)]
    sets += [(f"{s.name.replace('-', '–')} weeks ahead", s) for s in accuracy.by_horizon]
    sets += [({"holiday": "holiday weeks"}.get(s.name, "other weeks"), s) for s in accuracy.by_holiday]
    axes = figure.subplots()
    place_ = np.arange(len(sets), dtype=np.float64)
    bars = [
        (model, FORECAST, [s.wmae for _, s in sets], None),
        ("naive × growth", GROWTH, [s.growth for _, s in sets], "////"),
        ("seasonal naive", MUTED, [s.seasonal for _, s in sets], None),
    ]
    known = [v for _, _, values, _ in bars for v in values if np.isfinite(v)]
    longest = max(known, default=1.0) or 1.0
    for i, (name, colour, values, hatch) in enumerate(bars):
        drawn = axes.barh(
            place_ + (i - 1) * 0.27,
            np.nan_to_num(values),
            height=0.24,
            color=PAPER if hatch else colour,
            edgecolor=colour,
            hatch=hatch,
            lw=0.8,
            label=name,
        )
        for bar, value in zip(drawn, values, strict=True):
            axes.annotate(
                words.short(value),
                (bar.get_width(), bar.get_y() + bar.get_height() / 2),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize="small",
                color=INK if i == 0 else MUTED,
                weight="bold" if i == 0 else "normal",
            )
    axes.set_yticks(place_, [name for name, _ in sets])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(sets) - 0.5, -0.5)
    axes.set_xlim(0, longest * (1.22 if narrow else 1.1))
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    place(figure, left=1.35, right=0.1, top=0.05, bottom=0.5 if narrow else 0.4)
    legend(figure, axes, 3)


def draw_reasons(figure: Figure, steps: Sequence[tuple[str, float]], words: Words, *, narrow: bool) -> None:
    """From the first of ``steps`` (title and dollars), by what each further one adds, to their sum.

    The axis does not begin at zero, so both ends are points and only what is added is a bar.
    """
    axes = figure.subplots()
    names = [textwrap.fill(name, 24 if narrow else 60) for name, _ in steps] + ["Forecast"]
    running = np.cumsum([dollars for _, dollars in steps])
    before = np.concatenate([running[:1], running[:-1][: len(steps) - 1], running[-1:]])
    after = np.concatenate([running, running[-1:]])
    spread = float(after.max() - after.min()) or max(abs(float(after[-1])), 1.0) * 0.1
    rows = np.arange(len(names), dtype=np.float64)
    for i in range(len(names)):
        edge = i in (0, len(names) - 1)
        low, high = min(before[i], after[i]), max(before[i], after[i])
        colour = INK if i == 0 else FORECAST if edge or after[i] >= before[i] else GROWTH
        if edge:
            axes.plot([after[i]], [rows[i]], marker="D", ms=7, color=INK if i == 0 else FORECAST, ls="")
        else:
            axes.barh(rows[i], high - low, left=low, height=0.5, color=colour, lw=0)
            if high - low < spread * 1e-3:
                axes.plot([after[i]] * 2, [rows[i] - 0.25, rows[i] + 0.25], color=MUTED, lw=1.2)
        text = words.money(float(after[i])) if edge else words.money(float(after[i] - before[i]), signed=True)
        axes.annotate(
            text,
            (high, rows[i]),
            xytext=(8 if edge else 5, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
            weight="bold" if edge else "normal",
        )
        if i + 1 < len(names):
            axes.plot([after[i]] * 2, [rows[i] + 0.25, rows[i] + 0.75], color=MUTED, lw=0.7, ls=(0, (2, 2)))
    axes.set_yticks(rows, names)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(after.min() - 0.08 * spread, after.max() + (0.75 if narrow else 0.3) * spread)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    place(figure, left=1.85 if narrow else 3.0, right=0.1, top=0.05, bottom=0.05)
