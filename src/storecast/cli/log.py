"""``storecast log``: answers as Parquet, how long they are kept, which the database refused; whether the
model events are as written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storecast.cli.options import Json
from storecast.cli.output import print_json, screen
from storecast.errors import RequestError

if TYPE_CHECKING:
    from storecast.stores.forecast_log.event_chain import ChainReport

__all__ = ["app"]

app = typer.Typer(
    help="Export the forecast log, remove old entries, put in refused ones, verify the model events.",
    no_args_is_help=True,
)
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def _day(text: str) -> datetime | None:
    return typer.Option(formats=_FORMATS, help=text)  # type: ignore[no-any-return]


def _microseconds(time: datetime | None) -> int | None:
    """Since 1970; times are UTC, as those of the log are."""
    if time is None:
        return None
    return (time.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder for the two Parquet files.")],
    since: Annotated[datetime | None, _day("Entries from then on (UTC).")] = None,
    until: Annotated[datetime | None, _day("Entries before then (UTC).")] = None,
    pseudonyms: Annotated[
        bool, typer.Option("--pseudonyms", help="Stores, departments and people by pseudonyms, under a key.")
    ] = False,
    mapping: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write which pseudonym is whose to this new CSV file."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the log to forecasts.parquet, a row an answer, and rows.parquet, a row a forecast week.

    With --pseudonyms no name of a store, department, caller or planner leaves: each is replaced by one that
    is the same in every export under the key in STORECAST_PSEUDONYM_KEY_FILE, and says nothing without it.

    Examples:

      storecast log export answers

      storecast log export last-year --since 2025-01-01 --until 2026-01-01

      storecast log export outside --pseudonyms --mapping whose.csv
    """
    from storecast.settings import Settings
    from storecast.wiring.logs import export_log

    first, last = _microseconds(since), _microseconds(until)
    if first is not None and last is not None and first >= last:
        raise RequestError(
            "there is no time between --since and --until",
            found=f"{since} and {until}",
            remedy="give the earlier time to --since",
        )
    if mapping is not None and not pseudonyms:
        raise typer.BadParameter("is for --pseudonyms", param_hint="--mapping")
    done = export_log(Settings(), folder, since=first, until=last, pseudonyms=pseudonyms, mapping=mapping)
    if as_json:
        print_json({"folder": str(folder), "entries": done.entries, "rows": done.rows})
        return
    screen.print(f"Wrote {done.entries:,} answers with {done.rows:,} forecasts to {folder}.")
    if mapping is not None:
        screen.print(f"Whose the pseudonyms are is in {mapping}: keep it from who gets the rest.")


@app.command()
def prune(
    days: Annotated[int | None, typer.Option(min=1, help="Keep this many days.")] = None,
    before: Annotated[datetime | None, _day("Remove what is older than this time (UTC).")] = None,
    as_json: Json = False,
) -> None:
    """Remove old answers; actuals, overrides and model events stay. Export them before, if they matter.

    Examples:

      storecast log prune --days 400

      storecast log prune --before 2025-01-01 --json
    """
    from storecast.settings import Settings
    from storecast.wiring.logs import prune_log

    now = datetime.now(UTC).replace(tzinfo=None)
    if (days is None) == (before is None):
        raise typer.BadParameter("give one of both", param_hint="--days / --before")
    end = before if before is not None else now - timedelta(days=min(days or 0, 100_000))
    if end > now:
        raise RequestError(
            "only what is past can be removed",
            where="--before",
            expected=f"a time before {now:%Y-%m-%dT%H:%M:%S}",
            found=f"{end:%Y-%m-%dT%H:%M:%S}",
            remedy="give an earlier time",
        )
    count = prune_log(Settings(), before=_microseconds(end) or 0)
    if as_json:
        print_json({"removed": count, "before": f"{end:%Y-%m-%dT%H:%M:%SZ}"})
        return
    screen.print(f"Removed {count:,} answers of before {end:%Y-%m-%d %H:%M} UTC.")


@app.command()
def unpark(as_json: Json = False) -> None:
    """Put into the log the answers that its database refused before, once the reason is gone.

    They lie in `spool/parked.jsonl` of the home, of each replica that has a home of its own, and the alarm
    about them ends by itself. Exits with 1 where some are refused again: those stay there with the reason.

    Examples:

      storecast log unpark
    """
    from storecast.settings import Settings
    from storecast.wiring.logs import unpark as take_up

    folder, done = take_up(Settings())
    if as_json:
        print_json({"folder": str(folder), **vars(done)})
    else:
        screen.print(f"Put {done.taken:,} answers of {folder} into the log.")
        if done.left:
            screen.print(f"{done.left:,} are refused again and stay where they are: {done.reason}")
    if done.left:
        raise typer.Exit(1)


@app.command()
def verify(
    noted: Annotated[
        str, typer.Option(metavar="HASH", help="A hash shown earlier, which must still be in the record.")
    ] = "",
    sealed: Annotated[
        bool, typer.Option("--sealed", help="The last entry must carry the seal of a trusted key.")
    ] = False,
    as_json: Json = False,
) -> None:
    """See whether the record of model events is as it was written: nothing changed, removed or slipped in.

    Exits with 1 and names the first bad entry where it is not. Note the hash it shows elsewhere, and give it
    next time: then a record that was cut off or written anew shows too. Entries are sealed where the signing
    key is at hand (`signing list`); a seal covers all entries before it.

    Examples:

      storecast log verify --sealed

      storecast log verify --noted 5f0c2b7d --json
    """
    from storecast.settings import Settings
    from storecast.wiring.logs import verify_events

    found = verify_events(Settings(), noted=noted, sealed=sealed)
    if as_json:
        faults = [vars(fault) for fault in found.faults]
        print_json({**vars(found), "whole": not faults, "faults": faults})
    else:
        for fault in found.faults:
            entry = "" if fault.number is None else f"entry {fault.number}: "
            about = f" (event {fault.event})" if fault.event else ""
            screen.print(f"{entry}{fault.what}{about}")
        screen.print(_verdict(found))
    if found.faults:
        raise typer.Exit(1)


def _verdict(found: ChainReport) -> str:
    if found.faults:
        first = found.faults[0]
        where = "" if first.number is None else f", first at entry {first.number}"
        return f"The record of model events was tampered with: {len(found.faults)} faults{where}."
    seal = f", sealed up to entry {found.sealed}" if found.sealed else ", not sealed"
    last = f"the last with hash {found.head}" if found.entries else "nothing has happened yet"
    return f"The record of model events is whole: {found.entries} entries{seal}; {last}."
