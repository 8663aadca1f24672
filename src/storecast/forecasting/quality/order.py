"""One series in file order: which weeks its rows stand for, where some dates are damaged.

The tools are the weekly grid and the order of the rows. A file that lists each series by date leaves little
choice: a row lies between its neighbours.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

__all__ = ["fill_between", "longest_chain", "mark_copies"]


def longest_chain(candidates: Sequence[Sequence[int]]) -> list[int | None]:
    """At most one candidate of each row, strictly increasing, as many rows as possible; None = left out.

    Longest increasing subsequence by patience sorting (Fredman 1975); the candidates of a row are offered
    from late to early, so that no two of them follow each other. The first candidate of a row is preferred
    where it fits between its neighbours in the chain as well.
    """
    tails: list[int] = []
    piles: list[int] = []  # node on top of each pile
    nodes: list[tuple[int, int, int]] = []  # row, candidate, node before
    for row, options in enumerate(candidates):
        for value in sorted(set(options), reverse=True):
            pile = bisect_left(tails, value)
            nodes.append((row, value, piles[pile - 1] if pile else -1))
            if pile == len(tails):
                tails.append(value)
                piles.append(len(nodes) - 1)
            else:
                tails[pile], piles[pile] = value, len(nodes) - 1
    chosen: list[int | None] = [None] * len(candidates)
    node = piles[-1] if piles else -1
    while node >= 0:
        row, value, node = nodes[node]
        chosen[row] = value
    return chosen


def mark_copies(weeks: list[int | None]) -> set[int]:
    """Rows of a run with one and the same week that stand for the missing weeks right beside it.

    A date copied down its column leaves a gap as long as the run: after it (the first row is right) or
    before it (the last one is). Only where exactly one side fits.
    """
    marked: set[int] = set()
    i, n = 0, len(weeks)
    while i < n:
        j = i
        while weeks[i] is not None and j + 1 < n and weeks[j + 1] == weeks[i]:
            j += 1
        this, extra = weeks[i], j - i
        if this is not None and extra:
            before, after = weeks[i - 1] if i else None, weeks[j + 1] if j + 1 < n else None
            fits_after = after is not None and after - this == 7 * (extra + 1)
            fits_before = before is not None and this - before == 7 * (extra + 1)
            if fits_after != fits_before:
                marked.update(range(i + 1, j + 1) if fits_after else range(i, j))
        i = j + 1
    return marked


def fill_between(
    chain: list[int | None], open_rows: set[int], taken: set[int], ends: tuple[int, int]
) -> dict[int, int]:
    """Weeks for ``open_rows`` where exactly as many weeks are missing between their neighbours in ``chain``.

    ``taken``: weeks of other rows of the series; ``ends``: first and last week of the whole panel, up to
    which a series may be filled at its own ends. Rows that do not fit are left out.
    """
    filled: dict[int, int] = {}
    n, i = len(chain), 0
    while i < n:
        if i not in open_rows:
            i += 1
            continue
        j = i
        inside = []
        while j < n and chain[j] is None:
            if j in open_rows:
                inside.append(j)
            j += 1
        before = next((chain[k] for k in range(i - 1, -1, -1) if chain[k] is not None), None)
        after = chain[j] if j < n else None
        if before is None and after is None:
            break
        low = before + 7 if before is not None else ends[0]
        high = after - 7 if after is not None else ends[1]
        missing = [week for week in range(low, high + 1, 7) if week not in taken]
        if len(missing) == len(inside):
            filled.update(zip(inside, missing, strict=True))
        i = j
    return filled
