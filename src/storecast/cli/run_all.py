"""``storecast run``: everything, by one command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from storecast.cli.options import (
    CalendarFile,
    Country,
    DateOrder,
    EventsFile,
    Json,
    Model,
    Name,
    Sheet,
    again,
)
from storecast.cli.output import command, print_json, progress, screen
from storecast.errors import SetupError

__all__ = ["run"]

_PORT = 8000
_MAIN = "from storecast.cli import main; main()"


def run(
    data: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="Sales file or folder; a sample is made without it."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for forecasts and report.")] = Path("out"),
    model: Model = "blend",
    name: Name = None,
    events: EventsFile = None,
    country: Country = None,
    calendar: CalendarFile = None,
    sheet: Sheet = None,
    dayfirst: DateOrder = None,
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="End by starting the service on what was trained.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Validate, back-test, train, register, promote, forecast 52 weeks, write a report; then serve.

    With --json it ends without serving. The service listens on port 8000 of this machine, or on a free one
    where that is taken.

    Examples:

      storecast run

      storecast run sales.csv --out monday --no-serve
    """
    from storecast.cli.show import show_training, training_dict
    from storecast.forecasting.forecaster import ForecasterConfig
    from storecast.forecasting.panel import natural_order
    from storecast.forecasting.sample import SampleSpec
    from storecast.jobs.run import run as run_all
    from storecast.jobs.sample import write_sample
    from storecast.jobs.train import TrainRequest
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    sample = data is None
    if data is None:
        data = str(settings.home / "sample" / "sales.csv")
        rows = write_sample(batch.sales_writer(), data, SampleSpec(), "store")
        if not as_json:
            screen.print(f"Sample data, {rows:,} rows: {data}")
    request = TrainRequest(
        name or settings.name, ForecasterConfig(model=model), unit=settings.unit, who=batch.user()
    )
    batch.check_signing(settings)
    with progress() as advance:
        result = run_all(
            batch.sales_files(sheet, dayfirst),
            batch.registry(settings),
            batch.report_writer(command()),
            batch.table_writer(),
            data,
            str(out),
            request,
            batch.calendar(country, calendar),
            created=batch.clock().isoformat(timespec="seconds"),
            events=tuple(batch.events(events)),
            releases=batch.releases(settings, request.name),
            alone=lambda: batch.alone_with(settings, request.name, "storecast run"),
            what_if=batch.what_if_seconds,
            advance=advance,
        )
    if as_json:
        print_json({**training_dict(result.training), "files": result.files})
        return
    show_training(result.training, request.unit)
    screen.print()
    screen.print("Written:")
    for title, path in result.files.items():
        screen.print(f"  {title:<20} {path}")
    keys = result.training.forecaster.keys
    series = str(keys[natural_order(keys)[0]])
    options = again(sheet, dayfirst, name)
    lines = {
        command("explain", data, series, week="1", **options): "why this number",
        command("models", "list", name=name): "what is registered, and what serves",
    }
    if not serve:
        lines[command("serve", name=name)] = "answer over HTTP"
    if sample:
        lines[command("run", "your-sales.csv")] = "the same on your own data"
    width = max(map(len, lines))
    screen.print()
    screen.print(f"Next: open {result.files['Report']} in a browser, or")
    for line, why in lines.items():
        screen.print(f"  {line:<{width}}  # {why}")
    if serve:
        screen.print()
        _become_the_service(name)


def _become_the_service(name: str | None) -> None:
    """Go on as ``storecast serve``: a process that has trained is too large to answer in."""
    words = ["serve", "--web", "--port", str(_port()), *(["--name", name] if name else [])]
    itself = [sys.argv[0]] if Path(sys.argv[0]).is_file() else ["-c", _MAIN]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *itself, *words])  # noqa: S606 - our own interpreter and code


def _port() -> int:
    from storecast.service.server import listen

    try:
        listen("127.0.0.1", _PORT).close()
    except SetupError:
        return 0
    return _PORT
