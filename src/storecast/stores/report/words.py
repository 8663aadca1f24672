"""Numbers and dates as a planner reads them, the same under every locale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

__all__ = ["MONTHS", "Words", "counted", "day", "listed", "moment", "percent", "share"]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NOTHING = "–"
_STEPS = ((1e9, "B"), (1e6, "M"), (1e3, "K"))


def _sign(x: float, signed: bool) -> str:
    return "\N{MINUS SIGN}" if x < 0 else "+" if signed and x > 0 else ""


def day(date: np.datetime64, *, weekday: bool = True) -> str:
    """``Fri 3 Aug 2012``: no order of day and month to guess."""
    plain = date.astype("datetime64[D]")
    year, month, rest = str(plain).split("-")
    text = f"{int(rest)} {MONTHS[int(month) - 1]} {year}"
    return f"{_DAYS[(int(plain.astype(np.int64)) + 3) % 7]} {text}" if weekday else text


def percent(x: float, *, signed: bool = False) -> str:
    """A fraction as ``4.2 %``; large ones without decimals; a dash where it is unknown."""
    if not math.isfinite(x):
        return _NOTHING
    decimals = 1 if abs(x) < 10 else 0
    rounded = round(100 * x, decimals)
    return f"{_sign(rounded, signed)}{abs(rounded):,.{decimals}f}\N{NO-BREAK SPACE}%"


def moment(iso: str) -> str:
    """An ISO time as ``Mon 5 Nov 2012, 06:00 UTC``; what is no ISO time as it is."""
    try:
        at = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    zone = "" if at.tzinfo is None else f" {at.tzname()}"
    return f"{day(np.datetime64(at.date()))}, {at:%H:%M}{zone}"


def share(x: float) -> str:
    """What is a percentage already (a coverage) as ``79.8 %``."""
    return percent(x / 100.0)


def counted(n: int, noun: str, plural: str = "") -> str:
    """``1 week``, ``2,345 weeks``."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def listed(items: Sequence[str], most: int = 6) -> str:
    """``a, b and c``; beyond ``most`` items the rest is counted."""
    shown = [*items[:most], f"{len(items) - most} more"] if len(items) > most else list(items)
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1] if shown else ""


@dataclass(frozen=True)
class Words:
    """Amounts in ``unit``: a sign such as "$" stands before the number, a word such as "units" after it."""

    unit: str

    def money(self, x: float, *, signed: bool = False) -> str:
        """``$1,234,567``; one decimal below 100; a dash where it is unknown."""
        if not math.isfinite(x):
            return _NOTHING
        rounded = round(x, 1)
        decimals = 0 if abs(rounded) >= 100 or rounded == 0 else 1
        rounded = round(x, decimals) + 0.0
        return self._with_unit(rounded, f"{abs(rounded):,.{decimals}f}", signed)

    def short(self, x: float, *, signed: bool = False) -> str:
        """``$1.23M``: three digits that count, for pictures and headlines."""
        if not math.isfinite(x):
            return _NOTHING
        for size, letter in _STEPS:
            if abs(x) >= 0.9995 * size:
                scaled = abs(x) / size
                decimals = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
                return self._with_unit(x, f"{scaled:,.{decimals}f}{letter}", signed)
        return self.money(x, signed=signed)

    def tick(self, x: float) -> str:
        """The shortest exact label of a round number on an axis: ``$60M``, ``$2.5M``."""
        for size, letter in _STEPS:
            if abs(x) >= size:
                return self._with_unit(x, f"{abs(x) / size:.10g}{letter}", False)
        return self._with_unit(x, f"{abs(x):.10g}", False)

    def _with_unit(self, x: float, digits: str, signed: bool) -> str:
        sign = _sign(x, signed)
        if any(c.isalpha() for c in self.unit):
            return f"{sign}{digits}\N{NO-BREAK SPACE}{self.unit}"
        return f"{sign}{self.unit}{digits}"
