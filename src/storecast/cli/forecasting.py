"""``storecast train``, ``backtest``, ``forecast`` and ``explain``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from storecast.cli.options import (
    CalendarFile,
    Country,
    Data,
    DateOrder,
    EventsFile,
    Horizon,
    Json,
    Levels,
    Model,
    Name,
    Out,
    Sheet,
    parse_levels,
)
from storecast.cli.output import money, print_json, program, progress, screen, table

__all__ = ["backtest", "explain", "forecast", "train"]


def train(
    data: Data,
    model: Model = "blend",
    horizon: Horizon = 52,
    name: Name = None,
    promote: Annotated[bool, typer.Option(help="Make what passes the gate the champion.")] = True,
    seed: Annotated[int, typer.Option(help="Same seed, same model.")] = 0,
    events: EventsFile = None,
    country: Country = None,
    calendar: CalendarFile = None,
    sheet: Sheet = None,
    dayfirst: DateOrder = None,
    as_json: Json = False,
) -> None:
    """Fit, back-test, judge against the naives, register, promote.

    Examples:

      storecast train sales.csv

      storecast train kaggle/ --model aligned --no-promote
    """
    from storecast.cli.show import show_training, training_dict
    from storecast.forecasting.forecaster import ForecasterConfig
    from storecast.jobs.train import TrainRequest
    from storecast.jobs.train import train as fit
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    request = TrainRequest(
        name or settings.name,
        ForecasterConfig(model=model, horizon=horizon, seed=seed),
        unit=settings.unit,
        promote=promote,
        who=batch.user(),
    )
    with progress() as advance:
        result = fit(
            batch.sales_files(sheet, dayfirst),
            batch.registry(settings),
            data,
            request,
            batch.calendar(country, calendar),
            created=batch.clock().isoformat(timespec="seconds"),
            events=batch.events(events),
            writer=batch.report_writer(),
            releases=batch.releases(settings, request.name),
            advance=advance,
        )
    if as_json:
        print_json(training_dict(result))
        return
    show_training(result, request.unit)
    screen.print(f"Next: {program()} forecast {data} --horizon 13 --out forecast.csv")


def backtest(
    data: Data,
    horizon: Horizon = 13,
    cutoff: Annotated[
        list[datetime] | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last week the model may see; may be given again."),
    ] = None,
    windows: Annotated[int, typer.Option(min=1, help="Without --cutoff: this many cutoffs.")] = 3,
    step: Annotated[int, typer.Option(min=1, help="Without --cutoff: weeks between them.")] = 13,
    model: Model = "blend",
    levels: Levels = "80,95",
    by: Annotated[str | None, typer.Option(help="Also a line for each store or dept.")] = None,
    out: Out = None,
    picture: Annotated[Path | None, typer.Option(help="PNG to draw the back-test into.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same result.")] = 0,
    events: EventsFile = None,
    country: Country = None,
    calendar: CalendarFile = None,
    sheet: Sheet = None,
    dayfirst: DateOrder = None,
    as_json: Json = False,
) -> None:
    """What would have been forecast at past cutoffs, beside both naives.

    Examples:

      storecast backtest sales.csv --horizon 39 --cutoff 2012-01-27

      storecast backtest sales.csv --horizon 8 --windows 4 --step 8 --by store --json
    """
    import numpy as np

    from storecast.cli.show import backtest_dict, show_backtest
    from storecast.forecasting.backtest import output_columns
    from storecast.forecasting.forecaster import ForecasterConfig
    from storecast.jobs.backtest import BacktestRequest
    from storecast.jobs.backtest import backtest as roll_back
    from storecast.settings import Settings
    from storecast.stores.frames import check_kind, write_frame
    from storecast.wiring import batch

    if by not in (None, "store", "dept"):
        raise typer.BadParameter(f"{by!r} is neither store nor dept", param_hint="--by")
    if out is not None:
        check_kind(out)
    request = BacktestRequest(
        ForecasterConfig(model=model, horizon=horizon, seed=seed),
        tuple(np.datetime64(c, "D") for c in cutoff or ()),
        windows,
        step,
        parse_levels(levels),
    )
    with progress() as advance:
        result = roll_back(
            batch.sales_files(sheet, dayfirst),
            data,
            request,
            batch.calendar(country, calendar),
            batch.events(events),
            lambda share: advance("Back-test", share),
        )
    if out is not None:
        write_frame(result.rows[output_columns(request.levels)], out)
    if picture is not None:
        batch.draw_backtest(result, picture)
    if as_json:
        print_json(backtest_dict(result, by))
        return
    show_backtest(result, by, Settings().unit)
    for written in (out, picture):
        if written is not None:
            screen.print(f"Wrote {written}")


def forecast(
    data: Data,
    horizon: Horizon = 13,
    levels: Levels = "80,95",
    by: Annotated[str, typer.Option(help="series, store or total.")] = "series",
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
    from storecast.stores.frames import check_kind, write_frame
    from storecast.wiring import batch

    if out is not None:
        check_kind(out)
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
            batch.calendar(country, calendar),
            batch.events(events),
            lambda share: advance("Fit", share),
        )
    if out is not None:
        write_frame(result.table, out)
    if as_json:
        rows = result.table.assign(ds=result.table["ds"].dt.strftime("%Y-%m-%d")).to_dict("records")
        print_json({"made_by": result.made_by, "version": result.version, "forecasts": rows})
        return
    keys = result.table["unique_id"].nunique()
    screen.print(f"{keys:,} series x {horizon} weeks by {result.made_by}.")
    if out is None:
        shown = result.table.head(20)
        heads = [str(c).replace("storecast-", "").replace("-", " ") for c in shown.columns]
        cells = [[_cell(value, settings.unit) for value in row] for row in shown.itertuples(index=False)]
        table("Forecasts" if len(shown) == len(result.table) else "First forecasts", heads, cells)
        screen.print("All of them: add --out forecast.csv")
    else:
        screen.print(f"Wrote {out}")


def _cell(value: object, unit: str) -> str:
    if isinstance(value, float):
        return money(value, unit)
    return f"{value:%Y-%m-%d}" if isinstance(value, datetime) else str(value)


def explain(
    data: Data,
    series: Annotated[str, typer.Argument(metavar="SERIES", help="Series, store or total.")],
    week: Annotated[int, typer.Option(min=1, max=52, help="Weeks ahead.")] = 1,
    weeks: Annotated[int, typer.Option(min=1, max=52, help="This many weeks from there on.")] = 1,
    by: Annotated[str, typer.Option(help="series, store or total.")] = "series",
    model: Annotated[str | None, typer.Option(help="Fit this model instead of using the champion.")] = None,
    name: Name = None,
    sheet: Sheet = None,
    dayfirst: DateOrder = None,
    as_json: Json = False,
) -> None:
    """Why this number: dollars that add up to the forecast.

    Examples:

      storecast explain sales.csv 7 --week 5

      storecast explain kaggle/ total --by total --weeks 4 --json
    """
    from storecast.forecasting.forecaster import ForecasterConfig
    from storecast.jobs.explain import explain as reasons
    from storecast.jobs.forecast import ForecastRequest
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    request = ForecastRequest(
        name or settings.name,
        None if model is None else ForecasterConfig(model=model),
        min(week + weeks - 1, 52),
        by=by,
    )
    with progress() as advance:
        found, made_by = reasons(
            batch.sales_files(sheet, dayfirst),
            batch.registry(settings),
            data,
            request,
            series,
            range(week, request.horizon + 1),
            batch.calendar(None, None),
            lambda share: advance("Fit", share),
        )
    if as_json:
        print_json({"made_by": made_by, "explanations": [e.as_dict() for e in found]})
        return
    for e in found:
        rows = [[step.title, money(step.dollars, settings.unit)] for step in e.steps]
        rows += [[input_, f"{settings.unit}0, not used by this model"] for input_ in e.unused]
        rows.append(["Forecast", money(e.forecast, settings.unit)])
        table(f"{e.unique_id}, week of {e.ds} ({made_by})", ["step", "sales"], rows)
        if e.note:
            screen.print(e.note)
