"""``storecast forecast`` and ``storecast explain``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from storecast.cli.options import (
    CalendarFile,
    Country,
    Data,
    DateOrder,
    EventsFile,
    Horizon,
    Json,
    Level,
    Levels,
    Name,
    Out,
    Sheet,
    parse_levels,
)
from storecast.cli.output import money, print_json, progress, screen, table

if TYPE_CHECKING:
    from storecast.jobs.explain import Moved

__all__ = ["explain", "forecast"]

_SHOWN = 20
_HEADS = {"unique_id": "series", "ds": "week", "storecast": "forecast"}


def forecast(
    data: Data,
    horizon: Horizon = 13,
    levels: Levels = "80,95",
    by: Annotated[Level, typer.Option(help="Level of the hierarchy.")] = Level.SERIES,
    out: Out = None,
    model: Annotated[str | None, typer.Option(help="Fit this model instead of using the champion.")] = None,
    name: Name = None,
    like: Annotated[
        list[str] | None, typer.Option(help="NEW=OLD: forecast a series without history as another one.")
    ] = None,
    events: EventsFile = None,
    country: Country = None,
    calendar: CalendarFile = None,
    sheet: Sheet = None,
    dayfirst: DateOrder = None,
    as_json: Json = False,
) -> None:
    """Forecast the weeks that follow, by the champion or by a model fitted on the spot.

    Examples:

      storecast forecast sales.csv --horizon 13 --out forecast.csv

      storecast forecast kaggle/ --by store --levels 50,80,95 --json

      storecast forecast sales.csv --like 46=12 --events events.csv
    """
    from storecast.forecasting.forecaster import ForecasterConfig
    from storecast.jobs.forecast import ForecastRequest
    from storecast.jobs.forecast import forecast as make
    from storecast.settings import Settings
    from storecast.wiring import batch

    batch.check_outputs(out)
    settings = Settings()
    pairs = []
    for pair in like or ():
        new, equals, old = pair.partition("=")
        if not (new and equals and old):
            raise typer.BadParameter(f"{pair!r} is not NEW=OLD", param_hint="--like")
        pairs.append((new, old))
    request = ForecastRequest(
        name or settings.name,
        None if model is None else ForecasterConfig(model=model),
        horizon,
        parse_levels(levels),
        by,
        tuple(pairs),
    )
    with progress() as advance:
        result = make(
            batch.sales_files(sheet, dayfirst),
            batch.registry(settings),
            data,
            request,
            batch.asked_calendar(country, calendar),
            batch.events(events),
            lambda share: advance("Fit", share),
        )
    if out is not None:
        batch.table_writer().write(result.table, str(out))
    if as_json:
        rows = result.table.assign(ds=result.table["ds"].dt.strftime("%Y-%m-%d")).to_dict("records")
        print_json({"made_by": result.made_by, "version": result.version, "forecasts": rows})
        return
    keys = result.table["unique_id"].nunique()
    what = {"series": "series", "store": "stores", "total": "total"}[by]
    screen.print(f"{keys:,} {what} x {horizon} weeks by {result.made_by}.")
    if out is not None:
        screen.print(f"Wrote {out}")
        return
    count = len(result.table)
    shown = result.table.head(_SHOWN)
    cells = [[_cell(value, settings.unit) for value in row] for row in shown.itertuples(index=False)]
    table("Forecasts", [_head(str(column)) for column in shown.columns], cells)
    if count > _SHOWN:
        screen.print(f"The first {_SHOWN} of {count:,} rows; for all of them add --out forecast.csv")


def _head(column: str) -> str:
    """The column's name for people: ``storecast-lo-80`` is the low end of the 80 % band."""
    side, _, level = column.removeprefix("storecast-").partition("-")
    ends = {"lo": f"{level} % low", "hi": f"{level} % high"}
    return _HEADS.get(column) or ends.get(side, column)


def _cell(value: object, unit: str) -> str:
    if isinstance(value, float):
        return money(value, unit)
    return f"{value:%Y-%m-%d}" if isinstance(value, datetime) else str(value)


def explain(
    data: Data,
    series: Annotated[str, typer.Argument(metavar="SERIES", help="Series, store or total.")],
    week: Annotated[int, typer.Option(help="Weeks ahead, 1 to 52.")] = 1,
    weeks: Annotated[int, typer.Option(min=1, help="This many weeks from there on.")] = 1,
    by: Annotated[
        Level | None, typer.Option(help="Level of the hierarchy. [default: the lowest that knows SERIES]")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Fit this model instead of using the champion.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Why it moved since this version, a number or last, instead.")
    ] = None,
    name: Name = None,
    events: EventsFile = None,
    country: Country = None,
    calendar: CalendarFile = None,
    sheet: Sheet = None,
    dayfirst: DateOrder = None,
    as_json: Json = False,
) -> None:
    """Why this number: dollars that add up to the forecast, or to what it moved by since an earlier version.

    Examples:

      storecast explain sales.csv 7 --week 5

      storecast explain kaggle/ 1_92 --weeks 4

      storecast explain sales.csv total --json

      storecast explain sales.csv 7 --week 2 --since last
    """
    from storecast.forecasting.forecaster import ForecasterConfig
    from storecast.jobs.explain import explain as reasons
    from storecast.jobs.explain import explain_change
    from storecast.jobs.forecast import ForecastRequest
    from storecast.settings import Settings
    from storecast.wiring import batch, life

    settings = Settings()
    request = ForecastRequest(
        name or settings.name,
        None if model is None else ForecasterConfig(model=model),
        week + weeks - 1,
    )
    if since is not None:
        if model is not None:
            raise typer.BadParameter("a model fitted on the spot has none before it", param_hint="--since")
        planners = life.planners(settings, request.name)
        with progress() as advance:
            moved = explain_change(
                batch.sales_files(sheet, dayfirst),
                batch.registry(settings),
                data,
                request,
                series,
                range(week, request.horizon + 1),
                since,
                planners,
                batch.asked_calendar(country, calendar),
                batch.events(events),
                lambda share: advance("Fit", share),
                level=by,
            )
        _show_moved(moved, settings.unit, as_json)
        return
    with progress() as advance:
        found, made_by = reasons(
            batch.sales_files(sheet, dayfirst),
            batch.registry(settings),
            data,
            request,
            series,
            range(week, request.horizon + 1),
            batch.asked_calendar(country, calendar),
            batch.events(events),
            lambda share: advance("Fit", share),
            level=by,
        )
    if as_json:
        print_json({"made_by": made_by, "explanations": [e.as_dict() for e in found]})
        return
    for e in found:
        rows = [[step.title, money(step.dollars, settings.unit, cents=True)] for step in e.steps]
        rows.append(["Forecast", money(e.forecast, settings.unit, cents=True)])
        table(f"{e.unique_id}, week of {e.ds}, by {made_by}", ["step", "sales"], rows)
        if e.unused:
            screen.print(f"{', '.join(e.unused)}: {money(0.0, settings.unit)}, not used by this model")
        if e.note:
            screen.print(e.note)


def _show_moved(moved: Moved, unit: str, as_json: bool) -> None:
    if as_json:
        changes = [each.as_dict() for each in moved.changes]
        print_json({"made_by": moved.made_by, "since": moved.since, "changes": changes})
        return
    for each in moved.changes:
        rows = [[f"Version {moved.since}", money(each.before / 100, unit, cents=True), ""]]
        rows += [[p.title, money(p.cents / 100, unit, cents=True), p.text] for p in each.parts]
        rows.append(["Now", money(each.after / 100, unit, cents=True), ""])
        table(f"{each.unique_id}, week of {each.ds}, by {moved.made_by}", ["step", "sales", "note"], rows)
