"""``storecast update``: the new week, in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from storecast.cli.options import Data, DateOrder, EventsFile, Json, Name, Sheet
from storecast.cli.output import command, percent, print_json, progress, screen

if TYPE_CHECKING:
    from storecast.jobs.update import UpdateResult

__all__ = ["show_update", "update", "update_dict"]

_SHOWN = 5  # series that are gone, by name


def update(
    data: Data,
    name: Name = None,
    promote: Annotated[bool, typer.Option(help="Let the new version serve at once.")] = True,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="The data may change weeks that are long past.")
    ] = False,
    events: EventsFile = None,
    sheet: Sheet = None,
    dayfirst: DateOrder = None,
    as_json: Json = False,
) -> None:
    """Take the new weeks: the champion goes on with what it learnt, as a new version, in seconds.

    DATA holds the new weeks alone, or the whole history with them.

    Examples:

      storecast update week.csv

      storecast update sales.csv --no-promote --json
    """
    from storecast.jobs.update import UpdateRequest
    from storecast.jobs.update import update as go_on
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    request = UpdateRequest(name or settings.name, promote, accept_changes, batch.user(), settings.unit)
    with progress() as advance:
        result = go_on(
            batch.sales_files(sheet, dayfirst, least_weeks=1),
            batch.registry(settings),
            data,
            request,
            events=batch.events(events),
            releases=batch.releases(settings, request.name),
            alone=lambda: batch.alone_with(settings, request.name, "storecast update"),
            advance=advance,
        )
    if as_json:
        print_json(update_dict(result))
        return
    show_update(result, name)


def update_dict(result: UpdateResult) -> dict[str, Any]:
    """The object ``update --json`` prints."""
    found = result.extended
    return {
        "name": result.version.name,
        "version": result.version.version,
        "before": result.before,
        "digest": result.version.digest,
        "cutoff": str(result.forecaster.cutoff),
        "new_weeks": found.new,
        "corrected": found.changed,
        "lost": found.lost,
        "new_series": found.born,
        "gone_series": found.gone,
        "moved": result.moved,
        "promoted": result.promoted,
    }


def show_update(result: UpdateResult, name: str | None) -> None:
    """What came in, what it changed, and what serves."""
    found, version = result.extended, result.version
    weeks = "1 new week" if found.new == 1 else f"{found.new} new weeks"
    screen.print(
        f"{weeks}, up to {result.forecaster.cutoff}; {found.changed:,} sales corrected, {found.lost:,} gone, "
        f"{len(found.born):,} new series."
    )
    if found.gone:
        named = ", ".join(found.gone[:_SHOWN]) + (" and others" if len(found.gone) > _SHOWN else "")
        screen.print(f"The file has no row any more of series {named}: nothing is forecast of what is gone.")
    screen.print(f"Forecasts of the weeks that both versions have moved by {percent(result.moved)}.")
    verb = "serves as champion" if result.promoted else "is registered, not promoted"
    screen.print(f"{version.name} version {version.version}, made from version {result.before}, {verb}.")
    if not result.promoted:
        line = command("models", "promote", str(version.version), why="...", name=name)
        screen.print(f"To let it serve: {line}")
