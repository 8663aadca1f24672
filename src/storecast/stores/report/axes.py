"""What the pictures share: axes of money and months, holidays, bands."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.calendar import Calendar
from storecast.stores.report.canvas import FORECAST, GRID, MUTED
from storecast.stores.report.words import MONTHS, Words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["at_day", "at_days", "draw_bands", "mark_holidays", "money_axis", "month_axis"]

Float = NDArray[np.float64]
Days = NDArray[np.datetime64]
_LONGEST = 20  # letters of a holiday's name that have room above a picture


def money_axis(axes: Axes, words: Words, ticks: int) -> None:
    """Round amounts with their unit, about ``ticks`` of them, and a grid."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.tick(value)))
    axes.grid(axis="y")


def month_axis(axes: Axes, first: np.datetime64, last: np.datetime64, most: int) -> None:
    """Months on the axis, not more than ``most``; January and the first one with their year."""
    start, end = first.astype("datetime64[M]"), last.astype("datetime64[M]")
    count = int((end - start).astype(np.int64)) + 1
    step = next((s for s in (1, 2, 3, 4, 6, 12, 24, 60) if count / s <= most), 120)
    months = [m for m in start + np.arange(count) if int(m.astype(np.int64)) % step == 0]
    shown = [m for m in months if first <= m.astype("datetime64[D]") <= last]
    labels = []
    for i, month in enumerate(shown):
        number, year = int(month.astype(np.int64)) % 12, 1970 + int(month.astype(np.int64)) // 12
        labels.append(f"{MONTHS[number]}\n{year}" if i == 0 or number == 0 else MONTHS[number])
    axes.set_xticks([at_day(m.astype("datetime64[D]")) for m in shown], labels)
    axes.set_xlim(at_day(first) - 3, at_day(last) + 4)


def at_day(day_: np.datetime64) -> float:
    """Where a day stands on the axis of days."""
    return float(day_.astype("datetime64[D]").astype(np.int64))


def at_days(days: Days) -> Float:
    """Where days stand on the axis of days."""
    return days.astype("datetime64[D]").astype(np.int64).astype(np.float64)


def mark_holidays(
    axes: Axes, calendar: Calendar, weeks: Days, labelled_from: np.datetime64, apart: float
) -> None:
    """A hairline at each holiday week; names above, from ``labelled_from`` on, where there is room."""
    names, weights = calendar.holidays_in(weeks), calendar.weights(weeks)
    marked = [i for i, name in enumerate(names) if name]
    axes.vlines(
        at_days(weeks[marked]), 0, 1, transform=axes.get_xaxis_transform(), color=GRID, lw=0.8, zorder=0
    )
    taken: list[float] = []
    for i in sorted(marked, key=lambda i: (-weights[i], i)):
        at = at_day(weeks[i])
        if weeks[i] < labelled_from or any(abs(at - other) < 7 * apart for other in taken):
            continue
        taken.append(at)
        axes.annotate(
            textwrap.shorten(names[i], _LONGEST, placeholder="…"),
            (at, 1.0),
            xycoords=axes.get_xaxis_transform(),
            xytext=(1, 3),
            textcoords="offset points",
            rotation=40,
            rotation_mode="anchor",
            fontsize="small",
            color=MUTED,
            annotation_clip=False,
        )


def draw_bands(axes: Axes, x: Float, bands: dict[float, tuple[Float, Float]], *, named: bool = True) -> None:
    """Bands by coverage, the widest the lightest."""
    for i, (coverage, (low, high)) in enumerate(sorted(bands.items(), reverse=True)):
        label = f"{coverage:g} % band" if named else None
        axes.fill_between(x, low, high, color=FORECAST, alpha=(0.16, 0.26)[min(i, 1)], lw=0, label=label)
