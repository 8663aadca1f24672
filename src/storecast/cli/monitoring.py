"""``storecast monitor``: how good the forecasts were, what has drifted, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from storecast.cli.options import DateOrder, EventsFile, Json, Name, Sheet
from storecast.cli.output import command, money, percent, print_json, progress, screen, table
from storecast.errors import RequestError

if TYPE_CHECKING:
    from storecast.jobs.monitor import Look
    from storecast.settings import Settings

__all__ = ["monitor"]

_DUE = 3  # exit code with --exit-code
_COLOURS = {"nothing": "green", "update": "yellow", "retrain": "yellow", "check": "red"}


def monitor(
    data: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="Sales with the new weeks; the actuals taken in without."),
    ] = None,
    name: Name = None,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Do what is due: update or train on DATA, and promote.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="File to write: all that was found as .json, drift with pictures as .html."),
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 3 where something is due and was not done.")
    ] = False,
    events: EventsFile = None,
    sheet: Sheet = None,
    dayfirst: DateOrder = None,
    as_json: Json = False,
) -> None:
    """Judge what serves: live accuracy, coverage, drift, age, new data; and say what to do.

    Exits with 0, with --exit-code with 3 where something is due.

    Examples:

      storecast monitor

      storecast monitor sales.csv --report drift.html

      storecast monitor sales.csv --retrain --json
    """
    from storecast.jobs.monitor import monitor as look_at
    from storecast.settings import Settings
    from storecast.wiring import batch
    from storecast.wiring.life import watched

    settings = Settings()
    model = name or settings.name
    if retrain and data is None:
        raise RequestError(
            "There are no sales to train on.",
            where="--retrain",
            expected="DATA, the sales with the new weeks",
            found="none",
            remedy="Name the sales file, or leave out --retrain.",
        )
    with watched(settings, model) as log, progress() as advance:
        look = look_at(
            batch.registry(settings),
            log,
            model,
            at=batch.clock().isoformat(timespec="seconds"),
            source=batch.sales_files(sheet, dayfirst, least_weeks=1),
            path=data,
            events=batch.events(events),
            advance=advance,
        )
    found = look.as_dict()
    if retrain and data is not None:
        found["done"] = _act(look, settings, data, sheet, dayfirst)
    if report is not None and report.suffix == ".html":
        _page(look, settings, data, report)
    elif report is not None:
        batch.write_json(found, report)
    if as_json:
        print_json(found)
    else:
        _show(look, found, settings.unit, data, name)
        if report is not None:
            screen.print(f"Wrote {report}")
    if exit_code and look.verdict.due and not found.get("done"):
        raise typer.Exit(_DUE)


def _page(look: Look, settings: Settings, data: str | None, path: Path) -> None:
    """Draw what has drifted; refused where it was not looked for."""
    from storecast.wiring import batch

    if look.seen is None:
        raise RequestError(
            "There is no page of drift to write.",
            where=f"--report {path}",
            expected="weeks with sales after those that the model has seen",
            found=look.no_drift,
            remedy="Name DATA with the new weeks, or a .json file.",
        )
    run = look.seen.run(look.champion, data or "the actuals taken in", look.at, settings.unit)
    batch.drift_writer(command()).write_drift(run, str(path))


def _act(
    look: Look, settings: Settings, data: str, sheet: str | None, dayfirst: bool | None
) -> dict[str, Any] | None:
    """Update or train, as the verdict has it; None where there was nothing to do."""
    from storecast.cli.updating import update_dict
    from storecast.jobs.renew import renew
    from storecast.jobs.update import UpdateResult
    from storecast.wiring import batch

    name, action = look.champion.name, look.verdict.action
    with progress() as advance:
        made = renew(
            look,
            batch.sales_files(sheet, dayfirst, least_weeks=1 if action == "update" else 2),
            batch.registry(settings),
            data,
            unit=settings.unit,
            who=batch.user(),
            created=batch.clock().isoformat(timespec="seconds"),
            releases=batch.releases(settings, name),
            writer=batch.report_writer(command()),
            what_if=batch.what_if_seconds,
            alone=lambda: batch.alone_with(settings, name, "storecast monitor --retrain"),
            advance=advance,
        )
    if isinstance(made, UpdateResult):
        return {"action": "update", **update_dict(made)}
    if made is None:
        return None
    return {"action": "train", "version": made.version.version, "promoted": made.promoted}


def _show(look: Look, found: dict[str, Any], unit: str, data: str | None, name: str | None) -> None:
    action = look.verdict.action
    title = f"{look.champion.name} version {look.champion.version} ({look.config.model})"
    screen.print(
        Text.assemble((title, "bold"), f": knows weeks up to {look.cutoff}, trained until {look.trained}.")
    )
    live = found["live"]
    if live["all"] is None:
        screen.print("No forecast that was answered has met its actual yet.")
    else:
        for by, heading in (("horizon", "weeks ahead"), ("version", "version")):
            _table(f"Live accuracy by {heading}", heading, live["by"][by], unit)
        if live["aside"]:
            named = ", ".join(str(version) for version in live["aside"])
            screen.print(f"Not counted in the verdict, for it was taken back or only tried: version {named}.")
    _show_sums(live["sums"], unit)
    if look.drift is None:
        screen.print(f"Drift: not looked for. {look.no_drift}")
    elif not look.drift.drifted:
        screen.print(f"Drift: none in weeks {look.drift.first} to {look.drift.last}.")
    else:
        for alarm in look.drift.alarms:
            if alarm.active:
                screen.print(f"Drift: {alarm.sentence} {alarm.remedy}")
    for reason in look.verdict.reasons:
        screen.print(f"  {reason.what}")
    screen.print(Text.assemble((f"Verdict: {action}. ", _COLOURS[action]), found["next"]))
    if found.get("done"):
        done = found["done"]
        verb = "serves" if done["promoted"] else "is registered, and does not serve"
        screen.print(f"Done: version {done['version']} {verb}.")
    elif action in ("update", "retrain"):
        words = "update" if action == "update" else "train"
        screen.print(f"Next: {command(words, data or 'DATA', name=name)}")


def _show_sums(sums: dict[str, Any], unit: str) -> None:
    if sums["levels"]:
        _table("Live accuracy of sums", "level", {k: v["all"] for k, v in sums["levels"].items()}, unit)
    if sums["unjudged"]:
        first = sums["examples"][0]
        screen.print(
            f"{sums['unjudged']:,} forecasts of sums are not judged, such as {first['level']} "
            f"{first['key']}, week {first['ds']}: {first['why']}."
        )


def _table(title: str, first: str, lines: dict[str, dict[str, float | None]], unit: str) -> None:
    columns = [
        first,
        "forecasts",
        "wmae",
        "naive x growth",
        "added",
        "wape",
        "bias",
        "80 % held",
        "95 % held",
    ]

    def known(value: float | None) -> float:
        return float("nan") if value is None else value

    rows = [
        [
            label,
            f"{known(s['rows']):,.0f}",
            money(known(s["wmae"]), unit),
            money(known(s["wmae:naive-growth"]), unit),
            money(known(s["fva:naive-growth"]), unit),
            percent(known(s["wape"])),
            percent(known(s["bias"]), "+"),
            percent(known(s["coverage-80"]) / 100.0),
            percent(known(s["coverage-95"]) / 100.0),
        ]
        for label, s in lines.items()
    ]
    table(title, columns, rows)
