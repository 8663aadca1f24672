"""What a panel is: a question for a person, the query that answers it, its unit and its limits."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DAY", "Panel", "Row", "line", "one"]

DAY = 86400.0


class Panel(NamedTuple):
    """``queries``: each with the words of its legend; ``single``: one number instead of a line over time.

    ``warn``, ``bad``: from where on it is yellow, red; with ``falling`` below them. ``says``: the words for 0
    and 1 of what is one or the other.
    """

    title: str
    description: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    single: bool = False
    warn: float | None = None
    bad: float | None = None
    falling: bool = False
    says: tuple[str, str] | None = None


class Row(NamedTuple):
    """Panels side by side."""

    title: str
    panels: tuple[Panel, ...]


def one(
    title: str,
    description: str,
    unit: str,
    query: str,
    legend: str = "",
    *,
    warn: float | None = None,
    bad: float | None = None,
    falling: bool = False,
    says: tuple[str, str] | None = None,
) -> Panel:
    """A panel of one number."""
    return Panel(title, description, unit, ((query, legend),), True, warn, bad, falling, says)


def line(title: str, description: str, unit: str, *queries: tuple[str, str]) -> Panel:
    """A panel of lines over time."""
    return Panel(title, description, unit, queries)
