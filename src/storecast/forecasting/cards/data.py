"""The data card of a version: the sales that it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from storecast.forecasting.calendar import calendar_of
from storecast.forecasting.cards.card import Card, Section, bullets, listed, money, percent, plain, table
from storecast.forecasting.cards.subject import Subject
from storecast.forecasting.features import how_expected

__all__ = ["data_card"]

_SHAPES = {
    "store": "a file of stores and weeks (the classic seven columns)",
    "kaggle": "a folder of sales, features and stores (the Kaggle shape)",
    "long": "one row a series and week (unique_id, ds, y)",
}
_YEAR = 52
_SHOWN = 30  # findings


def data_card(subject: Subject) -> Card:
    """All of it: what the version holds of its history, and what was recorded when the data were read."""
    facts = _facts(subject)
    unit = subject.unit
    title = f"Data card: the sales behind {plain(subject.name)} version {subject.version}"
    summary = (
        f"{facts['sales']:,} weekly sales of {facts['series']:,} series in {facts['stores']:,} stores, "
        f"{facts['weeks']} weeks from {facts['first_week']} to {facts['last_week']}, "
        f"{money(facts['sales_total'], unit)} in all."
    )
    sections = (
        Section("What it is", _what(facts)),
        Section("What is missing or unusual", _gaps(facts)),
        Section("What was found when it was read", _findings(facts)),
        Section("Holidays and events", _holidays(facts)),
        Section("What is known beside sales", _beside(facts, subject)),
        Section("What it does not hold", _limits()),
    )
    return Card(title, summary, sections, facts)


def _facts(subject: Subject) -> dict[str, Any]:
    f, meta = subject.forecaster, subject.meta
    known = np.isfinite(f.history)
    count = known.sum(axis=0)
    some = count > 0
    first, last = known.argmax(axis=0), len(known) - 1 - known[::-1].argmax(axis=0)
    gaps = np.where(some, last - first + 1 - count, 0)
    weeks = f.history_weeks.astype("datetime64[D]")
    names = calendar_of(meta["calendar"]).holidays_in(weeks) if "calendar" in meta else [""] * len(weeks)
    holidays: dict[str, int] = {}
    for week in names:
        for name in filter(None, week.split(", ")):
            holidays[name] = holidays.get(name, 0) + 1
    read = meta.get("data")
    departments = len(set(f.blocks.tolist()) - {""})
    return {
        "name": subject.name,
        "version": subject.version,
        "data_digest": meta.get("data_digest"),
        "unit": subject.unit,
        "shape": None if read is None else read["shape"],
        "read": read,
        "news": meta.get("news"),
        "first_week": str(weeks[0]),
        "last_week": str(weeks[-1]),
        "weeks": len(weeks),
        "series": len(f.keys),
        "stores": len(set(f.stores.tolist())),
        "departments": departments,
        "sales": int(count.sum()),
        "sales_total": round(float(np.nansum(f.history)), 2),
        "missing_weeks": int(gaps.sum()),
        "series_with_gaps": int((gaps > 0).sum()),
        "series_under_a_year": int((count < _YEAR).sum()),
        "series_begun_later": int((some & (first > 0)).sum()),
        "series_ended_before": int((some & (last < len(known) - 1)).sum()),
        "negative": int((f.history < 0).sum()),
        "zero": int((f.history == 0).sum()),
        "calendar": meta.get("calendar", {}).get("name"),
        "holidays": holidays,
        "events": meta.get("events"),
    }


def _what(facts: Mapping[str, Any]) -> str:
    shape = _SHAPES.get(facts["shape"] or "", "not recorded by the version that made it")
    rows = [
        ["Source", shape],
        ["Digest (SHA-256 of the files' content)", f"`{plain(facts['data_digest'] or 'not recorded')}`"],
        ["Weeks", f"{facts['weeks']}, {facts['first_week']} to {facts['last_week']}"],
        ["Series", f"{facts['series']:,}"],
        ["Stores", f"{facts['stores']:,}"],
        ["Departments", f"{facts['departments']:,}" if facts["departments"] else "none, stores as a whole"],
        ["Weekly sales", f"{facts['sales']:,}"],
        ["Sales in all", money(facts["sales_total"], facts["unit"])],
    ]
    return table(["what", "value"], rows)


def _gaps(facts: Mapping[str, Any]) -> str:
    missing, short = facts["missing_weeks"], facts["series_under_a_year"]
    later, ended = facts["series_begun_later"], facts["series_ended_before"]
    gaps = f"{missing:,} weeks are missing within {facts['series_with_gaps']:,} series."
    ends = f"{later:,} series begin after the first week, {ended:,} have no sales in the last one"
    below = f"{facts['negative']:,} weekly sales are negative (more was brought back than sold)"
    lines = [
        f"{gaps} A missing week stays missing: it is neither zero nor filled in.",
        f"{ends}, {short:,} know less than a year.",
        f"{below}, {facts['zero']:,} are zero.",
    ]
    return bullets(lines)


def _findings(facts: Mapping[str, Any]) -> str:
    parts = []
    for name, told in (("read", "At training"), ("news", "At the last update")):
        read = facts[name]
        if read is not None:
            parts.append(f"{told}: {plain(read['status'])}, {read['rows']:,} rows.")
            if found := read["findings"]:
                rows = [[plain(item["severity"]), plain(item["what"])] for item in found[:_SHOWN]]
                parts.append(table(["how grave", "what"], rows))
                if (more := len(found) - _SHOWN) > 0:
                    parts.append(f"And {more:,} more.")
            else:
                parts.append("Nothing had to be repaired, and nothing was doubtful.")
    return "\n\n".join(parts) or "Not recorded by the version that made it."


def _holidays(facts: Mapping[str, Any]) -> str:
    found = facts["holidays"]
    told = ", ".join(f"{plain(name)} ({weeks})" for name, weeks in found.items()) or "none"
    parts = [f"Calendar: {plain(facts['calendar'] or 'not recorded')}. In weeks of this history: {told}."]
    events: Sequence[Sequence[str]] | None = facts["events"]
    if events is None:
        parts.append("Known events: not recorded.")
    elif not events:
        parts.append("No promotion, closure or opening was told.")
    else:
        rows = [[plain(k), first, last, plain(s or b or "all")] for k, first, last, s, b in events[:_SHOWN]]
        parts.append(table(["event", "first week", "last week", "of"], rows))
        if (more := len(events) - _SHOWN) > 0:
            parts.append(f"And {more:,} more.")
    return "\n\n".join(parts)


def _beside(facts: Mapping[str, Any], subject: Subject) -> str:
    read = facts["read"]
    if read is None:
        return "Not recorded by the version that made it."
    uses = subject.forecaster.direct is not None
    rows = []
    for name, known in read["exogenous"].items():
        ahead = f"{known['ahead']} weeks" if known["ahead"] else "none"
        filled = how_expected(name) if uses else "not read by this model"
        rows.append([plain(name.replace("_", " ")), percent(known["known"]), ahead, filled])
    parts = []
    if rows:
        heads = ["column", "known of all weeks", "known ahead", "where a coming week is not known"]
        parts.append(table(heads, rows))
    else:
        parts.append("No temperature, fuel price, consumer prices, unemployment or markdowns.")
    static = listed([str(name) for name in read["static"]])
    parts.append(f"Of stores it is known: {static or 'nothing but their names'}.")
    return "\n\n".join(parts)


def _limits() -> str:
    return bullets(
        (
            "People: no customer, employee or single receipt is in it.",
            "Prices, stock and orders: a week that was sold out looks like a week of little demand.",
            "What happened elsewhere: competitors, weather to come, anything not in a column above.",
        )
    )
