"""``storecast models``: what is registered, what serves, and moving the champion."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from storecast.cli.cards import card
from storecast.cli.options import Json, Name
from storecast.cli.output import command, print_json, screen, table
from storecast.errors import ArtifactError

if TYPE_CHECKING:
    from storecast.jobs.promote import Promotion

__all__ = ["Version", "Why", "app"]

app = typer.Typer(help="List, show, compare, promote and roll back model versions.", no_args_is_help=True)
Version = Annotated[int, typer.Argument(help="Version number.")]
Why = Annotated[str, typer.Option("--why", help="Reason, for the record.")]


def _figure(value: float, sign: str = "") -> str:
    """Money and counts without decimals, ratios with three; a dash where a version has none."""
    if not math.isfinite(value):
        return "–"
    return f"{value:{sign},.0f}" if abs(value) >= 1000 else f"{value:{sign}.4g}"


app.command("card")(card)


@app.command("list")
def list_(name: Name = None, as_json: Json = False) -> None:
    """All versions, newest first.

    Examples:

      storecast models list

      storecast models list --name toys --json
    """
    from storecast.jobs.promote import list_versions
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    found = list_versions(batch.registry(settings), name or settings.name)
    if as_json:
        print_json(asdict(found))
        return
    rows = [
        [
            str(v.version),
            ", ".join(v.aliases),
            v.tags.get("model", ""),
            v.tags.get("cutoff", ""),
            f"{v.metrics['wmae']:,.0f}" if "wmae" in v.metrics else "",
            v.created,
            v.digest[:12],
        ]
        for v in found.versions
    ]
    table(found.name, ["version", "alias", "model", "cutoff", "wmae", "created", "digest"], rows)
    if not rows:
        screen.print(f"Nothing is registered yet. Next: {command('train', 'DATA', name=name)}")


@app.command()
def show(version: Version, name: Name = None, as_json: Json = False) -> None:
    """One version: figures, tags, when it served, and what matters in it: dollars by step of its forecasts,
    and what the trees among them look at.

    Examples:

      storecast models show 3
    """
    from storecast.cli.effects import show_effects
    from storecast.jobs.effects import version_effects
    from storecast.jobs.promote import show_version
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    registry = batch.registry(settings)
    found = show_version(registry, name or settings.name, version)
    matters, unread = None, ""
    try:
        matters = version_effects(registry, name or settings.name, version)
    except ArtifactError as error:  # what is recorded of it is shown all the same
        unread = error.message()
    if as_json:
        print_json(
            {**asdict(found), "effects": None if matters is None else matters.as_dict(), "unread": unread}
        )
        return
    v = found.version
    aliases = f" ({', '.join(v.aliases)})" if v.aliases else ""
    screen.print(Text.assemble((f"{v.name} version {v.version}", "bold"), f"{aliases}, created {v.created}"))
    screen.print(f"digest {v.digest}")
    table("Tags", ["tag", "value"], [[k, x] for k, x in sorted(v.tags.items())])
    table("Metrics", ["metric", "value"], [[k, _figure(x)] for k, x in sorted(v.metrics.items())])
    moves = [[m.at, m.kind, f"{m.previous or '–'} → {m.version}", m.who, m.why] for m in found.moves]
    table("Champion moves", ["when", "what", "from → to", "who", "why"], moves)
    if matters is not None:
        show_effects(matters, settings.unit)
    else:
        screen.print(f"What matters in it cannot be told: {unread}")


@app.command()
def compare(first: Version, second: Version, name: Name = None, as_json: Json = False) -> None:
    """Two versions side by side.

    Examples:

      storecast models compare 2 3
    """
    from storecast.jobs.promote import compare_versions
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    found = compare_versions(batch.registry(settings), name or settings.name, first, second)
    if as_json:
        print_json(asdict(found))
        return
    rows = [
        [key, _figure(a), _figure(b), _figure(b - a, "+")] for key, (a, b) in sorted(found.metrics.items())
    ]
    table("Metrics", ["metric", f"version {first}", f"version {second}", "difference"], rows)
    tags = [[key, a, b] for key, (a, b) in sorted(found.tags.items())]
    table("Tags that differ", ["tag", f"version {first}", f"version {second}"], tags)


@app.command()
def promote(
    version: Version,
    why: Why,
    name: Name = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Publish it even where its forecasts jump away from history.")
    ] = False,
    overrule: Annotated[
        bool, typer.Option("--overrule", help="Let it serve though the gate refused it; the record says so.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a version the champion, and publish it to the service.

    Examples:

      storecast models promote 3 --why "better at Christmas"

      storecast models promote 4 --overrule --why "the new shops matter more than the error of the old"
    """
    from storecast.jobs.promote import promote as move
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    model = name or settings.name
    releases = batch.releases(settings, model)
    words = {"who": batch.user(), "why": why}
    try:
        done = move(
            batch.registry(settings),
            model,
            version,
            **words,
            releases=releases,
            anyway=anyway,
            overrule=overrule,
        )
    except ArtifactError as error:
        from storecast.wiring.recording import record_refusal

        record_refusal(settings, model, version, batch.user(), error)
        raise
    _moved(done, as_json)
    if done.moved and done.previous and not as_json:
        screen.print(f"Back again: {command('models', 'rollback', why='...', name=name)}")


@app.command()
def rollback(
    why: Why,
    name: Name = None,
    undo: Annotated[
        int | None, typer.Option("--from", help="Only if this version serves still; default: what serves.")
    ] = None,
    without_registry: Annotated[
        bool,
        typer.Option("--without-registry", help="Go back in the release folder alone; it is told later."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Undo the last promotion: the champion it replaced serves again, and is published to the service.

    Examples:

      storecast models rollback --why "stores complain"
    """
    from storecast.jobs.promote import rollback as move
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    model = name or settings.name
    releases, words = batch.releases(settings, model), {"who": batch.user(), "why": why}
    registry = None if without_registry else batch.registry(settings)
    done = move(registry, model, **words, releases=releases, undo=undo)
    if as_json:
        print_json({"name": model, "champion": done.version, "previous": done.previous, "moved": True})
        return
    screen.print(f"Champion is version {done.version}; before: {done.previous or 'none'}.")
    if done.registry_error:
        told = command("follow")
        screen.print(f"The registry was not told: {done.registry_error} {told} tells it later.")


def _moved(done: Promotion, as_json: bool) -> None:
    number, before = done.version.version, done.previous
    if as_json:
        print_json({"name": done.version.name, "champion": number, "previous": before, "moved": done.moved})
    elif done.moved:
        screen.print(f"Champion is version {number}; before: {before or 'none'}.")
    else:
        screen.print(f"Version {number} is the champion already.")
