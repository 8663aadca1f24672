"""Alarms in plain words: what is, since when, how rarely chance would show it, and what to do."""

from __future__ import annotations

from storecast.forecasting.drift.config import LOOKS_A_YEAR
from storecast.forecasting.panel import STORE

__all__ = ["remedy", "sentence"]

_LEVELS = {"store": STORE, "block": "department", "series": "series"}
_MANY_YEARS = 1000
_REMEDIES = {
    "lost-series": "Ask for the rows that are missing; if it has closed, say so in the events file.",
    "unit": "Have the export write the unit that it wrote before, and load these weeks again.",
    "shifted-dates": "Compare the dates of the export with the books, and load these weeks again.",
    "stuck-input": "See whether the source still delivers, and load these weeks again.",
    "lost-input": "See whether the source still delivers; until it does, models that read it guess.",
    "level": "Look for the cause on the spot; if it lasts, take the new weeks in, or train again.",
    "input": "Check the source and its unit; if it is right, train again on weeks that hold it.",
    "residual": "Take the new weeks in with storecast update; if it stays, train again.",
}


def remedy(kind: str) -> str:
    """What to do about an alarm."""
    return _REMEDIES[kind]


def sentence(kind: str, level: str, key: str, column: str, size: float, since: str, p_value: float) -> str:
    """What an alarm says, in one sentence and one on how rare that is."""
    who = _who(level, key)
    name = column.replace("_", " ")
    what = f"{name[:1].upper()}{name[1:]} of {who}"
    are, they_were, stand = ("are", "they were", "stand") if column == "sales" else ("is", "it was", "stands")
    more = "above" if size > 0 else "below"
    share = f"{abs(size):.0%}".replace("%", " %")
    weeks = f"{size:.0f} week{'s' if round(size) != 1 else ''}"
    if kind == "lost-series":
        text = f"{what} are missing for {weeks}, since {since}, though they were there a year ago."
    elif kind == "unit":
        factor = f"{size:,.0f} times" if size > 1 else f"one {1 / size:,.0f}th of"
        text = f"{what} {are} near {factor} what {they_were}, since {since}: another unit."
    elif kind == "shifted-dates":
        side = "before" if size > 0 else "after"
        text = f"{what} since {since} are those of the week {side} their date: dates are a week off."
    elif kind == "stuck-input":
        text = f"{what} {stand} still: the same to the last digit for {weeks}, since {since}."
    elif kind == "lost-input":
        text = f"{what} is no longer given, for {weeks}, since {since}."
    elif kind == "level":
        peers = "" if level == "panel" else " and their peers"
        text = f"{what} are {share} {more} what last year{peers} would have them, since {since}."
    elif kind == "input":
        text = f"{what} has moved by {size:+.3g} beyond its habit, since {since}."
    else:
        text = f"{what} are {share} {more} the model's forecasts, since {since}, more than its bands allow."
    return f"{text} Chance shows so much {_seldom(p_value)}."


def _who(level: str, key: str) -> str:
    return "the whole panel" if level == "panel" else f"{_LEVELS[level]} {key}"


def _seldom(p_value: float) -> str:
    years = 1.0 / max(LOOKS_A_YEAR * p_value, 1e-9)
    if years > _MANY_YEARS:
        return "less than once in a thousand years of weekly looks"
    return f"once in {years:,.0f} years of weekly looks"
