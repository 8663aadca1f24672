"""``storecast actuals``: true sales in, so that forecasts can be judged by them."""

from __future__ import annotations

from typing import Annotated

import typer

from storecast.cli.options import DateOrder, Json, Name, Sheet
from storecast.cli.output import command, print_json, screen

__all__ = ["actuals"]


def actuals(
    data: Annotated[
        str,
        typer.Argument(metavar="FILE", help="Sales file or folder, of one week or of many."),
    ],
    name: Name = None,
    sheet: Sheet = None,
    dayfirst: DateOrder = None,
    as_json: Json = False,
) -> None:
    """Take in true sales: forecasts that were answered are judged by them. Twice changes nothing.

    Examples:

      storecast actuals sales.csv

      storecast actuals week.csv --dayfirst --json
    """
    from storecast.jobs.actuals import take_actuals
    from storecast.settings import Settings
    from storecast.wiring import batch
    from storecast.wiring.life import actuals_table

    settings = Settings()
    with actuals_table(settings) as table:
        done = take_actuals(
            batch.sales_files(sheet, dayfirst, least_weeks=1),
            table,
            batch.releases(settings, name or settings.name),
            data,
            who=batch.user(),
        )
    if as_json:
        print_json(
            {**done.change._asdict(), "first": done.first, "last": done.last, "strangers": done.strangers}
        )
        return
    change = done.change
    screen.print(
        f"Weeks {done.first} to {done.last}: {change.inserted:,} new, {change.changed:,} corrected, "
        f"{change.unchanged:,} known already."
    )
    if done.strangers:
        shown = ", ".join(done.strangers[:5]) + (" and others" if len(done.strangers) > 5 else "")
        screen.print(f"What serves does not forecast {len(done.strangers):,} of the series: {shown}.")
    screen.print(f"Next: {command('monitor', name=name)}    # how good the forecasts were, and what to do")
