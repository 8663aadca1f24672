"""``storecast signing``: the key that signs versions, and whose versions may be loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from storecast.cli.options import Json, Name
from storecast.cli.output import command, print_json, screen, table

if TYPE_CHECKING:
    from storecast.settings import Settings

__all__ = ["app"]

app = typer.Typer(
    help="Sign versions, and say whose may be loaded: a list of trusted keys and revoked versions.",
    no_args_is_help=True,
)
_KEY = 16  # hex digits of a key's id
_DIGEST = 64
Why = Annotated[str, typer.Option("--why", help="Reason, for the list.")]


@app.command()
def init(as_json: Json = False) -> None:
    """Make the private key that signs here, and trust it. Training does so by itself in a home without one.

    Examples:

      storecast signing init
    """
    from storecast.settings import Settings
    from storecast.wiring import signing
    from storecast.wiring.recording import check_record

    settings = Settings()
    check_record(settings)
    key, path = signing.make_key(settings), signing.key_path(settings)
    _record(settings, None, "key-trusted", f"key {key.id}, made on this machine", key.fingerprint)
    if as_json:
        print_json({"key": key.id, "public": key.public.hex(), "file": str(path)})
        return
    screen.print(f"Key {key.id} signs from now on; it lies in {path}, for its owner alone.")
    screen.print(f"Elsewhere: {command('signing', 'trust', key.public.hex())}")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Trusted and revoked keys, revoked versions, and which key signs here.

    Examples:

      storecast signing list --json
    """
    from dataclasses import asdict

    from storecast.settings import Settings
    from storecast.wiring import signing

    settings = Settings()
    trust, own = signing.trust(settings), signing.key_at_hand(settings)
    known = trust.known()
    required = bool(known.keys) if trust.required is None else trust.required
    if as_json:
        signs = None if own is None else own.id
        print_json({"required": required, "signs": signs, "file": str(trust.path), **asdict(known)})
        return
    signs = "" if own is None else own.id
    rows = [[k.id, k.name, k.added, k.revoked, "yes" if k.id == signs else "", k.public] for k in known.keys]
    table("Keys", ["id", "whose", "since", "revoked", "signs here", "public key"], rows)
    if known.revoked:
        gone = [[item.digest[:12], item.at, item.why] for item in known.revoked]
        table("Revoked versions", ["digest", "when", "why"], gone)
    if known.accepted:
        taken = [[item.digest[:12], item.at, item.why] for item in known.accepted]
        table("Accepted without a signature", ["digest", "when", "why"], taken)
    screen.print(f"A signature is {'required' if required else 'not required'} ({trust.path}).")


@app.command()
def trust(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Public key: 64 hex digits, or a PEM file.")],
    whose: Annotated[str, typer.Option("--as", help="Whose it is, for the list.")] = "",
    as_json: Json = False,
) -> None:
    """Take versions that this key signs; `signing list` shows it on the machine that signs.

    Examples:

      storecast signing trust release.pem --as "the training machine"
    """
    from storecast.settings import Settings
    from storecast.wiring import signing

    settings = Settings()
    whole = signing.trust_key(settings, key, whose)
    name = whole[:_KEY]
    _record(settings, None, "key-trusted", f"key {name}{f' of {whose}' if whose else ''}", whole)
    if as_json:
        print_json({"key": name})
        return
    screen.print(f"Versions signed by key {name} may be loaded.")


@app.command()
def revoke(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="Id of a key, number of a version, or its digest.")
    ],
    why: Why,
    name: Name = None,
    as_json: Json = False,
) -> None:
    """Load a version no more, or nothing that a key signed. A running service stops serving it within a
    second, and goes back to the latest version before it that is trusted.

    Examples:

      storecast signing revoke 7 --why "trained on the wrong file"

      storecast signing revoke 0f1e2d3c4b5a6978 --why "laptop stolen"
    """
    from storecast.settings import Settings
    from storecast.wiring import signing

    settings = Settings()
    if len(what) == _KEY:
        kind, digest = "key", signing.revoke_key(settings, what, why)
        _record(settings, name, "key-revoked", f"key {what}: {why}", digest)
    else:
        number = None if len(what) == _DIGEST else what
        what = what if number is None else _digest(settings, name or settings.name, number)
        kind = "version"
        signing.revoke_version(settings, what, why)
        _record(settings, name, "version-revoked", why, what, None if number is None else int(number))
    if as_json:
        print_json({"kind": kind, "revoked": what})
        return
    screen.print(f"The {kind} {what} is revoked.")


@app.command()
def rotate(
    why: Annotated[str, typer.Option("--why", help="Reason, for the record.")] = "",
    as_json: Json = False,
) -> None:
    """Sign with a new key from now on. The old one stays trusted for what it signed, until it is revoked.

    Examples:

      storecast signing rotate --why "the yearly change"
    """
    from storecast.settings import Settings
    from storecast.wiring import signing
    from storecast.wiring.recording import check_record

    settings = Settings()
    check_record(settings)
    old, key = signing.rotate_key(settings)
    words = f"key {key.id}" + (f" in place of {old}" if old else "") + (f": {why}" if why else "")
    _record(settings, None, "key-rotated", words, key.fingerprint)
    if as_json:
        print_json({"old": old, "key": key.id, "public": key.public.hex()})
        return
    screen.print(f"Key {key.id} signs from now on.")
    screen.print(f"Elsewhere: {command('signing', 'trust', key.public.hex())}")
    if old is not None:
        screen.print(f"Once nothing it signed is needed: {command('signing', 'revoke', old, why='retired')}")


@app.command()
def accept(
    version: Annotated[int, typer.Argument(help="Number of a version that nobody has signed.")],
    why: Why,
    name: Name = None,
    as_json: Json = False,
) -> None:
    """Take one unsigned version all the same: an older one, made before versions were signed.

    Examples:

      storecast signing accept 3 --why "made before we signed"
    """
    from storecast.settings import Settings
    from storecast.wiring import batch, signing

    settings = Settings()
    registry = batch.untrusting_registry(settings)
    digest = signing.accept(
        settings, lambda folder: registry.export(name or settings.name, version, folder), why
    )
    _record(settings, name, "version-accepted", why, digest, version)
    if as_json:
        print_json({"version": version, "digest": digest})
        return
    screen.print(f"Version {version}, digest {digest[:12]}, may be loaded.")


def _record(
    settings: Settings, name: str | None, kind: str, why: str, digest: str, version: int | None = None
) -> None:
    """In the record of model events, once the list is changed."""
    from storecast.wiring import batch
    from storecast.wiring.recording import record_trust

    record_trust(
        settings, name or settings.name, kind, who=batch.user(), why=why, digest=digest, version=version
    )


def _digest(settings: Settings, name: str, number: str) -> str:
    """Of a version by its number."""
    from storecast.errors import RequestError
    from storecast.jobs.promote import show_version
    from storecast.wiring import batch

    if not number.isdecimal():
        raise RequestError(
            "this names neither a key nor a version",
            found=number[:80],
            expected=f"a version's number, its digest of {_DIGEST} hex digits, or a key's id of {_KEY}",
            remedy="see `storecast signing list` and `storecast models list`",
        )
    return show_version(batch.registry(settings), name, int(number)).version.digest
