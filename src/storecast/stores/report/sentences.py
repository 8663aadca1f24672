"""The headline, in plain words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from storecast.forecasting.backtest import Backtest
from storecast.forecasting.forecaster import Forecaster
from storecast.forecasting.panel import DS
from storecast.ports import RunReport
from storecast.stores.report.accuracy import Accuracy, holds, total_errors
from storecast.stores.report.figures import NEAR, changes, last_year, top_level
from storecast.stores.report.words import Words, counted, day, percent, share

__all__ = [
    "Headline",
    "accuracy_words",
    "bands_words",
    "coming_words",
    "gate_words",
    "headlines",
    "nouns",
    "quality_words",
]

Headline = tuple[str, str, str]
_CENT = 0.005


def nouns(report: RunReport) -> dict[str, str]:
    """What the members of each level are called: stores where the data speaks of stores, else series."""
    panel = report.panel
    of_stores = bool(panel.static or panel.observed or panel.flagged is not None)
    alone = "store" if of_stores else "series"
    return {
        "series": "department" if panel.hierarchical else alone,
        "store": "store",
        "total": "all together",
    }


def _windows(forecaster: Forecaster) -> list[int]:
    horizon = len(forecaster.weeks)
    return sorted({min(NEAR, horizon), horizon})


def _next(weeks: int) -> str:
    return "next week" if weeks == 1 else f"next {weeks} weeks"


def coming_words(report: RunReport, words: Words) -> list[str]:
    """What the next weeks bring in total against the same weeks last year."""
    return [_coming(report.forecaster, n, words) for n in _windows(report.forecaster)]


def _coming(forecaster: Forecaster, n: int, words: Words) -> str:
    change = changes(forecaster, top_level(forecaster), n)
    total, before, dollars = (float(v[0]) for v in (change.forecast, change.before, change.dollars))
    first, last = day(forecaster.weeks[0]), day(forecaster.weeks[n - 1])
    brings = "brings" if n == 1 else "bring"
    text = f"The {_next(n)} ({f'{first} to {last}' if n > 1 else first}) {brings} {words.money(total)}"
    if np.isnan(before):
        return f"{text}. There are no sales of a year before to compare with."
    moved = "as much as"
    if abs(dollars) >= _CENT:
        moved = f"{words.money(abs(dollars))} {'more' if dollars > 0 else 'less'} than"
    ratio = percent(float(change.relative[0]), signed=True)
    new = total - float(change.comparable[0])
    if abs(new) < _CENT:
        return f"{text}, {moved} the {words.money(before)} of the same weeks last year ({ratio})."
    unknown = int((~np.isfinite(last_year(forecaster)[:n])).any(axis=0).sum())
    return (
        f"{text}. Of this, {words.money(new)} have nothing to compare with ({unknown:,} of "
        f"{counted(len(forecaster.keys), 'series', 'series')} did not sell in all of these weeks last year); "
        f"the rest is {moved} the {words.money(before)} of then ({ratio})."
    )


def headlines(report: RunReport, accuracy: Accuracy | None, words: Words) -> list[Headline]:
    """The figures to see first: title, figure, and what it stands against."""
    forecaster, out = report.forecaster, list[Headline]()
    for n in _windows(forecaster):
        change = changes(forecaster, top_level(forecaster), n)
        like = "like for like " if abs(float(change.forecast[0] - change.comparable[0])) >= _CENT else ""
        note = f"{percent(float(change.relative[0]), signed=True)} {like}against last year"
        note = "no sales of a year before" if np.isnan(change.before[0]) else note
        title = _next(n)
        out.append((title[:1].upper() + title[1:], words.short(float(change.forecast[0])), note))
    if accuracy is None or report.backtest is None:
        return [*out, ("Mean error", "not measured", "the history is too short for a back-test")]
    total, serving, judged = accuracy.total, forecaster.config.model, report.backtest.model
    title = "Mean error in the back-test"
    if serving == judged:
        ratio = percent(abs(total.added) / total.better) if total.better > 0 else "–"
        note = f"{ratio} {'less' if total.added >= 0 else 'more'} than the better naive"
        out.append((title, words.short(total.wmae), note))
    else:
        errors = {"seasonal-naive": total.seasonal, "naive-growth": total.growth}
        note = f"of {serving}; {judged}, which did not pass: {words.short(total.wmae)}"
        out.append((title, words.short(errors.get(serving, float("nan"))), note))
    if accuracy.coverage:
        found = accuracy.coverage[0]
        whose = "" if serving == judged else f" of {judged}"
        note = f"of weeks, {found.nominal:g} % promised: {holds(found)}"
        out.append((f"The {found.nominal:g} % band{whose} held", share(found.measured), note))
    return out


def gate_words(report: RunReport) -> list[str]:
    """Which model serves, and why."""
    serving, reason = report.forecaster.config.model, report.gate.reason
    version = f" (version {report.version} of {report.name})" if report.version else ""
    if report.gate.decision != "promote":
        champion = report.gate.champion
        stays = f"version {champion} serves on" if champion is not None else "nothing is promoted"
        return [
            f"{serving}{version} does not serve, {stays}. Why: {reason}",
            f"The forecasts on this page are those of {serving}{version}.",
        ]
    if report.gate.passed:
        return [f"{serving} serves{version}. Why: {reason}"]
    out = [f"The naive forecast {serving} serves{version}: no model passed the gate. Why: {reason}"]
    if report.backtest is not None and report.backtest.model != serving:
        out.append(
            f"The back-test on this page judges {report.backtest.model}, which did not pass; the forecasts "
            f"and their bands are those of {serving}."
        )
    return out


def accuracy_words(result: Backtest, accuracy: Accuracy, names: Mapping[str, str], words: Words) -> list[str]:
    """How good the forecasts are, beside both naives."""
    total, money = accuracy.total, words.money
    first, last = (np.datetime64(day_, "D") for day_ in (result.rows[DS].min(), result.rows[DS].max()))
    compared = ", ".join(
        f"{name} {money(value)} (value added {money(value - total.wmae, signed=True)}, "
        f"{percent((value - total.wmae) / value, signed=True) if value > 0 else '–'})"
        for name, value in (("seasonal-naive", total.seasonal), ("naive-growth", total.growth))
    )
    measured = (
        f"In the back-test ({counted(len(result.cutoffs), 'cutoff')}, up to "
        f"{counted(result.horizon, 'week')} ahead, {day(first)} to {day(last)}) {result.model} was off by "
        f"{money(total.wmae)} a week and {names['series']} on average (WMAE: holiday weeks count five "
        f"times). Beside it: {compared}."
    )
    out = [measured]
    if errors := total_errors(result):
        cutoff, worst = max(errors, key=lambda e: abs(e[1]))
        text = (
            f"The total of all weeks after a cutoff was off by {percent(_mean([abs(e) for _, e in errors]))}"
        )
        if len(errors) > 1:
            text += f" on average, at worst {_leaning(worst)} (seen up to {day(cutoff)})"
        out.append(f"{text}. Over all of them it was {_leaning(accuracy.bias)}.")
    if len(accuracy.by_store) > 1:
        what = names["store"] if "store" in result.higher else names["series"]
        many = counted(len(accuracy.by_store), what, "series" if what == "series" else f"{what}s")
        lost = [s for s in accuracy.by_store if s.added < 0]
        clearly = sum(s.wmae > 1.05 * s.better for s in lost)
        out.append(
            f"Of {many}, {len(lost) or 'none'} did better with a naive forecast"
            + (f", {clearly or 'none'} of them by more than 5 %." if lost else ".")
        )
    return out


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _leaning(bias: float) -> str:
    if not np.isfinite(bias) or abs(bias) < 0.0005:
        return "neither too high nor too low"
    return f"{percent(abs(bias))} too {'high' if bias > 0 else 'low'}"


def bands_words(
    result: Backtest, accuracy: Accuracy, horizon: int, names: Mapping[str, str], words: Words
) -> list[str]:
    """How honest the bands are, the narrow one of each level of the hierarchy."""
    out = []
    for found in accuracy.coverage:
        if found.nominal == min(result.levels):
            who = "all together" if found.level == "total" else f"each {names[found.level]}"
            out.append(
                f"The {found.nominal:g} % band of {who} held {share(found.measured)} of the sales of "
                f"{counted(found.weeks, 'week')} and is {words.money(found.width)} wide on average "
                f"({percent(found.share)} of mean sales): {holds(found)}."
            )
    if horizon > result.horizon:
        out.append(
            f"This was measured up to {counted(result.horizon, 'week')} ahead; what comes after that was not "
            "part of this back-test."
        )
    return out


def quality_words(report: RunReport, words: Words) -> str:
    """What the data is, and whether it is sound."""
    quality, span = report.quality, ""
    found = {
        "ok": "Nothing had to be repaired and nothing looks wrong.",
        "repaired": "Some of it was repaired, where one reading alone made sense; the table says what.",
        "warned": "Some of it should be looked at; it was taken as it is.",
        "refused": "It was refused.",
    }[quality.status]
    if quality.first_week is not None and quality.last_week is not None:
        span = f" from {day(quality.first_week)} to {day(quality.last_week)}"
    return (
        f"{counted(quality.rows, 'row')}, {counted(quality.series, 'series', 'series')}{span}, "
        f"{words.money(quality.sales_total)} of sales in all. {found}"
    )
