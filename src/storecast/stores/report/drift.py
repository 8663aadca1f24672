"""The page of drift: alarms with what one would look at, and all that was looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from storecast.forecasting.drift import Check, DriftReport
from storecast.ports import DriftRun
from storecast.stores.report.drift_pictures import alarm_picture, map_picture
from storecast.stores.report.tables import Column, Table
from storecast.stores.report.words import counted, day, moment

__all__ = ["drift_page"]

_MOST = 24  # alarms that are drawn
_LEVELS = {"panel": "all", "store": "stores", "block": "departments", "series": "series"}
_USUAL = """New weeks are compared with the same weeks of last year, holidays with holidays, and with the
model's own errors. What is usual is learnt from the weeks before, of each series and input by itself."""
_BUDGET = """Of all tests together, of every series and input and at every weekly look, at most {budget:g}
false alarm a year is meant to come. The column limit shows each family's part of that budget; it alarms
where its p-value, corrected for all that it tests, is below."""


def drift_page(run: DriftRun, style: Markup, program: str) -> dict[str, Any]:
    """The template's values; ``program`` is how ``storecast`` is called in a shell."""
    drift = run.drift
    on = sum(alarm.active for alarm in drift.alarms)
    drawn = [(alarm, alarm_picture(run, alarm)) for alarm in drift.alarms[:_MOST]]
    more = len(drift.alarms) - len(drawn)
    return {
        "style": style,
        "run": run,
        "program": program,
        "headline": _headline(drift, on),
        "weeks": _weeks(drift),
        "model": f"version {run.version} serves" if run.version else "without a model",
        "made": moment(run.created),
        "tiles": _tiles(drift, on),
        "alarms": drawn,
        "more": f"{counted(more, 'more alarm')}: see --json." if more else "",
        "map": map_picture(run),
        "checks": _checks(drift),
        "unjudged": [_unjudged(kind, n) for kind, n in drift.not_judged.items() if n],
        "sure": [_USUAL, _BUDGET.format(budget=drift.budget)],
    }


def _unjudged(kind: str, n: int) -> str:
    return (
        f"Not judged for {kind}: {counted(n, 'series', 'series')} with too few weeks that have a last year."
    )


def _headline(drift: DriftReport, on: int) -> str:
    if not drift.looks:
        return "No new weeks to look at"
    return f"{counted(on, 'thing')} drifted" if on else "Nothing has drifted"


def _weeks(drift: DriftReport) -> str:
    if not drift.looks:
        return "no new weeks"
    first, last = day(np.datetime64(drift.first)), day(np.datetime64(drift.last))
    return first if drift.looks == 1 else f"{first} to {last}"


def _tiles(drift: DriftReport, on: int) -> list[tuple[str, str, str]]:
    tests = sum(check.judged for check in drift.checks)
    columns = {check.column for check in drift.checks}
    over = len(drift.alarms) - on
    return [
        ("Alarms that are on", f"{on}", f"{over} over again" if over else "none is over again"),
        ("Weeks looked at", f"{drift.looks}", _weeks(drift)),
        (
            "Tests a week",
            f"{tests:,}",
            f"{counted(drift.series, 'series', 'series')}, {counted(len(columns), 'column')}",
        ),
        ("False alarms a year", f"{drift.budget:g}", "at most, of all of these tests together"),
    ]


def _checks(drift: DriftReport) -> Table:
    rows = []
    for check in drift.checks:
        nearest = check.as_dict()
        rows.append(
            (
                check.kind.replace("-", " "),
                check.column.replace("_", " "),
                _LEVELS[check.level],
                f"{check.judged:,} of {len(check.keys):,}",
                _nearest(check, nearest["nearest"]),
                "–" if nearest["p_value"] is None else _rare(nearest["p_value"]),
                _rare(check.limit),
            )
        )
    return Table(
        "Every family of tests, at the last week",
        (
            Column("kind", number=False),
            Column("column", number=False),
            Column("level", number=False),
            Column("judged"),
            Column("nearest to an alarm", number=False, key=True),
            Column("its p-value"),
            Column("limit"),
        ),
        tuple(rows),
    )


def _nearest(check: Check, key: str | None) -> str:
    p = check.p_value[np.isfinite(check.p_value)]
    return "–" if not key or not len(p) or p.min() >= 1.0 else key


def _rare(p: float) -> str:
    return "1" if p >= 1.0 else f"{p:.1g}" if p < 0.001 else f"{p:.3f}"
