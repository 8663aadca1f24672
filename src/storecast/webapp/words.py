"""Numbers, dates and small texts as people read them."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal

__all__ = ["Words", "plural"]

_DEFAULT = "en-US"
_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")


def _locale(name: str | None) -> Locale:
    try:
        return Locale.parse((name or _DEFAULT).replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en_US")


def plural(count: int, noun: str, many: str = "") -> str:
    """``1 store``, ``45 stores``."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


class Words:
    """``locale``: the browser's, such as en-GB; ``unit``: what sales are counted in, ``prefixed`` where it is
    a currency sign."""

    def __init__(self, locale: str | None = None, unit: str = "$") -> None:
        self.locale, self.unit = _locale(locale), unit
        self.prefixed = len(unit) == 1 and unicodedata.category(unit) == "Sc"

    def number(self, value: float, decimals: int = 0) -> str:
        """Digits with the locale's separators."""
        form = "#,##0" + ("." + "0" * decimals if decimals else "")
        shown = 0.0 if round(value, decimals) == 0 else value  # no minus before a zero
        return str(format_decimal(shown, format=form, locale=self.locale))

    def money(self, value: float | None, *, cents: bool = False, sign: bool = False) -> str:
        """Dollars (or what sales are counted in) with separators; ``sign``: a plus before gains."""
        if value is None:
            return "unknown"
        decimals = 2 if cents else 0
        return self._signed(round(value, decimals), self._with_unit(self.number(abs(value), decimals)), sign)

    def short(self, value: float) -> str:
        """Dollars for a headline: $47.9 M."""
        for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
            if abs(value) >= size:
                return self._signed(
                    value,
                    self._with_unit(f"{self.number(abs(value) / size, 2 if size > 1e6 else 1)} {letter}"),
                )
        return self.money(value)

    def percent(self, share: float | None, *, sign: bool = False, decimals: int = 1) -> str:
        """A share as percent."""
        if share is None:
            return "unknown"
        value = round(100.0 * share, decimals)
        return self._signed(value, f"{self.number(abs(value), decimals)} %", sign)

    def delta(self, share: float, says: str) -> str:
        """A change in percent as Streamlit's metrics want it: a plain minus turns their arrow down."""
        return f"{self.percent(share, sign=True)} {says}".replace("−", "-")

    def _with_unit(self, digits: str) -> str:
        return f"{self.unit}{digits}" if self.prefixed else f"{digits} {self.unit}"

    @staticmethod
    def _signed(value: float, text: str, sign: bool = False) -> str:
        return f"−{text}" if value < 0 else f"+{text}" if sign and value > 0 else text

    def day(self, iso: str | date | None) -> str:
        """A date as the locale writes it."""
        if iso is None:
            return "unknown"
        day = date.fromisoformat(iso[:10]) if isinstance(iso, str) else iso
        return str(format_date(day, format="medium", locale=self.locale))

    def dated(self, text: str) -> str:
        """A sentence of the service, whose dates are ISO's, with dates as the locale writes them."""
        return _DAY.sub(lambda found: self.day(found.group()), text)
