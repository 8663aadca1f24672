"""``storecast override``: what planners know better, said, seen and taken back."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storecast.cli.options import Json, Name
from storecast.cli.output import command, money, print_json, screen, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storecast.ports.records import Override

__all__ = ["app"]

app = typer.Typer(help="Set, list, undo and score planners' overrides of forecasts.", no_args_is_help=True)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Why = Annotated[str, typer.Option("--why", help="Reason, for the record.")]
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


def _time(microseconds: int | None) -> str:
    return "" if microseconds is None else f"{_EPOCH + microseconds * _MICROSECOND:%Y-%m-%d %H:%M}"


def _mode(value: float | None, difference: float | None, percent: float | None) -> tuple[str, float]:
    given = {"value": value, "difference": difference, "percent": percent}
    found = [(mode, number) for mode, number in given.items() if number is not None]
    if len(found) != 1:
        raise typer.BadParameter("give one of them", param_hint="--value / --difference / --percent")
    return found[0]


def _words(row: Override, unit: str) -> str:
    if row.value is None:
        return ""
    if row.mode == "percent":
        return f"{row.value:+g} %"
    sign = "+" if row.mode == "difference" and row.value > 0 else ""
    return sign + money(row.value, unit, cents=True)


def _json(rows: Sequence[Override], states: dict[str, str]) -> list[dict[str, Any]]:
    times = [(row, {"at": _time(row.at), "expires": _time(row.expires) or None}) for row in rows]
    return [{**vars(row), **shown, "state": states[row.id]} for row, shown in times]


@app.command("set")
def set_(
    series: Annotated[list[str], typer.Argument(metavar="SERIES...", help="One series or more.")],
    week: Annotated[list[str], typer.Option(help="Week as YYYY-MM-DD; give it again for more.")],
    why: Why,
    value: Annotated[float | None, typer.Option(help="Sales instead of the forecast.")] = None,
    difference: Annotated[float | None, typer.Option(help="Sales more than the forecast.")] = None,
    percent: Annotated[float | None, typer.Option(help="Percent more than the forecast.")] = None,
    expires: Annotated[
        datetime | None, typer.Option(formats=_FORMATS, help="It counts until then (UTC); always without.")
    ] = None,
    name: Name = None,
    as_json: Json = False,
) -> None:
    """Say what you know better of one or several series and weeks; the service answers with it in seconds.

    Examples:

      storecast override set 7 --week 2012-11-23 --percent 15 --why "a fair in town"

      storecast override set 7 8 --week 2012-11-02 --week 2012-11-09 --value 0 --why "road works"
    """
    from storecast.jobs.overrides import Wish, say
    from storecast.settings import Settings
    from storecast.wiring import batch
    from storecast.wiring.logs import override_table

    mode, number = _mode(value, difference, percent)
    until = None if expires is None else (expires.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
    settings, now = Settings(), time.time_ns() // 1000
    wish = Wish(tuple(series), tuple(week), mode, number, until)
    with override_table(settings) as kept:
        releases = batch.releases(settings, name or settings.name)
        made = say(kept, releases, wish, who=batch.user(), why=why, now=now)
    if as_json:
        print_json({"overrides": _json(made, dict.fromkeys((row.id for row in made), "counts"))})
        return
    from storecast.forecasting.overrides import settled

    rows = [
        [
            row.unique_id,
            row.ds,
            money(row.model or 0.0, settings.unit, cents=True),
            money(settled(row.model or 0.0, row.mode, row.value or 0.0), settings.unit, cents=True),
        ]
        for row in made
    ]
    table("Overrides", ["series", "week", "model", "override"], rows)
    whole = True if len(made) > 1 else None
    screen.print(f"Back again: {command('override', 'undo', made[0].id, whole=whole, why='...')}")


@app.command("list")
def list_(
    series: Annotated[str | None, typer.Option(help="Of one series.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Undone, expired and replaced ones, and undos, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Overrides that count, newest first.

    Examples:

      storecast override list

      storecast override list --series 7 --all --json
    """
    from storecast.forecasting.overrides import states
    from storecast.settings import Settings
    from storecast.wiring.logs import override_table

    settings = Settings()
    with override_table(settings) as kept:
        found = kept.rows(unique_ids=None if series is None else [series])
    became = states(found, time.time_ns() // 1000)
    shown = [row for row in found if everything or became[row.id] == "counts"]
    if as_json:
        print_json({"overrides": _json(shown, became)})
        return
    rows = [
        [
            row.id,
            row.unique_id,
            row.ds,
            _words(row, settings.unit),
            became[row.id],
            row.who,
            row.why,
            _time(row.at),
            _time(row.expires),
        ]
        for row in shown
    ]
    head = ["id", "series", "week", "override", "state", "who", "why", "said", "expires"]
    table("Overrides", head, rows)


@app.command()
def undo(
    key: Annotated[str, typer.Argument(metavar="ID", help="Of an override, see `storecast override list`.")],
    why: Why,
    whole: Annotated[bool, typer.Option("--whole", help="All that was said at once with it, too.")] = False,
    as_json: Json = False,
) -> None:
    """Take an override back: what was said before counts again, else the model's number.

    Examples:

      storecast override undo 01a20783-898f-73e3-8483-d74caf3cb045 --why "the fair is off"

      storecast override undo 01a20783-898f-73e3-8483-d74caf3cb045 --whole --why "no fair at all"
    """
    from storecast.jobs.overrides import undo as take_back
    from storecast.settings import Settings
    from storecast.wiring import batch
    from storecast.wiring.logs import override_table

    with override_table(Settings()) as kept:
        made = take_back(kept, key, who=batch.user(), why=why, now=time.time_ns() // 1000, whole=whole)
    if as_json:
        print_json({"undone": [row.undoes for row in made]})
        return
    screen.print(f"Undone ({len(made):,}): {', '.join(f'{row.unique_id} in {row.ds}' for row in made)}.")


@app.command("score")
def score_(as_json: Json = False) -> None:
    """What overrides were worth whose weeks have actuals: mean errors of naive, model and override.

    Examples:

      storecast override score

      storecast override score --json
    """
    from storecast.forecasting.value_added import score
    from storecast.settings import Settings
    from storecast.wiring.life import actuals_table
    from storecast.wiring.logs import override_table

    settings = Settings()
    with override_table(settings) as kept, actuals_table(settings) as sold:
        found = score(kept.rows(), lambda keys, first: sold.each(unique_ids=keys, since=first), {})
    if as_json:
        print_json({"unit": settings.unit, **found.as_dict()})
        return
    if found.of_all is None:
        screen.print("No week with an override has actuals yet.")
        return
    for title, groups in (
        ("All", {"all": found.of_all}), ("By planner", found.by_planner), ("By store", found.by_store),
    ):  # fmt: skip
        rows = []
        for name, score_of in groups.items():
            errors = (score_of.naive_error, score_of.model_error, score_of.override_error)
            rows.append(
                [
                    name,
                    f"{score_of.rows:,}",
                    f"{score_of.better:,}",
                    *(money(error, settings.unit) for error in errors),
                    money(score_of.override_added, settings.unit),
                ]
            )
        head = [
            "",
            "overrides",
            "nearer",
            "naive's error",
            "model's error",
            "override's error",
            "value added",
        ]
        table(title, head, rows)
