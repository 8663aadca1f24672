"""``storecast keys`` and ``migrate``: what the service's database holds for its operator."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from storecast.cli.options import Json
from storecast.cli.output import command, print_json, screen, table

__all__ = ["app", "migrate"]

app = typer.Typer(help="Issue, list and revoke API keys.", no_args_is_help=True)
_DAY = 86_400_000_000  # microseconds


@app.command()
def issue(
    role: Annotated[Literal["reader", "planner", "operator"], typer.Option(help="What it may do.")],
    name: Annotated[str, typer.Option(help="Whose it is, for the lists.")],
    days: Annotated[int | None, typer.Option(min=1, help="Valid for so many days; always without.")] = None,
    as_json: Json = False,
) -> None:
    """Make a key and show it, once.

    Examples:

      storecast keys issue --role reader --name "shop floor"

      storecast keys issue --role operator --name Ann --days 90
    """
    from storecast.service.security import new_key
    from storecast.settings import Settings
    from storecast.wiring.serving import key_table

    now = time.time_ns() // 1000
    token, key = new_key(name, role, now=now, expires=None if days is None else now + days * _DAY)
    key_table(Settings()).issue(key)
    if as_json:
        print_json({"id": key.id, "name": name, "role": role, "key": token})
        return
    screen.print(f"Key {key.id} of {name!r}, role {role}. It is shown this once:")
    screen.print(token)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """All keys; secrets are not kept.

    Examples:

      storecast keys list
    """
    from storecast.settings import Settings
    from storecast.wiring.serving import key_table

    found = key_table(Settings()).listing()
    if as_json:
        print_json([{n: v for n, v in vars(key).items() if n != "hash"} for key in found])
        return
    rows = [[k.id, k.name, k.role, _day(k.created), _day(k.expires), _day(k.revoked)] for k in found]
    table("API keys", ["id", "name", "role", "issued", "expires", "revoked"], rows)
    if not rows:
        screen.print(f"There are none. Next: {command('keys', 'issue', role='operator', name='me')}")


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Id of the key, as `keys list` shows it.")],
    as_json: Json = False,
) -> None:
    """End a key's validity; running services notice within seconds.

    Examples:

      storecast keys revoke 1f0c9a3b77de
    """
    from storecast.errors import RequestError
    from storecast.settings import Settings
    from storecast.wiring.serving import key_table

    if not key_table(Settings()).revoke(key):
        raise RequestError("There is no such key.", found=key, remedy=f"See `{command('keys', 'list')}`.")
    if as_json:
        print_json({"id": key, "revoked": True})
        return
    screen.print(f"Key {key} is revoked.")


def migrate(as_json: Json = False) -> None:
    """Bring the forecast log's database to this version's schema; serving does so by itself.

    Examples:

      storecast migrate
    """
    from storecast.settings import Settings
    from storecast.wiring.serving import database

    found = database(Settings())
    if as_json:
        print_json({"database": found.name, "up_to_date": True})
        return
    screen.print(f"{found.name} is up to date.")


def _day(microseconds: int | None) -> str:
    return "" if microseconds is None else f"{datetime.fromtimestamp(microseconds / 1e6, UTC):%Y-%m-%d %H:%M}"
