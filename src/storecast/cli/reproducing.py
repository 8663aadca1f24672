"""``storecast reproduce``: a logged answer made again, number by number."""

from __future__ import annotations

from typing import Annotated

import typer

from storecast.cli.options import DateOrder, EventsFile, Json, Sheet
from storecast.cli.output import print_json, progress, screen, table

__all__ = ["reproduce"]


def reproduce(
    answer: Annotated[str, typer.Argument(metavar="ID", help="The id that the answer gave.")],
    data: Annotated[
        str | None,
        typer.Option(
            "--retrain", metavar="DATA", help="Also fit the version again, from the sales it was made from."
        ),
    ] = None,
    events: EventsFile = None,
    sheet: Sheet = None,
    dayfirst: DateOrder = None,
    as_json: Json = False,
) -> None:
    """Make an answer again from the version that gave it and what was asked; equal means bit for bit.

    Exits with 1 where a number differs, or the entry in the log was changed. What cannot be made again,
    because the version is gone or the data are others, is refused with the remedy.

    Examples:

      storecast reproduce 01a227af-9567-77c0-a66e-f1e6f906323f

      storecast reproduce 01a227af-9567-77c0-a66e-f1e6f906323f --retrain sales.csv --json
    """
    from storecast.settings import Settings
    from storecast.wiring import batch, reproducing

    settings = Settings()
    made, content = reproducing.remade(settings, answer)
    again = None
    if data is not None:
        with progress() as advance:
            again = reproducing.retrained(
                settings,
                content,
                data,
                sheet=sheet,
                dayfirst=dayfirst,
                events=batch.events(events),
                advance=advance,
            )
    equal = made.equal and (again is None or again.equal)
    if as_json:
        whole = {**vars(made), "equal": made.equal, "differences": [vars(d) for d in made.differences]}
        if again is not None:
            whole["retrained"] = {**vars(again), "equal": again.equal, "same_numbers": again.same_numbers}
        print_json(whole)
    else:
        screen.print(f"{made.kind} of {made.rows:,} rows by {made.model} version {made.version}")
        screen.print(f"  version {made.digest}")
        screen.print(f"  data    {made.data_digest}, up to {made.cutoff}")
        for fault in made.faults:
            screen.print(f"  {fault}")
        if made.differences:
            rows = [
                [d.unique_id, d.ds, d.column, _number(d.logged), _number(d.rebuilt)] for d in made.differences
            ]
            table("Different", ["series", "week", "column", "logged", "made again"], rows)
        verdict = "Equal" if made.equal else "Not equal"
        screen.print(
            f"{verdict}: {made.numbers - made.different:,} of {made.numbers:,} numbers, bit for bit."
        )
        if again is not None:
            verdict = "The same version" if again.equal else "Another version"
            screen.print(f"{verdict} came out of these data: {again.digest}")
            if again.different:
                screen.print(f"  different: {', '.join(again.different[:20])}")
    if not equal:
        raise typer.Exit(1)


def _number(value: float | None) -> str:
    return "–" if value is None else repr(value)
