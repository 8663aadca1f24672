"""The command line's root: all commands, and the one place that renders refusals."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.text import Text

from storecast import __version__
from storecast.cli import (
    actuals,
    backup,
    data,
    follow,
    forecasting,
    keys,
    log,
    models,
    monitoring,
    override,
    reproducing,
    run_all,
    serving,
    signing,
    training,
    trials,
    tuning,
    updating,
    web,
)
from storecast.cli.output import errors
from storecast.errors import StorecastError

__all__ = ["app", "run"]

app = typer.Typer(
    name="storecast",
    help="Weekly sales forecasts with honest back-tests, bands and reasons, and the models that make them.",
    epilog="Exit codes: 0 done, 1 the data or the request was refused, 2 wrong usage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help"]},
)
app.command("run")(run_all.run)
app.command("sample")(data.sample)
app.command("validate")(data.validate)
app.command("train")(training.train)
app.command("tune")(tuning.tune)
app.command("backtest")(training.backtest)
app.command("forecast")(forecasting.forecast)
app.command("explain")(forecasting.explain)
app.command("actuals")(actuals.actuals)
app.command("update")(updating.update)
app.command("monitor")(monitoring.monitor)
for verb in (trials.shadow, trials.canary, trials.served):
    models.app.command(verb.__name__)(verb)
app.add_typer(models.app, name="models")
app.add_typer(override.app, name="override")
app.command("serve")(serving.serve)
app.command("follow")(follow.follow)
app.command("web")(web.web)
app.add_typer(keys.app, name="keys")
app.add_typer(signing.app, name="signing")
app.add_typer(log.app, name="log")
app.command("reproduce")(reproducing.reproduce)
app.add_typer(backup.app, name="backup")
app.command("restore")(backup.restore)
app.command("migrate")(keys.migrate)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


def run() -> None:
    """Run the command line; a refusal is printed without a traceback and exits with 1."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks is shown escaped; it never ends a command.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="storecast")
    except StorecastError as error:
        if _debugging():
            raise
        first, *rest = error.message().split("\n")
        errors.print(Text.assemble(("Refused: ", "bold red"), first))
        for line in rest:
            errors.print(line)
        sys.exit(1)


def _debugging() -> bool:
    from storecast.settings import Settings

    try:
        return Settings().debug
    except StorecastError:  # the settings themselves are what was refused
        return False
