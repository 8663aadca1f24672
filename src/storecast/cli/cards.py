"""``storecast models card``: what a version is, how far to trust it, and the data behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown

from storecast.cli.options import Json, Name
from storecast.cli.output import print_json, screen

__all__ = ["card"]


def card(
    version: Annotated[
        int | None, typer.Argument(help="Version number. [default: the champion, else the newest]")
    ] = None,
    data: Annotated[bool, typer.Option("--data", help="The card of its data instead.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write it as Markdown to this file.")] = None,
    name: Name = None,
    as_json: Json = False,
) -> None:
    """The model card of a version, made from what it records: when not to trust it first, then how good it
    was beside both naives, what its bands held, what matters in it, how it was made and when it served.

    Examples:

      storecast models card

      storecast models card 3 --out model-card.md

      storecast models card 3 --data --json
    """
    from storecast.jobs.cards import version_cards
    from storecast.settings import Settings
    from storecast.wiring import batch

    settings = Settings()
    made = version_cards(batch.registry(settings), name or settings.name, version, unit=settings.unit)
    chosen = made.data if data else made.model
    if out is not None:
        batch.write_markdown(chosen.markdown(), out)
    if as_json:
        print_json(chosen.as_dict())
    elif out is not None:
        screen.print(f"Wrote {out}")
    elif screen.is_terminal:
        screen.print(Markdown(chosen.markdown()))
    else:
        typer.echo(chosen.markdown(), nl=False)
