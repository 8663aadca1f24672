"""What the commands print: tables, progress and errors for people, JSON for programs."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

__all__ = ["command", "errors", "money", "percent", "print_json", "progress", "screen", "table"]

_PIPED_WIDTH = 160  # of tables that do not go to a terminal
# A cell that is a number, an amount or a share; its column stands right-aligned.
_NUMBER = re.compile(r"[^\w(]?[-+]?[^\w(]?[\d.,]+( \S{1,12})?")

# No markup: names of files and series are shown as they are, brackets and all.
screen = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)
if not screen.is_terminal:
    screen.width = _PIPED_WIDTH


def command(*words: str, **options: str | bool | None) -> str:
    """A command line of this program to be copied into a shell as it stands; without ``words``, the program.

    ``options`` whose value is None are left out; True and False choose between ``--name`` and ``--no-name``.

    >>> command("explain", "my sales.csv", "7", sheet="Sales", name=None)
    "storecast explain 'my sales.csv' 7 --sheet Sales"
    """
    line = [_program(), *words]
    for name, value in options.items():
        if isinstance(value, str):
            line += [f"--{name}", value]
        elif value is not None:
            line.append(f"--{name}" if value else f"--no-{name}")
    return shlex.join(line)


def _program() -> str:
    """How this program is called here: its name where the shell would find it, else its path."""
    found = shutil.which("storecast")
    here = Path(sys.argv[0])
    if found and here.exists() and Path(found).samefile(here):
        return "storecast"
    if here.name != "storecast":
        return "storecast"
    near = os.path.relpath(here)
    return os.path.abspath(here) if near.startswith(os.pardir) else near


def money(value: float, unit: str = "$", *, cents: bool = False) -> str:
    """``$1,234`` or ``1,234 units``; small amounts, and all where ``cents``, with two decimals; a dash where
    it is not known."""
    if not math.isfinite(value):
        return "–"
    text = f"{abs(value):,.2f}" if cents or abs(value) < 100 else f"{abs(value):,.0f}"
    sign = "-" if value < 0 and text.strip("0.") else ""
    return f"{sign}{unit}{text}" if len(unit) == 1 else f"{sign}{text} {unit}"


def percent(share: float, sign: str = "") -> str:
    """A share with one decimal; a dash where it is not known, and no sign where it rounds to nothing."""
    if not math.isfinite(share):
        return "–"
    rounded = round(100 * share, 1)
    return f"{rounded:{sign},.1f} %" if rounded else "0.0 %"


def print_json(value: Any) -> None:
    """One JSON document on standard output; numbers that are not finite become null."""
    sys.stdout.write(json.dumps(_plain(value), indent=2, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return _plain(value.item()) if hasattr(value, "item") and not hasattr(value, "isoformat") else str(value)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table, columns of numbers right-aligned."""
    out = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for i, column in enumerate(columns):
        cells = [row[i] for row in rows if row[i] not in ("", "–")]
        number = i > 0 and bool(cells) and all(_NUMBER.fullmatch(cell) for cell in cells)
        out.add_column(column, justify="right" if number else "left")
    for row in rows:
        out.add_row(*row)
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
