"""What a look for drift says: alarms in words, and what was looked at."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Alarm", "Check", "DriftReport"]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Alarm:
    """One thing that changed beyond what chance explains.

    ``kind``: one of KINDS; ``level``: "panel", "store", "block" or "series", and ``key`` which ("" for the
    panel; several at once in words, ``keys`` all of them); ``column``: "sales" or an input. ``size``: the
    relative change (level, residual: -0.3 is a fall by 30 %), the factor (unit), weeks (shifted-dates: 1 is a
    week late; stuck, lost: how long), or the change in the input's own unit. ``since``: the first week
    concerned; ``raised``: the week at whose look it was first raised; ``active``: still so at the last look,
    or still wrong in the data (unit, shifted-dates). ``p_value``: of so much by chance anywhere among the
    tests of its family at one look; ``limit``: the part of the budget below which it alarms. ``sentence``
    says what is, ``remedy`` what to do.
    """

    kind: str
    level: str
    key: str
    keys: tuple[str, ...]
    column: str
    size: float
    since: str
    raised: str
    active: bool
    p_value: float
    limit: float
    sentence: str
    remedy: str


@dataclass(frozen=True)
class Check:
    """One family of tests at the last look: ``judged`` of the ``keys`` (K,) were; ``score`` (K,) is the
    p-value, corrected for all keys, NaN where not judged; ``size`` (K,) as in ``Alarm``; ``deviation`` (T, K)
    what was looked at, week by week, for pictures, or None."""

    kind: str
    level: str
    column: str
    limit: float
    keys: NDArray[np.str_]
    p_value: Float
    size: Float
    deviation: Float | None = None

    @property
    def judged(self) -> int:
        """How many keys there was enough known of."""
        return int(np.isfinite(self.p_value).sum())

    def as_dict(self) -> dict[str, Any]:
        """The family in numbers: the key nearest to an alarm, its p-value and size."""
        line = {
            "kind": self.kind,
            "level": self.level,
            "column": self.column,
            "keys": len(self.keys),
            "judged": self.judged,
            "limit": self.limit,
        }
        if not self.judged:
            return line | {"nearest": None, "p_value": None, "size": None}
        at = int(np.nanargmin(self.p_value))
        return line | {
            "nearest": str(self.keys[at]),
            "p_value": float(self.p_value[at]),
            "size": _plain(float(self.size[at])),
        }


@dataclass(frozen=True)
class DriftReport:
    """``alarms``: the gravest first, those that are over last; ``first`` and ``last``: the new weeks that
    were looked at, ``weeks`` (T,) all of them; ``budget``: false alarms a year of weekly looks; ``checks``:
    every family of tests, and ``not_judged`` why -> how many series were not."""

    first: str
    last: str
    looks: int
    series: int
    budget: float
    alarms: tuple[Alarm, ...]
    checks: tuple[Check, ...]
    weeks: NDArray[np.datetime64]
    not_judged: Mapping[str, int] = field(default_factory=dict)

    @property
    def drifted(self) -> bool:
        """Whether an alarm is on at the last look."""
        return any(alarm.active for alarm in self.alarms)

    def counts(self) -> dict[str, int]:
        """Kind -> alarms that are on at the last look; kinds without any are left out."""
        return dict(Counter(alarm.kind for alarm in self.alarms if alarm.active))

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it: plain types, None for what is not known."""
        return {
            "first_week": self.first,
            "last_week": self.last,
            "looks": self.looks,
            "series": self.series,
            "budget_a_year": self.budget,
            "drifted": self.drifted,
            "counts": self.counts(),
            "alarms": [{name: _plain(value) for name, value in vars(alarm).items()} for alarm in self.alarms],
            "checks": [check.as_dict() for check in self.checks],
            "not_judged": dict(self.not_judged),
        }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
