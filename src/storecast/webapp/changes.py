"""What a what-if changes: events and inputs over ranges of weeks, in the address, in requests, in words."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

__all__ = ["EVENTS", "INPUTS", "Change", "from_text", "from_what_if", "to_what_if"]

EVENTS = {"promotion": "Promotion", "holiday": "Holiday", "closure": "Closure", "opening": "Opening"}
INPUTS = {
    "temperature": "Temperature, °F",
    "fuel_price": "Fuel price, $ a gallon",
    "cpi": "Consumer prices (CPI)",
    "unemployment": "Unemployment, %",
    **{f"markdown{i}": f"Markdown {i}, $" for i in range(1, 6)},
}
_LIFTED = ("promotion", "holiday")
_NUMBERS = count(1)


@dataclass
class Change:
    """``kind``: an event or an input, in the weeks ``first`` to ``last`` (an opening has no last). ``value``:
    percent that sales change by, or the input's value; None where past ones tell, or none is given.
    ``number`` tells changes on one page apart."""

    kind: str
    first: str
    last: str
    value: float | None = None
    number: int = field(default_factory=lambda: next(_NUMBERS), compare=False)

    @property
    def lifted(self) -> bool:
        """Whether it multiplies sales by what somebody may know."""
        return self.kind in _LIFTED

    @property
    def title(self) -> str:
        """What people call it."""
        return EVENTS.get(self.kind) or INPUTS[self.kind]

    def text(self) -> str:
        """As the address has it."""
        value = "" if self.value is None else f"{self.value:.10g}"
        return "~".join((self.kind, self.first, self.last, value)).rstrip("~")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) <= 1e9 else None  # false for what is no number, too


def from_text(text: str, weeks: Sequence[str]) -> Change | None:
    """The change that an address names; None where it names none."""
    kind, first, last, value = (text.split("~") + [""] * 4)[:4]
    if kind not in EVENTS and kind not in INPUTS:
        return None
    first = _week(first, weeks)
    return Change(kind, first, max(first, _week(last, weeks)) if last else first, _number(value))


def _week(day: str, weeks: Sequence[str]) -> str:
    """The week that a day is in, of those forecast; the nearest where it is in none."""
    return weeks[min(bisect_left(weeks, day), len(weeks) - 1)]


def to_what_if(
    series: str, by: str, horizon: int, changes: Sequence[Change], weeks: Sequence[str]
) -> dict[str, Any]:
    """The request; of two changes of one input in one week the later counts."""
    events: list[dict[str, Any]] = []
    inputs: dict[str, dict[str, float]] = {}
    for change in changes:
        if change.kind in EVENTS:
            event: dict[str, Any] = {"kind": change.kind, "first": change.first}
            if change.kind != "opening":
                event["last"] = change.last
            if change.lifted and change.value is not None:
                event["lift"] = round(1.0 + change.value / 100.0, 6)
            events.append(event)
        elif change.value is not None:
            within = {w: change.value for w in weeks[:horizon] if change.first <= w <= change.last}
            if within:
                inputs.setdefault(change.kind, {}).update(within)
    return {
        "series": series,
        "by": by,
        "horizon": horizon,
        "levels": [80.0, 95.0],
        "events": events,
        "inputs": inputs,
    }


def from_what_if(asked: Mapping[str, Any], weeks: Sequence[str]) -> list[Change]:
    """The changes of a saved request, whoever made it; what lies before the weeks forecast is left out."""
    out = []
    horizon = min(int(asked.get("horizon", 13)), len(weeks))
    end = weeks[horizon - 1]
    for event in asked.get("events", ()):
        last = event.get("last") or end
        if last < weeks[0] and event["kind"] != "opening":
            continue  # over by now
        lift = event.get("lift")
        value = None if lift is None else round(100.0 * (lift - 1.0), 4)
        out.append(Change(event["kind"], _week(event["first"], weeks), _week(last, weeks), value))
    for name, value in asked.get("inputs", {}).items():
        if name in INPUTS:
            by_week = value if isinstance(value, dict) else dict.fromkeys(weeks[:horizon], value)
            out += _ranges(name, by_week, weeks)
    return out


def _ranges(name: str, by_week: Mapping[str, float], weeks: Sequence[str]) -> list[Change]:
    """One change for each run of weeks of one value."""
    out: list[Change] = []
    before = ""
    for week in weeks:
        value = by_week.get(week)
        if value is not None:
            if out and out[-1].last == before and out[-1].value == value:
                out[-1].last = week
            else:
                out.append(Change(name, week, week, float(value)))
        before = week
    return out
