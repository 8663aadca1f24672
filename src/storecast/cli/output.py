"""What the commands print: tables, progress and errors for people, JSON for programs."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

__all__ = ["errors", "money", "print_json", "program", "progress", "screen", "table"]

_PIPED_WIDTH = 160  # of tables that do not go to a terminal

screen = Console(soft_wrap=True, highlight=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)
if not screen.is_terminal:
    screen.width = _PIPED_WIDTH


def program() -> str:
    """How this program is called here: its name where the shell would find it, else its path."""
    found = shutil.which("storecast")
    here = Path(sys.argv[0])
    if found and here.exists() and Path(found).samefile(here):
        return "storecast"
    return os.path.relpath(here) if here.name == "storecast" else "storecast"


def money(value: float, unit: str = "$") -> str:
    """``$1,234`` or ``1,234 units``; a dash where it is not known."""
    if not math.isfinite(value):
        return "–"
    sign = "-" if value < 0 else ""
    text = f"{abs(value):,.0f}" if abs(value) >= 100 else f"{abs(value):,.2f}"
    return f"{sign}{unit}{text}" if len(unit) == 1 else f"{sign}{text} {unit}"


def print_json(value: Any) -> None:
    """One JSON document on standard output; numbers that are not finite become null."""
    sys.stdout.write(json.dumps(_plain(value), indent=2, ensure_ascii=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return value.item() if hasattr(value, "item") and not hasattr(value, "isoformat") else str(value)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table with its first column left and the others right."""
    out = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for i, column in enumerate(columns):
        out.add_column(column, justify="left" if i == 0 else "right")
    for row in rows:
        out.add_row(*(escape(cell) for cell in row))
    screen.print(out)


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Progress bars by stage on a terminal, nothing elsewhere; yields ``advance(stage, share)``."""
    bars = Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
    tasks: dict[str, Any] = {}

    def advance(stage: str, share: float) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=1.0)
        bars.update(tasks[stage], completed=share)

    with bars:
        yield advance
