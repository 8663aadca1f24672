"""Numbers, dates and small texts as people read them."""

from __future__ import annotations

import unicodedata
from datetime import date

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal

__all__ = ["Words", "plural"]

_DEFAULT = "en-US"


def _locale(name: str | None) -> Locale:
    try:
        return Locale.parse((name or _DEFAULT).replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en_US")


def plural(count: int, noun: str, many: str = "") -> str:
    """``1 store``, ``45 stores``."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


class Words:
    """``locale``: the browser's, such as en-GB; ``unit``: what sales are counted in."""

    def __init__(self, locale: str | None = None, unit: str = "$") -> None:
        self.locale, self.unit = _locale(locale), unit
        self._sign = len(unit) == 1 and unicodedata.category(unit) == "Sc"

    def number(self, value: float, decimals: int = 0) -> str:
        """Digits with the locale's separators."""
        form = "#,##0" + ("." + "0" * decimals if decimals else "")
        return str(format_decimal(value, format=form, locale=self.locale)).replace("-0", "0", 1) if (
            round(value, decimals) == 0
        ) else str(format_decimal(value, format=form, locale=self.locale))

    def money(self, value: float | None, *, cents: bool = False, sign: bool = False) -> str:
        """Dollars (or what sales are counted in) with separators; ``sign``: a plus before gains."""
        if value is None:
            return "unknown"
        digits = self.number(abs(value), 2 if cents else 0)
        zero = not any(c.isdecimal() and c != "0" for c in digits)
        lead = "" if zero else "−" if value < 0 else "+" if sign else ""
        return f"{lead}{self.unit}{digits}" if self._sign else f"{lead}{digits} {self.unit}"

    def short(self, value: float) -> str:
        """Dollars for a headline: $47.9 M."""
        for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
            if abs(value) >= size:
                return self.money_text(self.number(abs(value) / size, 1) + f" {letter}", value)
        return self.money(value)

    def money_text(self, digits: str, value: float) -> str:
        """Digits that were made elsewhere, with sign and unit."""
        lead = "−" if value < 0 else ""
        return f"{lead}{self.unit}{digits}" if self._sign else f"{lead}{digits} {self.unit}"

    def percent(self, share: float | None, *, sign: bool = False, decimals: int = 1) -> str:
        """A share as percent."""
        if share is None:
            return "unknown"
        digits = self.number(abs(share) * 100, decimals)
        zero = not any(c.isdecimal() and c != "0" for c in digits)
        lead = "" if zero else "−" if share < 0 else "+" if sign else ""
        return f"{lead}{digits} %"

    def day(self, iso: str | date | None) -> str:
        """A date as the locale writes it."""
        if iso is None:
            return "unknown"
        day = date.fromisoformat(iso[:10]) if isinstance(iso, str) else iso
        return str(format_date(day, format="medium", locale=self.locale))
