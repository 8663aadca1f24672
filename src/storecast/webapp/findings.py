"""What the check of an uploaded file found, in plain words, with the rows concerned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from storecast.webapp.entries import Finding, Report
from storecast.webapp.words import Words, plural

__all__ = ["findings_table", "plain", "row_words", "show_report"]

_GROUPS = (
    # severity, icon, what people call it
    ("refused", "error", "Stands in the way"),
    ("warned", "warning", "Look at this: taken as it is"),
    ("repaired", "build", "Put right: one reading alone fitted"),
    ("info", "info", "Good to know"),
)
_MOST_SPANS = 12


def plain(text: str) -> str:
    """A text of a file, with nothing that Markdown takes for more."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+-.!|<>~$:" else c for c in text)


def row_words(rows: Sequence[int], count: int) -> str:
    """Lines of a file as people write them: 5, 9 to 14 and 21, and how many more there are."""
    spans: list[list[int]] = []
    for row in sorted(set(rows)):
        if spans and row == spans[-1][1] + 1:
            spans[-1][1] = row
        else:
            spans.append([row, row])
    shown = spans[:_MOST_SPANS]
    words = [f"{a:,}" if a == b else f"{a:,} to {b:,}" for a, b in shown]
    left = count - sum(b - a + 1 for a, b in shown)
    if left > 0:
        words.append(f"{left:,} more")
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def findings_table(report: Report) -> list[dict[str, Any]]:
    """All of it as a table; every row that the report names stands there."""
    return [
        {
            "Severity": f.severity,
            "File": f.file,
            "Column": f.column or "",
            "Rows": row_words(f.rows, f.count) if f.rows else "",
            "First row": f.row,
            "Count": f.count,
            "Found": f.what,
            "Remedy": f.remedy,
            "Examples": "; ".join(f.examples),
        }
        for f in report.findings
    ]


def _headline(report: Report, words: Words) -> None:
    held = (
        f"{plural(report.rows, 'row')} of {plural(report.series, 'series', 'series')}, weeks of "
        f"{words.day(report.first_week)} to {words.day(report.last_week)}, "
        f"{words.money(report.sales_total)} in all."
    ).replace("$", r"\$")
    if report.status == "refused":
        st.error(
            "This file cannot be used as it is. What stands in the way is named below; correct it and "
            "upload the file again.",
            icon=":material/error:",
        )
    elif report.status == "warned":
        st.warning(f"The file was taken, but look at what is named below. {held}", icon=":material/warning:")
    elif report.status == "repaired":
        st.success(f"The file was taken; some things were put right. {held}", icon=":material/build:")
    else:
        st.success(f"Nothing is wrong with the file. {held}", icon=":material/check_circle:")


def _one(finding: Finding) -> None:
    st.markdown(f"**{plain(finding.what)}**")
    lines = []
    if finding.column:
        lines.append(f"Column: {plain(finding.column)}")
    if finding.rows:
        noun = "Row" if finding.count == 1 else "Rows"
        lines.append(f"{noun} of the file: {row_words(finding.rows, finding.count)}")
    if finding.examples:
        lines.append("Found there: " + ", ".join(plain(text[:80]) for text in finding.examples))
    if finding.expected:
        lines.append(f"Expected: {plain(finding.expected)}")
    if finding.found and not finding.examples:
        lines.append(f"Found: {plain(finding.found)}")
    if finding.remedy:
        remedy = plain(finding.remedy)
        lines.append(f"What to do: {remedy[:1].upper()}{remedy[1:]}")
    if lines:
        st.markdown("\n".join(f"- {line}" for line in lines))


def show_report(report: Report, words: Words) -> None:
    """How the file is, then what was found, worst first."""
    _headline(report, words)
    for severity, icon, title in _GROUPS:
        found = [f for f in report.findings if f.severity == severity]
        if not found:
            continue
        rows = sum(f.count for f in found if f.rows)
        where = f", {plural(rows, 'row')}" if rows else ""
        with st.expander(
            f"{title}: {plural(len(found), 'point')}{where}",
            expanded=severity != "info",
            icon=f":material/{icon}:",
        ):
            for finding in found:
                _one(finding)
