"""The page's large pictures: each drawn twice, wide and for a phone, with what it shows in words."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storecast.forecasting.backtest import Backtest
from storecast.forecasting.panel import Y
from storecast.ports import RunReport
from storecast.stores.report.accuracy import Accuracy, overlapping, top_rows
from storecast.stores.report.canvas import Size, canvas, svg
from storecast.stores.report.figures import lines, top_level
from storecast.stores.report.pictures import (
    draw_accuracy,
    draw_backtest,
    draw_forecast,
    draw_reasons,
    shown_cutoffs,
)
from storecast.stores.report.reasons import Reasons
from storecast.stores.report.words import Words, counted, day, listed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Picture",
    "accuracy_picture",
    "backtest_picture",
    "forecast_picture",
    "picture",
    "reasons_picture",
]

_WIDE, _NARROW = 10.6, 4.3  # inches
_HISTORY, _SHORT_HISTORY = 104, 52  # weeks
_SETS = {"all": "all weeks", "holiday": "holiday weeks", "other": "other weeks"}


@dataclass(frozen=True)
class Picture:
    """Two drawings of the same, ``wide`` and ``narrow``, as data addresses; ``alt``: what it shows."""

    wide: str
    narrow: str
    alt: str
    caption: str


def picture(
    draw: Callable[[Figure, bool], None], heights: tuple[float, float], alt: str, caption: str
) -> Picture:
    """What ``draw`` makes of a figure, wide and narrow, of so many inches' ``heights``."""
    drawn = []
    for size in (Size(_WIDE, heights[0]), Size(_NARROW, heights[1], narrow=True)):
        with canvas(size) as figure:
            draw(figure, size.narrow)
            drawn.append("data:image/svg+xml;base64," + b64encode(svg(figure)).decode())
    return Picture(drawn[0], drawn[1], alt, caption)


def forecast_picture(report: RunReport, levels: tuple[float, float], words: Words) -> Picture:
    """Two years of sales and the forecast of all together, with the bands ``levels`` (narrow, wide)."""
    forecaster, money = report.forecaster, words.money
    level = top_level(forecaster)
    line = lines(forecaster, level, 0, levels, _HISTORY)
    short = lines(forecaster, level, 0, levels, _SHORT_HISTORY)
    low, high = line.bands[levels[1]]
    alt = (
        f"Weekly sales from {day(line.history_weeks[0])} to {day(line.history_weeks[-1])}, then the forecast "
        f"of {counted(len(line.weeks), 'week')}: from {money(line.point.min())} to "
        f"{money(line.point.max())} a week, its {levels[1]:g} % band from {money(low.min())} to "
        f"{money(high.max())}."
    )
    names = report.calendar.holidays_in(line.weeks)
    ahead = [f"{n} ({day(w, weekday=False)})" for n, w in zip(names, line.weeks, strict=True) if n]
    if ahead:
        alt += f" Holidays ahead: {listed(ahead, 30)}."
    who = "All series together" if level == "total" else f"Series {forecaster.keys[0]}"
    caption = (
        f"{who}: sales, then the forecast with its {levels[0]:g} % (dark) and {levels[1]:g} % (light) bands. "
        "The vertical line is the last week with sales; hairlines are holiday weeks."
    )

    def draw(figure: Figure, narrow: bool) -> None:
        model = forecaster.config.model
        draw_forecast(figure, short if narrow else line, report.calendar, words, model, narrow=narrow)

    return picture(draw, (4.6, 4.7), alt, caption)


def backtest_picture(result: Backtest, words: Words) -> Picture:
    """What was forecast of everything together at past cutoffs, and what came."""
    shown, rows = shown_cutoffs(result), top_rows(result)
    outside = ""
    if result.levels:
        wide = max(result.levels)
        out = (rows[Y] < rows[f"storecast-lo-{wide:g}"]) | (rows[Y] > rows[f"storecast-hi-{wide:g}"])
        outside = f" {int(out.sum()):,} of {counted(len(out), 'week')} fell outside the {wide:g} % band."
    cutoffs = listed([day(c) for c in shown], 12)
    alt = f"Sales of all together beside what was forecast of them, seen up to {cutoffs}.{outside}"
    caption = (
        f"What {result.model} would have said at {counted(len(result.cutoffs), 'past cutoff')} "
        f"(vertical lines), and what came. It saw nothing after each cutoff.{outside}"
    )
    if len(shown) < len(result.cutoffs):
        caption += f" {len(shown)} of the cutoffs are drawn."
    tall = 1.6 * len(shown) + 1.2 if overlapping(result) else 3.9
    return picture(
        lambda figure, narrow: draw_backtest(figure, result, words, narrow=narrow),
        (tall, tall + 0.5),
        alt,
        caption,
    )


def accuracy_picture(accuracy: Accuracy, model: str, words: Words) -> Picture:
    """Errors by horizon and in holiday weeks beside both naives."""
    sets = [accuracy.total, *accuracy.by_horizon, *accuracy.by_holiday]
    parts = [
        f"{_SETS.get(s.name, f'{s.name} weeks ahead')}: {words.money(s.wmae)}, "
        f"naive-growth {words.money(s.growth)}, seasonal-naive {words.money(s.seasonal)}"
        for s in sets
    ]
    tall = 0.62 * len(sets)
    return picture(
        lambda figure, narrow: draw_accuracy(figure, accuracy, words, model, narrow=narrow),
        (tall + 0.5, tall + 0.7),
        f"Mean error (WMAE) of {model} and both naives. {'; '.join(parts)}.",
        f"Mean error (WMAE; short bars are good) of {model} beside both naives, by how far ahead and in "
        "holiday weeks.",
    )


def reasons_picture(reasons: Reasons, words: Words) -> Picture:
    """The steps from last year's sales to the forecast."""
    parts = [f"{title} {words.money(d, signed=i > 0)}" for i, (title, d) in enumerate(reasons.steps)]
    tall = 0.44 * (len(reasons.steps) + 1) + 0.2
    return picture(
        lambda figure, narrow: draw_reasons(figure, reasons.steps, words, narrow=narrow),
        (tall, tall),
        f"{'; '.join(parts)}; forecast {words.money(reasons.forecast)}.",
        "From last year's sales, step by step, to the forecast; the steps add up to the cent.",
    )
