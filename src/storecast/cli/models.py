"""``storecast models``: what is registered, what serves, and moving the champion."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from storecast.cli.options import Json, Name
from storecast.cli.output import print_json, program, screen, table
from storecast.errors import ArtifactError

__all__ = ["app"]

app = typer.Typer(help="List, show, compare, promote and roll back model versions.", no_args_is_help=True)
Version = Annotated[int, typer.Argument(help="Version number.")]
Why = Annotated[str, typer.Option("--why", help="Reason, for the record.")]


@app.command("list")
def list_(name: Name = None, as_json: Json = False) -> None:
    """All versions, newest first."""
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
            v.tags.get("cutof", ""),
            f"{v.metrics['wmae']:,.0f}" if "wmae" in v.metrics else "",
            v.created,
            v.digest[:12],
        ]
        for v in found.versions
    ]
    table(found.name, ["version", "alias", "model", "cutof", "wmae", "created", "digest"], rows)
    if not rows:
        screen.print(f"Nothing is registered yet. Next: {program()} train DATA")


@app.command()
def show(version: Version, name: Name = None, as_json: Json = False) -> None:
    """One version: figures, tags and when it served."""
    from storecast.jobs.promote import show_version
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    found = show_version(batch.registry(settings), name or settings.name, version)
    if as_json:
        print_json(asdict(found))
        return
    v = found.version
    screen.print(f"[bold]{v.name} version {v.version}[/] {', '.join(v.aliases)}  created {v.created}")
    screen.print(f"digest {v.digest}")
    table("Tags", ["tag", "value"], [[k, x] for k, x in sorted(v.tags.items())])
    table("Metrics", ["metric", "value"], [[k, f"{x:,.4g}"] for k, x in sorted(v.metrics.items())])
    moves = [[m.at, m.kind, f"{m.previous or '–'} → {m.version}", m.who, m.why] for m in found.moves]
    table("Champion moves", ["when", "what", "from → to", "who", "why"], moves)


@app.command()
def compare(first: Version, second: Version, name: Name = None, as_json: Json = False) -> None:
    """Two versions side by side."""
    from storecast.jobs.promote import compare_versions
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    found = compare_versions(batch.registry(settings), name or settings.name, first, second)
    if as_json:
        print_json(asdict(found))
        return
    rows = [
        [key, f"{a:,.4g}", f"{b:,.4g}", f"{b - a:+,.4g}"] for key, (a, b) in sorted(found.metrics.items())
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
) -> None:
    """Make a version the champion, and publish it to the service."""
    from storecast.jobs.promote import promote as move
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    name = name or settings.name
    releases = batch.releases(settings, name)
    words = {"who": batch.user(), "why": why}
    try:
        done = move(batch.registry(settings), name, version, **words, releases=releases, anyway=anyway)
    except ArtifactError as error:
        from storecast.wiring import following

        following.record_refusal(settings, name, version, batch.user(), error)
        raise
    screen.print(f"Champion is version {done.version.version}; before: {done.previous or 'none'}.")
    flag = "" if name == settings.name else f" --name {name}"
    screen.print(f"Back again: {program()} models rollback --why '...'{flag}")


@app.command()
def rollback(
    why: Why,
    name: Name = None,
    without_registry: Annotated[
        bool,
        typer.Option("--without-registry", help="Go back in the release folder alone; it is told later."),
    ] = False,
) -> None:
    """Give the champion back to the version it came from, and publish that to the service."""
    from storecast.jobs.promote import rollback as move
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    name = name or settings.name
    releases, words = batch.releases(settings, name), {"who": batch.user(), "why": why}
    registry = None if without_registry else batch.registry(settings)
    done = move(registry, name, **words, releases=releases)
    screen.print(f"Champion is version {done.version}; before: {done.previous or 'none'}.")
    if done.registry_error:
        screen.print(f"The registry was not told: {done.registry_error} `{program()} follow` tells it later.")
