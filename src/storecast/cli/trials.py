"""``storecast models shadow``, ``canary``, ``served``: a challenger beside what serves, what served when."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from storecast.cli.models import Version, Why
from storecast.cli.options import Json, Name
from storecast.cli.output import command, money, percent, print_json, screen, table

if TYPE_CHECKING:
    from storecast.forecasting.promotion import TableMoves
    from storecast.jobs.trial import Tried
    from storecast.ports import ReleaseInfo

__all__ = ["canary", "served", "shadow"]

_SHOWN = 10


def shadow(
    version: Version,
    why: Annotated[str, typer.Option("--why", help="Reason, for the record.")] = "to compare it",
    stop: Annotated[bool, typer.Option("--stop", help="End the shadow, or the canary, under way.")] = False,
    name: Name = None,
    as_json: Json = False,
) -> None:
    """Let a version answer unseen beside the champion, and show how far it is from it.

    Examples:

      storecast models shadow 3

      storecast models shadow 3 --stop --why "seen enough"
    """
    from storecast.jobs import trial
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    model = name or settings.name
    releases, who = batch.releases(settings, model), batch.user()
    if stop:
        _ended(trial.stop_trial(releases, who=who, why=why), as_json)
        return
    done = trial.shadow(batch.registry(settings), releases, model, version, who=who, why=why)
    _begun(done, settings.unit, as_json)
    if not as_json:
        line = command("models", "canary", str(version), share="0.1", why="...", name=name)
        screen.print(f"Next: {line}    # let it answer a tenth of the series")


def canary(
    why: Why,
    version: Annotated[
        int | None, typer.Argument(help="Version number; of the one under way with --promote and --stop.")
    ] = None,
    share: Annotated[
        float, typer.Option("--share", min=0.0, max=1.0, help="Share of the series that it answers.")
    ] = 0.1,
    promote: Annotated[bool, typer.Option("--promote", help="Make the one under way the champion.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End the one under way.")] = False,
    overrule: Annotated[
        bool, typer.Option("--overrule", help="Let it answer though the gate refused it; the record says so.")
    ] = False,
    name: Name = None,
    as_json: Json = False,
) -> None:
    """Let a version answer a share of the series; a larger share only adds to them.

    It ends by itself where the version answers with errors, numbers that are none, moves that no model
    explains, slow what-ifs, or, once actuals come, larger errors than the champion.

    Examples:

      storecast models canary 3 --share 0.1 --why "looked well in shadow"

      storecast models canary --promote --why "four weeks without a breach"

      storecast models canary --stop --why "stores ask questions"
    """
    from storecast.jobs import trial
    from storecast.settings import Settings
    from storecast.wiring import batch

    if (version is None) == (not promote and not stop) or (promote and stop):
        raise typer.BadParameter("name a version, or give --promote or --stop")
    settings = Settings()
    model = name or settings.name
    releases, who = batch.releases(settings, model), batch.user()
    if stop:
        _ended(trial.stop_trial(releases, who=who, why=why), as_json)
    elif promote:
        done = trial.promote_trial(batch.registry(settings), releases, model, who=who, why=why)
        number, before = done.version.version, done.previous
        if as_json:
            print_json({"name": model, "champion": number, "previous": before, "moved": done.moved})
        else:
            screen.print(f"Champion is version {number}; before: {before or 'none'}.")
    elif version is not None:
        made = trial.canary(
            batch.registry(settings), releases, model, version, share, who=who, why=why, overrule=overrule
        )
        _begun(made, settings.unit, as_json)


def _begun(done: Tried, unit: str, as_json: bool) -> None:
    if as_json:
        print_json({"trial": asdict(done.trial), "moves": done.moves.as_dict()})
        return
    show_moves(done.moves, unit)
    trial = done.trial
    takes = f"answers {percent(trial.share)} of the series" if trial.kind == "canary" else "answers unseen"
    screen.print(f"Version {trial.version} {takes} beside version {done.release.version}.")


def _ended(now: ReleaseInfo, as_json: bool) -> None:
    if as_json:
        print_json({"champion": now.version, "trial": None})
    else:
        screen.print(f"Version {now.version} answers alone again.")


def show_moves(moves: TableMoves, unit: str) -> None:
    """How far a challenger's forecasts are from the champion's, and the series that move most."""
    screen.print(
        f"{moves.series:,} series and {moves.weeks} weeks that both forecast; {moves.added} series are new, "
        f"{moves.lost} gone. Moves {percent(moves.difference)} in all; half of the series less than "
        f"{percent(moves.median)}, nine in ten less than {percent(moves.high)}."
    )
    rows = [
        [
            move.unique_id,
            money(move.champion, unit),
            money(move.challenger, unit),
            percent(move.challenger / move.champion - 1.0, "+") if move.champion else "–",
        ]
        for move in moves.most[:_SHOWN]
    ]
    table("What moves most", ["series", "champion", "challenger", "change"], rows)


def served(
    on: Annotated[str, typer.Option("--on", help="A day, YYYY-MM-DD, or a moment, ISO 8601; UTC.")],
    series: Annotated[
        str | None, typer.Option("--series", help="Also which version answered this series.")
    ] = None,
    name: Name = None,
    as_json: Json = False,
) -> None:
    """What served on a day: versions, canaries and their shares, who moved them and why.

    Examples:

      storecast models served --on 2026-11-23

      storecast models served --on 2026-11-23T12:00 --series 7 --json
    """
    from storecast.settings import Settings
    from storecast.wiring import batch, following

    settings = Settings()
    model = name or settings.name
    found = following.served_on(settings, model, batch.releases(settings, model), on)
    if as_json:
        told = [asdict(s) | {"answered": s.answers(series) if series else s.version} for s in found]
        print_json({"name": model, "on": on, "series": series, "served": told})
        return
    if not found:
        screen.print(f"Nothing served on {on}, as far as it was written down.")
        return
    rows = [
        [
            s.first,
            s.until or "now",
            str(s.version),
            "–" if s.challenger is None else f"{s.challenger} ({percent(s.share)})",
            *([str(s.answers(series))] if series else []),
            s.kind,
            s.who,
            s.why,
        ]
        for s in found
    ]
    asked = [f"answered {series}"] if series else []
    head = ["from", "until", "champion", "challenger (share)", *asked, "by", "who", "why"]
    table(f"What served of {model} on {on}", head, rows)
