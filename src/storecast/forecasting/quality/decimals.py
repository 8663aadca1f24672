"""Lost decimal points: 164369090 among weeks of 1.6 million was 1643690.90.

A number is suspected when it has no cents in a column that has them, and is far above its series. It is
repaired only where exactly one power of ten brings it back among its neighbours or the same week of another
year, and as it stands it is unlike all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.panel import Y
from storecast.forecasting.quality.findings import Finding, counted
from storecast.forecasting.quality.rows import SalesRows

__all__ = ["Decimals", "lost_decimals", "repair_decimals"]

_COLUMNS = (Y, "temperature", "fuel_price", "cpi", "unemployment")

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

_FACTOR = 5.0  # times its series' median a number must be to be looked at
_LEAST = 26  # positive weeks a series must have to be judged
_REGULAR = 1.5  # the third quartile of a series in medians, up to which it is regular enough to repair
_FAR = 50.0  # times the rest of a series from which even an irregular one is doubted
_FIT = 2.0  # a repaired number lies within this factor of what surrounds it
_TIGHT = 1.5  # likewise where the number's own form says nothing
_UNLIKE = 3.0  # as it stands it is this many times above everything else in its series
_WHOLE = 1e-4  # from the next whole number: what arithmetic on cents leaves
_NEAR, _YEAR = 35, 364  # days
_POWERS = tuple(range(1, 10))


@dataclass(frozen=True)
class Decimals:
    """``rows``: positions to repair, ``power`` of ten to divide by; ``suspects``: positions to look at."""

    rows: Int
    power: Int
    suspects: Int


def _near(days: Int, i: int, within: int) -> Bool:
    return np.asarray(np.abs(days - days[i]) <= within)


def _same_week(days: Int, i: int) -> Bool:
    """Rows within two weeks of row i's date in other years."""
    apart = np.abs(days - days[i])
    off = (apart + _YEAR // 2) % _YEAR - _YEAR // 2
    return np.asarray((apart > _YEAR // 2) & (np.abs(off) <= 14))


def _season(days: Int, v: Float, whole: Bool, odd: Bool, i: int) -> bool:
    """Whether row i is one of a season's high weeks: others are as high and have their decimal point."""
    return bool((odd & ~whole & (_near(days, i, 14) | _same_week(days, i)) & (v[i] < _UNLIKE * v)).any())


def _judge(
    days: Int, v: Float, whole: Bool, cents: bool, median: float, regular: bool
) -> list[tuple[int, int]]:
    """Rows of one series that have lost their decimal point, and the power of ten; 0 = to be looked at."""
    out = []
    odd = v >= _FACTOR * median
    sound = (v > 0) & ~odd
    pointed = sound | (odd & ~whole)  # what has its decimal point is no lost one, however high
    for i in np.flatnonzero(odd).tolist():
        others = np.arange(len(v)) != i
        rest = float(v[others & (pointed if whole[i] else v > 0)].max())
        if v[i] < _UNLIKE * rest or _season(days, v, whole, odd & others, i):
            continue
        near, years = v[sound & _near(days, i, _NEAR)], v[sound & _same_week(days, i)]
        refs = [float(np.median(x)) for x, least in ((near, 4), (years, 1)) if len(x) >= least]
        own_form = bool(whole[i]) and cents
        fit = _FIT if own_form else _TIGHT
        powers = [k for k in _POWERS if any(1 / fit <= v[i] / 10**k / ref <= fit for ref in refs)]
        if len(powers) == 1 and own_form and regular:
            out.append((i, powers[0]))
        elif v[i] >= _FAR * rest or (regular and powers and (cents or powers[0] >= 2)):
            out.append((i, 0))
    return out


def lost_decimals(series: Int, days: Int, values: Float) -> Decimals:
    """Look for lost decimal points in ``values`` (n,), NaN = none, rows sorted by ``series`` and ``days``.

    A column most of whose numbers are whole has no decimal points to lose: there, nothing is repaired.
    """
    given = ~np.isnan(values)
    if not given.any():
        return Decimals(*(np.empty(0, dtype=np.int64),) * 3)
    s, d, v, at = series[given], days[given], values[given], np.flatnonzero(given)
    whole = np.abs(v - np.rint(v)) < _WHOLE
    cents = float(whole.mean()) < 0.5
    starts = np.flatnonzero(np.concatenate([[True], np.diff(s) > 0]))
    ends = np.concatenate([starts[1:], [len(s)]])
    ranked = v[np.lexsort((v, s))]
    positive = np.add.reduceat((v > 0).astype(np.int64), starts)
    low = ends - positive  # where the positive values of each series begin in ``ranked``
    middle = ranked[np.minimum(low + positive // 2, ends - 1)]
    high = ranked[np.minimum(low + (3 * positive) // 4, ends - 1)]
    doubt = (positive >= _LEAST) & (ranked[ends - 1] >= _FACTOR * middle)
    doubt &= (high <= _REGULAR * middle) | (ranked[ends - 1] >= _FAR * middle)
    found = [
        (int(at[a + i]), power)
        for a, b, m, h in zip(starts[doubt], ends[doubt], middle[doubt], high[doubt], strict=True)
        for i, power in _judge(d[a:b], v[a:b], whole[a:b], cents, float(m), h <= _REGULAR * m)
    ]
    repaired = np.array([f for f in found if f[1]], dtype=np.int64).reshape(-1, 2)
    return Decimals(repaired[:, 0], repaired[:, 1], np.array([i for i, k in found if not k], dtype=np.int64))


def repair_decimals(rows: SalesRows, days: Int, findings: list[Finding]) -> SalesRows:
    """Sorted rows with lost decimal points put back."""
    columns = dict(rows.columns)
    for name in _COLUMNS:
        if name not in columns:
            continue
        spelled, values = rows.spelled.get(name, name), columns[name]
        found = lost_decimals(rows.series, days, values)
        if len(found.rows):
            fixed = values.copy()
            fixed[found.rows] = np.rint(values[found.rows]) / 10.0**found.power
            lines = rows.lines[found.rows]
            examples = [
                f"row {n}: {values[i]:.0f} read as {fixed[i]}"
                for n, i in zip(lines[:5], found.rows, strict=False)
            ]
            columns[name] = fixed
            findings.append(
                Finding.at(
                    "repaired",
                    "lost_decimal_point",
                    lines,
                    spelled,
                    f"{counted(len(lines), 'value')} of {spelled} had lost"
                    " their decimal point ({rows}); put back where one place alone fits the weeks around.",
                    "correct the values in the file",
                    file=rows.file,
                    examples=examples,
                )
            )
        if len(found.suspects):
            lines = rows.lines[found.suspects]
            findings.append(
                Finding.at(
                    "warned",
                    "suspicious_spike",
                    lines,
                    spelled,
                    f"{spelled} is ten or more"
                    " times those around, as if a decimal point were lost ({rows}); kept as they are.",
                    "check these values in the file",
                    file=rows.file,
                    examples=[
                        f"row {n}: {values[i]:,.2f}" for n, i in zip(lines[:5], found.suspects, strict=False)
                    ],
                )
            )
    return replace(rows, columns=columns)
