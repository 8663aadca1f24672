"""The tables, as headings and cells of text; the template lays them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from storecast.forecasting.promotion import GateReport
from storecast.forecasting.quality import QualityReport
from storecast.stores.report.accuracy import Accuracy, Miss, Score, better_naive, holds
from storecast.stores.report.figures import Change
from storecast.stores.report.words import Words, counted, percent, share

__all__ = [
    "Column",
    "Table",
    "coverage_table",
    "findings_table",
    "gate_table",
    "losers_table",
    "misses_table",
    "movers",
    "movers_table",
]

_MOST_FINDINGS = 50
_SEVERITY = {
    "refused": "refused",
    "warned": "look at it",
    "repaired": "repaired",
    "info": "good to know",
}


@dataclass(frozen=True)
class Column:
    """A heading; ``number`` columns are set to the right, ``key`` columns hold text from the data."""

    title: str
    number: bool = True
    key: bool = False


@dataclass(frozen=True)
class Table:
    """``rows`` hold one text a column; the first is the row's heading. ``note`` stands below."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def movers(change: Change, most: int) -> tuple[list[int], list[int]]:
    """Columns of ``change`` that rise and that fall most in dollars like for like, the largest first."""
    dollars = change.dollars
    order = np.argsort(-np.nan_to_num(dollars), kind="stable")
    up = [int(i) for i in order[:most] if dollars[i] > 0]
    down = [int(i) for i in order[::-1][:most] if dollars[i] < 0]
    return up, down


def movers_table(title: str, noun: str, change: Change, columns: Sequence[int], words: Words) -> Table:
    """Forecast against last year for the ``columns`` of ``change``."""
    rows = tuple(
        (
            str(change.keys[i]),
            words.money(float(change.dollars[i]), signed=True),
            percent(float(change.relative[i]), signed=True),
            words.money(float(change.comparable[i])),
            words.money(float(change.before[i])),
        )
        for i in columns
    )
    head = (Column("Change"), Column("%"), Column("Forecast"), Column("Last year"))
    return Table(title, (Column(noun, False, True), *head), rows)


def losers_table(title: str, noun: str, losers: Sequence[Score], model: str, words: Words) -> Table:
    """Stores whose forecast lost to their better naive in the back-test, the worst first."""
    rows = tuple(
        (
            s.name,
            words.money(s.wmae),
            words.money(s.better),
            better_naive(s),
            words.money(s.added, signed=True),
            percent(s.wmae / s.better - 1.0 if s.better > 0 else float("nan")),
        )
        for s in losers
    )
    head = (
        Column(f"Error of {model}"),
        Column("of the better naive"),
        Column("Which", False),
        Column("Value added"),
        Column("Worse by"),
    )
    return Table(title, (Column(noun, False, True), *head), rows)


def misses_table(title: str, noun: str, misses: Sequence[Miss], words: Words) -> Table:
    """Stores whose last actuals fell outside their band."""
    rows = tuple(
        (
            m.key,
            f"{m.outside} of {m.weeks}",
            "above" if m.above == m.outside else "below" if m.above == 0 else "both sides",
            words.money(m.actual),
            words.money(m.forecast),
            percent(m.actual / m.forecast - 1.0 if m.forecast > 0 else float("nan"), signed=True),
        )
        for m in misses
    )
    head = (
        Column("Weeks outside"),
        Column("Sold", False),
        Column("Sales"),
        Column("Forecast"),
        Column("Sales against it"),
    )
    return Table(title, (Column(noun, False, True), *head), rows)


def coverage_table(accuracy: Accuracy, nouns: Mapping[str, str], words: Words) -> Table:
    """What each band promised and what it held."""
    rows = tuple(
        (
            nouns[c.level],
            f"{c.nominal:g}\N{NO-BREAK SPACE}%",
            share(c.measured),
            holds(c),
            words.money(c.width),
            percent(c.share),
            f"{c.weeks:,}",
        )
        for c in accuracy.coverage
    )
    return Table(
        "Do the bands hold?",
        (
            Column("Level", False),
            Column("Promised"),
            Column("Measured"),
            Column("Verdict", False),
            Column("Mean width"),
            Column("of mean sales"),
            Column("Weeks"),
        ),
        rows,
        "Measured: the share of back-test weeks whose sales lay inside the band. The verdict leaves room for "
        "what chance explains in so few weeks; the smaller the width, the more a band says.",
    )


def gate_table(gate: GateReport, words: Words) -> Table:
    """The verdict on each segment against each naive."""
    rows = tuple(
        (
            "all weeks and series" if s.segment == "all" else s.segment,
            s.against,
            words.money(s.gain, signed=True),
            words.money(s.gain_low, signed=True),
            _chance(s.p_value if s.segment == "all" else s.p_holm),
            f"{s.weeks:,}",
            s.verdict,
        )
        for s in gate.segments
    )
    return Table(
        "The gate, segment by segment",
        (
            Column("Segment", False, True),
            Column("Against", False),
            Column("Gain"),
            Column("at least"),
            Column("Chance"),
            Column("Weeks"),
            Column("Verdict", False),
        ),
        rows,
        "Gain: the other's mean error minus the model's; the champion is what served, back-tested "
        "alike. At least: its lower bound with 95 % confidence. "
        "Chance: how likely a difference of this sign would be without a real one, corrected for the number "
        "of segments (Holm).",
    )


def _chance(p: float) -> str:
    return "–" if p != p else "< 0.001" if p < 0.001 else f"{p:.3f}"


def findings_table(quality: QualityReport) -> Table:
    """What the check of the data found, the gravest first."""
    rows = tuple(
        (
            _SEVERITY[f.severity],
            f.what,
            f.where,
            f"{f.count:,}",
            f.remedy,
        )
        for f in quality.findings[:_MOST_FINDINGS]
    )
    left = len(quality.findings) - len(rows)
    return Table(
        "What the check of the data found",
        (
            Column("Finding", False),
            Column("What", False, True),
            Column("Where", False, True),
            Column("Rows"),
            Column("What to do", False, True),
        ),
        rows,
        f"{counted(left, 'more finding')}: storecast validate shows them." if left else "",
    )
