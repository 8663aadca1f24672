"""``storecast backup`` and ``restore``: all that cannot be made again, in one archive."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from storecast.cli.options import Json
from storecast.cli.output import command, print_json, screen, table

if TYPE_CHECKING:
    from storecast.jobs.backup import Restored

__all__ = ["app", "restore"]


class _CreateUnlessNamed(TyperGroup):
    """``storecast backup FOLDER`` is ``storecast backup create FOLDER``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["create", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_CreateUnlessNamed,
    help="Back up forecast log, registry, published versions and trust list; list and verify backups. "
    "`storecast backup TO` is `storecast backup create TO`.",
)
Place = Annotated[
    str,
    typer.Argument(
        metavar="PLACE",
        help="Folder or s3://bucket/prefix, or one archive there. [default: STORECAST_BACKUP_TO]",
    ),
]


@app.command()
def create(
    to: Annotated[
        str,
        typer.Argument(metavar="TO", help="Folder, or s3://bucket/prefix. [default: STORECAST_BACKUP_TO]"),
    ] = "",
    keep: Annotated[
        int | None, typer.Option(min=1, help="Remove older backups, so that so many stay; all without.")
    ] = None,
    verify_it: Annotated[
        bool, typer.Option("--verify", help="Restore it for a trial, before older ones are removed.")
    ] = False,
    with_signing_key: Annotated[
        bool, typer.Option("--with-signing-key", help="The private key too; needs encryption.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a backup, while the service goes on; encrypted where STORECAST_BACKUP_KEY_FILE names a key.

    Examples:

      storecast backup create backups --keep 14 --verify

      storecast backup create s3://storecast-backups/shop --json
    """
    from storecast.errors import RequestError
    from storecast.jobs.backup import back_up, preparing
    from storecast.settings import Settings
    from storecast.wiring import backups
    from storecast.wiring.batch import clock

    settings = Settings()
    with backups.runs(settings) as runs:
        with preparing(runs, "create", clock):
            archives = backups.archives(settings)
            if with_signing_key and not archives.encrypted:
                raise RequestError(
                    "a private key is put into no backup that anybody can read",
                    remedy="set STORECAST_BACKUP_KEY_FILE to a file made with `openssl rand -hex 32`",
                )
            shelf = backups.shelf(settings, to)
            state = backups.state(settings, with_key=with_signing_key)
        done = back_up(
            state,
            shelf,
            archives,
            partial(backups.scratch, settings),
            clock=clock,
            keep=keep,
            trial=verify_it,
            runs=runs,
        )
    if as_json:
        print_json(
            {
                "name": done.stored.name,
                "place": shelf.where,
                "bytes": done.stored.size,
                "files": len(done.contents.files),
                "encrypted": done.encrypted,
                "left_out": done.left_out,
                "removed": list(done.removed),
                "verified": done.trial is not None,
                "noted": done.noted,
            }
        )
        return
    how = "encrypted" if done.encrypted else "not encrypted"
    screen.print(f"Backed up {len(done.contents.files):,} files to {shelf.where}:")
    screen.print(f"{done.stored.name}, {done.stored.size:,} bytes, {how}.")
    if done.removed:
        screen.print(f"Removed {len(done.removed)} older ones.")
    _say_noted(done.noted)
    if done.trial is None:
        _tell_left_out(done.left_out)
        screen.print(f"Next: {command('backup', 'verify', *([to] if to else []))}")
    else:
        _tell(done.trial, "is whole", as_json=False)


@app.command("list")
def list_(place: Place = "", as_json: Json = False) -> None:
    """All backups, oldest first.

    Examples:

      storecast backup list backups
    """
    from storecast.settings import Settings
    from storecast.wiring import backups

    shelf = backups.shelf(Settings(), place)
    found = shelf.listing()
    if as_json:
        print_json([{"name": item.name, "bytes": item.size} for item in found])
        return
    table(f"Backups in {shelf.where}", ["name", "bytes"], [[item.name, f"{item.size:,}"] for item in found])


@app.command()
def verify(place: Place = "", as_json: Json = False) -> None:
    """Restore a backup, the latest unless one is named, into a scratch folder, and see that it is whole.

    Examples:

      storecast backup verify backups

      storecast backup verify backups/storecast-20260101T013000.000000Z.backup --json
    """
    from storecast.jobs.backup import chosen, preparing
    from storecast.jobs.backup import verify as verified
    from storecast.settings import Settings
    from storecast.wiring import backups
    from storecast.wiring.batch import clock

    settings = Settings()
    where, name = backups.place_and_name(place)
    scratch = partial(backups.scratch, settings)
    with backups.runs(settings) as runs:
        with preparing(runs, "verify", clock):
            shelf = backups.shelf(settings, where)
            archives, state = backups.archives(settings), backups.state(settings)
            name = chosen(shelf, name)
        done = verified(state, shelf, archives, scratch, name, clock=clock, runs=runs)
    _tell(done, "is whole", as_json)


def restore(
    place: Annotated[
        str,
        typer.Argument(
            metavar="FROM", help="Folder or s3://bucket/prefix: its latest backup; or one archive."
        ),
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace the state that is here.")] = False,
    missing_versions: Annotated[
        bool,
        typer.Option(
            "--missing-versions",
            help="Only put back into the tracking server what it lacks of the backup's versions.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a backup back into the home folder and the log's database: all of it, or nothing is changed.

    Service and follower must not run meanwhile, unless it is for missing versions alone. A private key that
    signs stays as it is here, unless the backup has one. A tracking server gets what it lacks, and then the
    backup's aliases; versions registered since stay there.

    Examples:

      storecast restore backups

      storecast restore s3://storecast-backups/shop --force

      storecast restore s3://storecast-backups/shop --missing-versions
    """
    from storecast.jobs.backup import chosen, fill
    from storecast.jobs.backup import restore as restored
    from storecast.settings import Settings
    from storecast.wiring import backups

    settings = Settings()
    where, name = backups.place_and_name(place)
    shelf = backups.shelf(settings, where)
    state = backups.state(settings, restoring=True)
    scratch = partial(backups.scratch, settings)
    archives, name = backups.archives(settings), chosen(shelf, name)
    if missing_versions:
        done = fill(state, shelf, archives, scratch, name)
        _tell(done, "was looked through, and its versions are registered", as_json)
        return
    done = restored(state, shelf, archives, scratch, name, force=force)
    _tell(done, "is restored", as_json)
    if not as_json:
        screen.print(f"Next: {command('serve')}")


def _say_noted(noted: bool) -> None:
    """Whoever watches the metrics will not see what is not in the log."""
    if not noted:
        screen.print("Not noted for the metrics: the log is not there, away, or before `storecast migrate`.")


def _tell(done: Restored, what: str, as_json: bool) -> None:
    contents = done.contents
    if as_json:
        print_json(
            {
                "name": done.name,
                "created": contents.created,
                "files": len(contents.files),
                "bytes": contents.size,
                "counts": done.counts,
                "left_out": done.left_out,
                "settings": contents.about.get("settings", {}),
            }
        )
        return
    screen.print(f"{done.name}, of {contents.created}, {what}: {len(contents.files):,} files.")
    counts = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in done.counts.items())
    screen.print(f"It has {counts}.")
    _tell_left_out(done.left_out)


def _tell_left_out(what: list[str]) -> None:
    for line in what:
        screen.print(f"Not in it: {line}.")
