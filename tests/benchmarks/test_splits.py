"""The windows: dates of weeks, whole and never beyond the panel."""

from __future__ import annotations

from datetime import date

from benchmarks.splits import SPLITS

FIRST, WEEKS = date(2010, 2, 5), 143


def test_cutoffs_are_the_published_dates() -> None:
    """104 weeks from the first Friday of February 2010 end on 27 January 2012, 91 on 28 October 2011."""
    assert SPLITS["S1"].cutoffs(FIRST) == (date(2012, 1, 27),)
    assert SPLITS["XMAS"].cutoffs(FIRST) == (date(2011, 10, 28),)
    assert SPLITS["S3"].cutoffs(FIRST) == (date(2012, 1, 27), date(2012, 4, 27), date(2012, 7, 27))


def test_every_window_has_all_its_actuals() -> None:
    """No window reaches beyond the last of the panel's 143 weeks, and windows of a split do not overlap."""
    for split in SPLITS.values():
        assert split.known[-1] + split.horizon <= WEEKS
        gaps = [b - a for a, b in zip(split.known, split.known[1:], strict=False)]
        assert all(gap >= split.horizon for gap in gaps)


def test_only_the_christmas_window_holds_the_end_of_a_year() -> None:
    """Thanksgiving and Christmas 2011 fall into XMAS and into no other window."""
    holding = set()
    for split in SPLITS.values():
        for cutoff in split.cutoffs(FIRST):
            days = (date(2011, 11, 25) - cutoff).days, (date(2011, 12, 30) - cutoff).days
            if all(0 < day <= 7 * split.horizon for day in days):
                holding.add(split.name)
    assert holding == {"XMAS"}
