"""What a check finds, in words a person can act on, and what a read sales file is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from storecast.errors import DataError

__all__ = ["Finding", "QualityReport", "SalesData", "SalesRefusedError", "Severity", "refuse", "row_list"]

Severity = Literal["info", "repaired", "warned", "refused"]
_ORDER: tuple[Severity, ...] = ("info", "repaired", "warned", "refused")
_MOST_ROWS = 1000  # rows a finding lists one by one; ``count`` counts on


def counted(n: int, noun: str, plural: str = "") -> str:
    """``1 row``, ``2,345 rows``."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def row_list(rows: Sequence[int], most: int = 8) -> str:
    """Line numbers as people write them: ``row 5`` or ``rows 5, 9 to 14 and 21``."""
    ordered = sorted(set(rows))
    spans: list[list[int]] = []
    for row in ordered:
        if spans and row == spans[-1][1] + 1:
            spans[-1][1] = row
        else:
            spans.append([row, row])
    words = [str(a) if a == b else f"{a} to {b}" if b > a + 1 else f"{a}, {b}" for a, b in spans]
    if len(words) > most:
        words = [*words[:most], f"{len(ordered) - sum(b - a + 1 for a, b in spans[:most])} more"]
    text = words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
    return ("row " if len(ordered) == 1 else "rows ") + text


@dataclass(frozen=True)
class Finding:
    """One thing a check found.

    ``row``: first row concerned, as the line of the file (header = line 1), ``rows``: the first thousand
    of them, ``count``: how many in all; ``column``: as spelled in the file; ``what`` was found or done, and
    the ``remedy``; ``examples``: a few of the values concerned. ``severity``: ``info`` (worth knowing),
    ``repaired`` (one reading alone fitted, and was taken), ``warned`` (taken as it is, look at it) or
    ``refused``.
    """

    severity: Severity
    kind: str
    row: int | None
    column: str | None
    what: str
    remedy: str
    count: int = 1
    examples: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    file: str = ""
    expected: str = ""
    found: str = ""

    @classmethod
    def at(
        cls,
        severity: Severity,
        kind: str,
        rows: Iterable[int],
        column: str | None,
        what: str,
        remedy: str,
        *,
        file: str = "",
        examples: Iterable[str] = (),
        expected: str = "",
        found: str = "",
    ) -> Finding:
        """A finding on ``rows`` (file lines, any order); ``{rows}`` in ``what`` becomes their list."""
        lines = sorted({int(row) for row in rows})
        return cls(
            severity=severity,
            kind=kind,
            row=lines[0] if lines else None,
            column=column,
            what=what.replace("{rows}", row_list(lines)) if lines else what,
            remedy=remedy,
            count=max(1, len(lines)),
            examples=tuple(list(examples)[:5]),
            rows=tuple(lines[:_MOST_ROWS]),
            file=file,
            expected=expected,
            found=found,
        )

    @property
    def where(self) -> str:
        """File, rows and column, as far as they are known."""
        parts = [
            self.file,
            row_list(self.rows) if self.rows else "",
            f"column {self.column}" * bool(self.column),
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class QualityReport:
    """What ``validate`` reports: ``rows``, ``series``, weeks and ``sales_total`` are of the clean panel."""

    status: Literal["ok", "repaired", "warned", "refused"]
    rows: int
    series: int
    first_week: np.datetime64 | None
    last_week: np.datetime64 | None
    sales_total: float
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, panel: pd.DataFrame | None, findings: Iterable[Finding]) -> QualityReport:
        """The report on a clean ``panel`` (None: refused); the worst finding gives the status."""
        found = tuple(sorted(findings, key=lambda f: -_ORDER.index(f.severity)))
        worst: Severity = found[0].severity if found else "info"
        status = "refused" if panel is None else "ok" if worst == "info" else worst
        if panel is None or panel.empty:
            return cls(status, 0, 0, None, None, 0.0, found)
        days = panel["ds"].to_numpy(dtype="datetime64[D]")
        total = float(panel["y"].sum())
        return cls(status, len(panel), panel["unique_id"].nunique(), days.min(), days.max(), total, found)

    def as_dict(self) -> dict[str, Any]:
        """The object ``validate --json`` prints; dates as ISO text."""
        return {
            "status": self.status,
            "rows": self.rows,
            "series": self.series,
            "first_week": None if self.first_week is None else str(self.first_week),
            "last_week": None if self.last_week is None else str(self.last_week),
            "sales_total": round(self.sales_total, 2),
            "findings": [asdict(finding) for finding in self.findings],
        }


class SalesRefusedError(DataError):
    """The sales data was refused; ``findings`` holds every reason, with rows, columns and remedies."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(sorted(findings, key=lambda f: -_ORDER.index(f.severity)))
        reasons = [f for f in self.findings if f.severity == "refused"]
        first = reasons[0]
        others = "".join(f"\nalso: {f.what}" for f in reasons[1:6])
        if len(reasons) > 6:
            others += f"\nalso: {len(reasons) - 6} more reasons"
        super().__init__(
            first.what + others,
            where=first.where,
            expected=first.expected,
            found=first.found,
            remedy=first.remedy,
        )


def refuse(
    kind: str,
    what: str,
    remedy: str,
    *,
    file: str = "",
    rows: Iterable[int] = (),
    column: str | None = None,
    expected: str = "",
    found: str = "",
) -> SalesRefusedError:
    """The error to raise for one reason that makes reading on pointless."""
    return SalesRefusedError(
        [Finding.at("refused", kind, rows, column, what, remedy, file=file, expected=expected, found=found)]
    )


@dataclass(frozen=True)
class SalesData:
    """A sales file or folder as read and checked.

    ``panel``: long frame (columns of ``forecasting.panel``), sorted by ``unique_id`` and ``ds``, clean;
    ``future``: the same columns without ``y`` for weeks known ahead (Kaggle's test rows, features beyond the
    last sale, rows without sales after it), maybe empty; ``shape``: which of the three layouts it had;
    ``digest``: hex SHA-256 of the content of the input files.
    """

    panel: pd.DataFrame
    report: QualityReport
    shape: Literal["store", "kaggle", "long"]
    digest: str
    future: pd.DataFrame = field(default_factory=pd.DataFrame)


class SalesSource(Protocol):
    """Whatever reads sales data from a path.

    It stands here and not in ``ports``, which the service imports and which must not reach pandas.
    """

    def read(self, path: str) -> SalesData:
        """Read and check the sales at ``path``; raises ``SalesRefusedError`` where they cannot be taken."""
        ...
