"""Tables in Markdown, and results as files: derived figures only, never a row of sales."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["facts", "markdown_table", "today", "write_results"]


def today() -> str:
    """The day a measurement is dated with unless --date is given, ISO 8601."""
    return datetime.now(UTC).date().isoformat()


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers, aligned to the right."""
    width = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(width[0]), *(cell.rjust(w) for cell, w in zip(row[1:], width[1:], strict=True))]
        return "| " + " | ".join(cells) + " |"

    rule = "|" + "-" * (width[0] + 2) + "|" + "".join("-" * (w + 1) + ":|" for w in width[1:])
    return "\n".join([line(head), rule, *(line(row) for row in rows)])


def facts(date: str, machine: Mapping[str, str], versions: Mapping[str, str]) -> str:
    """One paragraph: when, where, with what."""
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['memory']}, {machine['system']}"
    with_what = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"Measured {date} on {where}, one thread; Python {machine['python']}, {with_what}."


def write_results(folder: Path, name: str, text: str, figures: Mapping[str, Any]) -> None:
    """``name``.md for people and ``name``.json for programs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text.rstrip() + "\n")
    (folder / f"{name}.json").write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")
    print(f"\n{text.rstrip()}\n\nwritten: {folder / name}.md and .json", flush=True)
