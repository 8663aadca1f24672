"""The report on an uploaded file in words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storecast.webapp.entries import Finding, Report
from storecast.webapp.findings import findings_table, plain, row_words


@pytest.mark.parametrize(
    ("rows", "count", "words"),
    [
        ([5], 1, "5"),
        ([5, 6], 2, "5 to 6"),
        ([9, 5, 10, 11, 21], 5, "5, 9 to 11 and 21"),
        ([1000, 1001], 4000, "1,000 to 1,001 and 3,998 more"),
        (list(range(2, 60, 2)), 29, "2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24 and 17 more"),
    ],
)
def test_rows_are_listed_as_people_write_them(rows: list[int], count: int, words: str) -> None:
    """Runs are joined, long lists end with how many are left."""
    assert row_words(rows, count) == words


@settings(max_examples=100, derandomize=True)
@given(st.text(max_size=60))
def test_a_text_of_a_file_is_no_markdown(text: str) -> None:
    """Every sign of Markdown is escaped, and taking the escapes away gives the text back."""
    made = plain(text)
    taken, at = "", 0
    while at < len(made):
        at += made[at] == "\\"
        taken += made[at]
        at += 1
    assert taken == text


def test_the_table_has_every_finding_with_its_rows() -> None:
    """What is saved as a file says what the page says."""
    finding = Finding("refused", "number", "1 cell", "write a number", 21, "Weekly_Sales", 1, ["oops"], [21])
    report = Report("refused", 0, 0, None, None, 0.0, [finding])
    (row,) = findings_table(report)
    assert (row["Rows"], row["Column"], row["Found"], row["Examples"]) == (
        "21",
        "Weekly_Sales",
        "1 cell",
        "oops",
    )
