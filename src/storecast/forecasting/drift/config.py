"""What may be set of the look for drift: the budget of false alarms and how it is shared, windows, limits.

Nothing here is a limit on a statistic: those follow from the budget and from the panel's own history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["KINDS", "LOOKS_A_YEAR", "DriftConfig"]

LOOKS_A_YEAR = 52
KINDS = (
    "lost-series",
    "unit",
    "shifted-dates",
    "stuck-input",
    "lost-input",
    "level",
    "input",
    "residual",
)
_SHARES = {
    "lost-series": 0.15,
    "unit": 0.05,
    "shifted-dates": 0.06,
    "stuck-input": 0.06,
    "lost-input": 0.04,
    "level": 0.3,
    "input": 0.17,
    "residual": 0.17,
}


@dataclass(frozen=True)
class DriftConfig:
    """``budget``: false alarms a year of weekly looks over the whole panel, all kinds together, and
    ``shares`` kind -> its part of it (they sum to 1).

    ``windows``: weeks that a lasting change is averaged over; ``reference``: weeks before the window that it
    is compared with, of which ``least_reference`` must be known; ``least_weeks``: of a series' own
    comparisons with earlier years before it is judged. ``members``: series from which a group has a middle of
    its own. ``most``: share of a group's series that must show a fault for it to be the group's. ``slip``:
    part of a slip of the calendar by a week that is no surprise. ``factors``: a unit's slips; ``near``: how
    far, as a factor, a ratio may lie from one; ``steady``: usual relative difference from last year up to
    which a series can tell a slip of the unit. ``forget``: weeks after which what is gone or stands still is
    no news. ``prior_weeks``: weeks of the panel's habit that a series' own is mixed with, ``prior_runs`` for
    what happens or not. ``walk``: correlation of an input with its last week from which it is compared with
    that instead of with last year. ``tail_prior``: shape of a score's tail (that of a generalized Pareto law)
    where too few are known.
    """

    budget: float = 1.0
    shares: Mapping[str, float] = field(default_factory=lambda: dict(_SHARES))
    windows: tuple[int, ...] = (2, 4, 8)
    reference: int = 26
    least_reference: int = 8
    least_weeks: int = 20
    members: int = 5
    most: float = 0.8
    slip: float = 0.25
    factors: tuple[float, ...] = (1e-3, 1e-2, 1e2, 1e3)
    near: float = 2.0
    steady: float = 0.35
    forget: int = 13
    prior_weeks: float = 8.0
    prior_runs: float = 4.0
    walk: float = 0.8
    tail_prior: float = 0.05

    def limit(self, kind: str, tests: int) -> float:
        """The p-value below which one of ``tests`` families of a ``kind`` alarms at one look."""
        return self.budget / LOOKS_A_YEAR * self.shares[kind] / max(tests, 1)
