"""The weeks of one series as they are sent: JSON, CSV and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from storecast.formulas import neutral

__all__ = ["SeriesRows", "as_text", "csv_cell"]


@dataclass(frozen=True)
class SeriesRows:
    """All weeks of one series as they are sent: ``json`` and ``csv`` a row each, ``columns`` (1 + 2 L, H)
    lists of dollars in the order of ``column_names``."""

    json: list[bytes]
    csv: list[str]
    columns: list[list[float]]


def as_text(
    name: str,
    weeks: Sequence[str],
    columns: list[list[float]],
    names: Sequence[str],
    flags: Mapping[int, str],
) -> SeriesRows:
    """The rows of the series ``name``; ``columns`` in the order of ``names``; ``flags``: week -> what else
    its JSON says."""
    key = msgspec.json.encode(name).decode()
    form = "".join(f',"{n}":%r' for n in names)
    rows = [
        f'{{"unique_id":{key},"ds":"{week}","horizon":{h + 1}{form % values}{flags.get(h, "")}}}'.encode()
        for h, (week, values) in enumerate(zip(weeks, zip(*columns, strict=True), strict=True))
    ]
    cell = csv_cell(name)
    lines = [
        f"{cell},{week},{h},{','.join(map(repr, values))}\n"
        for h, (week, values) in enumerate(zip(weeks, zip(*columns, strict=True), strict=True), start=1)
    ]
    return SeriesRows(rows, lines, columns)


def csv_cell(text: str) -> str:
    """A text as a CSV cell that no spreadsheet takes for a formula."""
    text = neutral(text)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text
