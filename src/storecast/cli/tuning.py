"""``storecast tune``: search a configuration on earlier weeks."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storecast.cli.options import (
    CalendarFile,
    Country,
    Data,
    DateOrder,
    EventsFile,
    Horizon,
    Json,
    Model,
    Name,
    Sheet,
    again,
)
from storecast.cli.output import command, errors, percent, print_json, progress, screen, table

if TYPE_CHECKING:
    from storecast.forecasting.forecaster import ForecasterConfig
    from storecast.jobs.tune import TuneResult

__all__ = ["show_tuning", "tune", "tuned", "tuning_dict"]

_CHILD = "from storecast.cli import main; main()"


def tune(
    data: Data,
    model: Model = "blend",
    horizon: Horizon = 13,
    trials: Annotated[int, typer.Option(min=1, help="Finished trials the study is to have.")] = 40,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Stop after this long, finished or not.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the study.")] = 1,
    study: Annotated[
        str,
        typer.Option(help="Name of the study; without, data and question name it."),
    ] = "",
    name: Name = None,
    seed: Annotated[int, typer.Option(help="Same seed and one worker, same trials.")] = 0,
    events: EventsFile = None,
    country: Country = None,
    calendar: CalendarFile = None,
    sheet: Sheet = None,
    dayfirst: DateOrder = None,
    as_json: Json = False,
    worker: Annotated[int, typer.Option(hidden=True, help="Which of the processes this is.")] = 0,
) -> None:
    """Search the model's settings on earlier weeks; the last 39 are kept for the gate, which no trial sees.

    What is found is taken only if it beats the default by more than luck among as many trials. A study that
    was stopped goes on where it was.

    Examples:

      storecast tune sales.csv

      storecast tune sales.csv --model boosting --trials 60 --minutes 20 --workers 2
    """
    from storecast.forecasting.forecaster import ForecasterConfig
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    config = ForecasterConfig(model=model, horizon=horizon, seed=seed)
    others = [_another(i) for i in range(1, workers)] if worker == 0 else []
    try:
        result = tuned(
            settings,
            data,
            config,
            trials=trials,
            minutes=minutes,
            study=study,
            worker=worker,
            name=name or settings.name,
            calendar=batch.calendar(country, calendar),
            events=batch.events(events),
            source=batch.sales_files(sheet, dayfirst),
        )
        ended = [other.wait() for other in others]
    finally:
        for other in others:
            if other.poll() is None:
                other.terminate()
                other.wait()
    if worker:
        return
    if failed := [code for code in ended if code]:  # why, each has written above
        codes = ", ".join(map(str, failed))
        errors.print(f"{len(failed)} of {workers} workers ended early (exit code {codes}).")
    if as_json:
        print_json(tuning_dict(result))
        return
    show_tuning(result)
    options = {**again(sheet, dayfirst, name), "model": None if model == "blend" else model}
    screen.print(f"Next: {command('train', data, tune=True, **options)}")


def _another(number: int) -> subprocess.Popen[bytes]:
    """This very command once more, as a worker on the same study."""
    words = [*sys.argv[1:], "--worker", str(number)]
    line = [sys.executable, "-c", _CHILD, *words]
    return subprocess.Popen(line, stdout=subprocess.DEVNULL)  # noqa: S603 our own interpreter and code


def tuned(
    settings: Any,
    data: str,
    config: ForecasterConfig,
    *,
    trials: int,
    minutes: float | None,
    study: str,
    worker: int,
    name: str,
    calendar: Any,
    events: Any,
    source: Any,
) -> TuneResult:
    """Run the study, with a bar that shows how far it is and what the best saves."""
    from storecast.jobs.tune import TuneRequest
    from storecast.jobs.tune import tune as search
    from storecast.wiring import batch

    request = TuneRequest(name, config, trials, None if minutes is None else 60 * minutes, study, worker)
    with progress() as advance:

        def told(done: int, best: float) -> None:
            advance(f"Tuning: best {percent(best - 1.0, '+')}", min(1.0, done / trials))

        return search(
            source,
            batch.studies(settings),
            data,
            request,
            calendar,
            events=events,
            tracker=batch.tracker(settings),
            told=told,
        )


def tuning_dict(result: TuneResult) -> dict[str, Any]:
    """What ``--json`` prints."""
    verdict = result.verdict
    return {
        "study": result.study,
        "trials": len(result.tried),
        "cutoffs": [str(cutoff) for cutoff in result.chosen.cutoffs],
        "left_out": result.chosen.left_out,
        "taken": verdict.taken,
        "gain": verdict.gain,
        "p": verdict.p,
        "reason": verdict.reason,
        "default": dict(result.tried[0].values),
        "values": dict(verdict.best.values),
    }


def show_tuning(result: TuneResult) -> None:
    """The study in a few lines and a table of settings."""
    verdict, chosen = result.verdict, result.chosen
    first, last = chosen.cutoffs[0], chosen.cutoffs[-1]
    screen.print(
        f"Study {result.study}: {len(result.tried)} trials carried through "
        f"on {len(chosen.cutoffs)} cutoffs from {first} to {last}."
    )
    for why in dict.fromkeys(chosen.left_out.values()):
        names = [path for path, reason in chosen.left_out.items() if reason == why]
        screen.print(f"Left as they are: {', '.join(names)} ({why}).")
    found = min(result.tried, key=lambda trial: (trial.score, trial.number))
    default = result.tried[0].values
    rows = [[path, f"{default[path]:.4g}", f"{found.values[path]:.4g}"] for path in default]
    table("Settings", ("setting", "default", f"trial {found.number}"), rows)
    screen.print(verdict.reason)
