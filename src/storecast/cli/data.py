"""``storecast sample`` and ``storecast validate``."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from storecast.cli.options import Data, DateOrder, Json, Sheet, again
from storecast.cli.output import command, money, print_json, screen, table

__all__ = ["sample", "validate"]


def _share(of: str) -> Any:
    return typer.Option(min=0.0, max=1.0, help=f"Share of {of}.")


class Shape(StrEnum):
    """The three input shapes."""

    STORE = "store"
    KAGGLE = "kaggle"
    LONG = "long"


def sample(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="CSV or Parquet file, or a folder for --shape kaggle.")
    ],
    shape: Annotated[Shape, typer.Option(help="Layout of the file.")] = Shape.STORE,
    stores: Annotated[int, typer.Option(min=1, help="Number of stores.")] = 45,
    weeks: Annotated[int, typer.Option(min=10, help="Number of weeks.")] = 143,
    departments: Annotated[int, typer.Option(min=0, help="Departments a store; 0 for stores alone.")] = 0,
    first_week: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First week. [default: 2010-02-05]")
    ] = None,
    closed: Annotated[float, _share("stores closed for months")] = 0.0,
    new: Annotated[float, _share("stores that open late")] = 0.0,
    ended: Annotated[float, _share("stores that end early")] = 0.0,
    gaps: Annotated[float, _share("series with missing weeks")] = 0.0,
    intermittent: Annotated[float, _share("series that sell only now and then")] = 0.0,
    promotions: Annotated[float, _share("series driven by promotions")] = 0.0,
    series: Annotated[
        int, typer.Option(min=0, help="This many plain series (3,000 to 1,000,000), long shape.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Same seed, same sample.")] = 1,
    as_json: Json = False,
) -> None:
    """Write a seeded sample: realistic sales that belong to nobody.

    Examples:

      storecast sample sales.csv

      storecast sample kaggle-like --shape kaggle --departments 20

      storecast sample hard.csv --closed 0.1 --new 0.1 --promotions 0.2

      storecast sample large.parquet --series 100000
    """
    from storecast.forecasting.sample import SampleSpec
    from storecast.jobs.sample import write_sample
    from storecast.wiring import batch

    spec = SampleSpec(
        stores=stores,
        weeks=weeks,
        first_week=first_week.date() if first_week else date(2010, 2, 5),
        departments=departments,
        closed_share=closed,
        new_share=new,
        ended_share=ended,
        gap_share=gaps,
        intermittent_share=intermittent,
        promotion_share=promotions,
        seed=seed,
    )
    rows = write_sample(batch.sales_writer(), str(out), spec, shape.value, series)
    if as_json:
        print_json({"path": str(out), "rows": rows})
        return
    screen.print(f"Wrote {rows:,} rows to {out}")
    screen.print(f"Next: {command('validate', str(out))}")


def validate(data: Data, sheet: Sheet = None, dayfirst: DateOrder = None, as_json: Json = False) -> None:
    """Check a sales file: what is in it, what was repaired, what to look at.

    Examples:

      storecast validate sales.csv

      storecast validate book.xlsx --sheet Sales --json
    """
    from storecast.jobs.validate import validate as check
    from storecast.wiring import batch

    report = check(batch.sales_files(sheet, dayfirst), data)
    if as_json:
        print_json(report.as_dict())
    else:
        _show(data, report.as_dict())
        if report.status != "refused":
            options = again(sheet, dayfirst)
            screen.print(f"Next: {command('backtest', data, **options)}    # how good forecasts of it are")
            screen.print(f"  or: {command('run', data, **options)}    # everything, with a report")
    if report.status == "refused":
        raise typer.Exit(1)


def _show(path: str, report: dict[str, Any]) -> None:
    colour = {"ok": "green", "repaired": "yellow", "warned": "yellow", "refused": "red"}
    screen.print(Text.assemble((path, "bold"), ": ", (report["status"], colour[report["status"]])))
    if report["rows"]:
        screen.print(
            f"{report['rows']:,} rows, {report['series']:,} series, weeks {report['first_week']} to "
            f"{report['last_week']}, sales {money(report['sales_total'])}"
        )
    if report["findings"]:
        rows = [
            [f["severity"], str(f["row"] or ""), f["column"] or "", f"{f['count']:,}", f["what"], f["remedy"]]
            for f in report["findings"]
        ]
        table("Findings", ["severity", "row", "column", "rows", "what", "remedy"], rows)
