"""``storecast train`` and ``storecast backtest``."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
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
    again,
    parse_levels,
)
from storecast.cli.output import command, print_json, progress, screen

__all__ = ["backtest", "train"]


_WINDOWS = 6  # cutoffs that the gate judges on
_QUARTER = 13  # weeks ahead that the gate judges, and that settings are searched for


class By(StrEnum):
    """What a back-test may be broken down by."""

    STORE = "store"
    DEPT = "dept"


def train(
    data: Data,
    model: Model = "blend",
    horizon: Horizon = 52,
    name: Name = None,
    promote: Annotated[bool, typer.Option(help="Make what passes the gate the champion.")] = True,
    seed: Annotated[int, typer.Option(help="Same seed, same model.")] = 0,
    tune: Annotated[
        bool, typer.Option("--tune", help="Search the settings first, or take those of the study there is.")
    ] = False,
    trials: Annotated[int, typer.Option(min=1, help="With --tune: trials of the study.")] = 40,
    events: EventsFile = None,
    country: Country = None,
    calendar: CalendarFile = None,
    sheet: Sheet = None,
    dayfirst: DateOrder = None,
    as_json: Json = False,
) -> None:
    """Fit, back-test, judge against the naives and what serves, register, promote.

    Examples:

      storecast train sales.csv

      storecast train kaggle/ --model aligned --no-promote

      storecast train sales.csv --tune
    """
    from storecast.cli.show import show_training, training_dict
    from storecast.cli.tuning import show_tuning, tuned, tuning_dict
    from storecast.forecasting.forecaster import ForecasterConfig
    from storecast.forecasting.tuning import HELD_WEEKS
    from storecast.jobs.train import TrainRequest
    from storecast.jobs.train import train as fit
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    config, study, windows = ForecasterConfig(model=model, horizon=horizon, seed=seed), None, _WINDOWS
    batch.check_signing(settings)
    if tune:
        study = tuned(
            settings,
            data,
            replace(config, horizon=min(horizon, _QUARTER)),
            trials=trials,
            minutes=None,
            study="",
            worker=0,
            name=name or settings.name,
            calendar=batch.calendar(country, calendar),
            events=batch.events(events),
            source=batch.sales_files(sheet, dayfirst),
        )
        if not as_json:
            show_tuning(study)
        config = replace(study.config, horizon=horizon)
        windows = HELD_WEEKS // _QUARTER  # the gate judges on weeks by which nothing was chosen
    request = TrainRequest(
        name or settings.name,
        config,
        unit=settings.unit,
        promote=promote,
        who=batch.user(),
        gate_windows=windows,
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
            writer=batch.report_writer(command()),
            releases=batch.releases(settings, request.name),
            alone=lambda: batch.alone_with(settings, request.name, "storecast train"),
            what_if=batch.what_if_seconds,
            advance=advance,
        )
    if as_json:
        print_json(training_dict(result) | ({"tuning": tuning_dict(study)} if study else {}))
        return
    show_training(result, request.unit)
    options = again(sheet, dayfirst, name)
    if not result.promoted:
        over = {"overrule": True} if result.gate.decision == "refuse" else {}
        line = command("models", "promote", str(result.version.version), why="...", **over, name=name)
        screen.print(f"To let it serve: {line}")
    screen.print(f"Next: {command('forecast', data, horizon='13', out='forecast.csv', **options)}")


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
    by: Annotated[By | None, typer.Option(help="Also a line for each store or department.")] = None,
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
    from storecast.wiring import batch

    settings = Settings()
    batch.check_outputs(out, picture)
    request = BacktestRequest(
        ForecasterConfig(model=model, horizon=horizon, seed=seed),
        tuple(np.datetime64(c, "D") for c in cutoff or ()),
        windows,
        step,
        parse_levels(levels),
        by,
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
        batch.table_writer().write(result.rows[output_columns(request.levels)], str(out))
    if picture is not None:
        batch.draw_backtest(result, picture)
    if as_json:
        print_json(backtest_dict(result, by))
        return
    show_backtest(result, by, settings.unit)
    for written in (out, picture):
        if written is not None:
            screen.print(f"Wrote {written}")
    screen.print(
        f"Next: {command('train', data, **again(sheet, dayfirst))}    # register a model that serves"
    )
