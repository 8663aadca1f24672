"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "CalendarFile",
    "Country",
    "Data",
    "DateOrder",
    "EventsFile",
    "Horizon",
    "Json",
    "Level",
    "Levels",
    "Model",
    "Name",
    "Out",
    "Sheet",
    "again",
    "parse_levels",
]


class Level(StrEnum):
    """Levels of the hierarchy."""

    SERIES = "series"
    STORE = "store"
    TOTAL = "total"


Data = Annotated[
    str,
    typer.Argument(metavar="DATA", help="Sales file or folder: CSV, .csv.zip, XLSX, Parquet, Kaggle folder."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Out = Annotated[Path | None, typer.Option("--out", help="File to write, .csv or .parquet.")]
Horizon = Annotated[int, typer.Option("--horizon", "-h", help="Weeks ahead, 1 to 52.")]
Model = Annotated[
    str, typer.Option("--model", help="blend, aligned, boosting, seasonal-naive or naive-growth.")
]
Levels = Annotated[
    str, typer.Option("--levels", help="Coverage of the bands in percent, separated by commas.")
]
Name = Annotated[str | None, typer.Option("--name", help="Registered model name. [default: storecast]")]
Sheet = Annotated[str | None, typer.Option("--sheet", help="Sheet of an XLSX workbook.")]
DateOrder = Annotated[
    bool | None,
    typer.Option("--dayfirst/--monthfirst", help="Order of day and month, where the file does not tell."),
]
EventsFile = Annotated[
    Path | None,
    typer.Option("--events", help="Events file: series or block, first week, last week, kind."),
]
Country = Annotated[
    str | None, typer.Option("--country", help='Holidays of a country, such as "DE" or "GB-ENG".')
]
CalendarFile = Annotated[
    Path | None, typer.Option("--calendar", help="Holiday file with columns name, date.")
]


def again(sheet: str | None, dayfirst: bool | None, name: str | None = None) -> dict[str, str | bool | None]:
    """The options that a next command on the same data needs again."""
    order = {None: {}, True: {"dayfirst": True}, False: {"monthfirst": True}}[dayfirst]
    return {"sheet": sheet, **order, "name": name}


def parse_levels(text: str) -> tuple[float, ...]:
    """``"80,95"`` as numbers; raises a usage error for anything else."""
    try:
        levels = tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not a list of numbers such as 80,95", param_hint="--levels"
        ) from error
    if not all(1.0 <= level <= 99.8 for level in levels):
        raise typer.BadParameter(f"{text!r}: a level lies between 1 and 99.8", param_hint="--levels")
    return levels
