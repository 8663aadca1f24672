"""What a card is: facts, and sections of text made from them; and how numbers and tables are written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Card", "Section", "bullets", "listed", "money", "percent", "plain", "table"]

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")
_LISTED = 8


@dataclass(frozen=True)
class Section:
    """``text`` is Markdown."""

    title: str
    text: str


@dataclass(frozen=True)
class Card:
    """``facts``: all that the sections tell, as JSON has it; ``summary``: Markdown of a few sentences."""

    title: str
    summary: str
    sections: tuple[Section, ...]
    facts: Mapping[str, Any]

    def markdown(self) -> str:
        """The whole card as one Markdown document."""
        parts = [f"# {self.title}", self.summary]
        parts += [f"## {section.title}\n{section.text}" for section in self.sections]
        return "\n\n".join(parts) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "title": self.title,
            "summary": self.summary,
            "sections": [vars(section) for section in self.sections],
            "facts": dict(self.facts),
            "markdown": self.markdown(),
        }


def plain(text: object) -> str:
    """A text that came from outside, on one line, its marks taken as they stand."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def money(value: float | None, unit: str) -> str:
    """``$1,234`` or ``1,234 units``; a dash where it is not known."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{abs(value):,.0f}" if abs(value) >= 100 else f"{abs(value):,.2f}"
    sign = "-" if value < 0 else ""
    return f"{sign}{unit}{text}" if len(unit) == 1 else f"{sign}{text} {unit}"


def percent(share: float | None, sign: str = "") -> str:
    """A share of 1 with one decimal; a dash where it is not known."""
    return "–" if share is None or not math.isfinite(share) else f"{100 * share:{sign}.1f} %"


def bullets(lines: Sequence[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)


def listed(names: Sequence[str]) -> str:
    """Some names, the first of many."""
    more = len(names) - _LISTED
    return ", ".join(plain(name) for name in names[:_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; all columns but the first are right-aligned where all cells begin like numbers."""
    numbers = [i > 0 and all(re.match(r"[-+–]?\W?\d|–", row[i]) for row in rows) for i in range(len(columns))]
    rule = ["---:" if number else "---" for number in numbers]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (columns, rule, *rows))
