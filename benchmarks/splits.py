"""The windows that accuracy is measured on: what is known, what is asked, as dates of a panel's weeks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

__all__ = ["SPLITS", "Level", "Split"]

Level = Literal["store", "dept"]


@dataclass(frozen=True)
class Split:
    """One window: at ``level``, after each count of ``known`` weeks, ``horizon`` weeks ahead in one shot.

    The counts include the first week of the panel; ``about`` says what the window is good for.
    """

    name: str
    level: Level
    known: tuple[int, ...]
    horizon: int
    about: str

    def cutoffs(self, first_week: date) -> tuple[date, ...]:
        """The last week that may be seen, for each of ``known``."""
        return tuple(first_week + timedelta(weeks=weeks - 1) for weeks in self.known)


SPLITS: dict[str, Split] = {
    split.name: split
    for split in (
        Split("S1", "store", (104,), 39, "stores, two years known, nine months ahead"),
        Split("S2", "store", (111, 119, 127, 135), 8, "stores, two months ahead, four cutoffs"),
        Split("S3", "store", (104, 117, 130), 13, "stores, a quarter ahead, three cutoffs"),
        Split("XMAS", "store", (91,), 39, "stores, nine months with Thanksgiving and Christmas ahead"),
        Split("D1", "dept", (104,), 39, "departments, two years known, nine months ahead"),
        Split("D3", "dept", (117,), 26, "departments, half a year ahead"),
    )
}
