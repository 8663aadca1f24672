"""Keys and trust, made from the settings: who signs here, and whose versions may be loaded."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from storecast.errors import ArtifactError, RequestError, SetupError
from storecast.settings import Settings
from storecast.stores.manifest import MANIFEST, parse
from storecast.stores.seals import KeySealer
from storecast.stores.signatures import SIGNATURE, Trust
from storecast.stores.signing_keys import (
    SigningKey,
    fingerprint,
    key_id,
    read_key,
    read_public,
    write_key,
)
from storecast.stores.trust_list import AcceptedVersion, RevokedVersion, TrustList, change_list

__all__ = [
    "accept",
    "key_at_hand",
    "key_path",
    "make_key",
    "revoke_key",
    "revoke_version",
    "rotate_key",
    "sealer",
    "signer",
    "trust",
    "trust_key",
]

_OWN = "this machine"


def key_path(settings: Settings) -> Path:
    """Where the private key lies."""
    return Path(settings.signing_key_file or settings.home.resolve() / "signing" / "key.pem")


def trust(settings: Settings) -> Trust:
    """Whose versions may be loaded."""
    path = settings.trust_file or settings.home.resolve() / "signing" / "trusted.json"
    return Trust(Path(path), required=settings.require_signature)


def key_at_hand(settings: Settings) -> SigningKey | None:
    """The key that signs here; None where there is none. Raises ``SetupError`` where it cannot be used."""
    return read_key(key_path(settings))


def sealer(settings: Settings) -> KeySealer:
    """Who seals the record of model events."""
    return KeySealer(partial(key_at_hand, settings), trust(settings))


def signer(settings: Settings) -> SigningKey | None:
    """The key for a new version. In a home of its own one is made, and trusted there, where there is none;
    a machine that was given a trust list keeps to it, and signs nothing without a key.

    Raises ``SetupError`` where the key that is named is not there, or was revoked.
    """
    key = key_at_hand(settings)
    if key is None:
        if settings.signing_key_file:
            raise SetupError(
                "there is no signing key",
                where=settings.signing_key_file,
                expected="the file that STORECAST_SIGNING_KEY_FILE names",
                remedy="put it there, make one with `storecast signing init`, or unset the variable",
            )
        return None if settings.trust_file else make_key(settings)
    known = trust(settings).known().key(key.id)
    if known is not None and known.revoked:
        raise SetupError(
            "the signing key was revoked, so that nobody would take what it signs",
            where=str(key_path(settings)),
            found=f"key {key.id}, revoked {known.revoked}",
            remedy="make another with `storecast signing rotate`",
        )
    return key


def make_key(settings: Settings) -> SigningKey:
    """Make the key and trust it. Versions that lie in the home unsigned were taken on trust until now and
    stay so. Raises ``SetupError`` where there is a key already."""
    key = write_key(key_path(settings))
    now, here = _now(), _unsigned(settings)

    def change(known: TrustList) -> TrustList:
        there = {item.manifest for item in known.accepted}
        new = [item for item in here if item.manifest not in there]
        known = known if known.keys else replace(known, accepted=(*known.accepted, *new))
        return known.with_key(key.public, name=_OWN, at=now)

    change_list(trust(settings).path, change)
    return key


def rotate_key(settings: Settings) -> tuple[str | None, SigningKey]:
    """Sign with a new key from now on; the id of the old one, which stays trusted, and the new one."""
    old, path = key_at_hand(settings), key_path(settings)
    partial_path = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        key = write_key(partial_path)
        change_list(trust(settings).path, lambda known: known.with_key(key.public, name=_OWN, at=_now()))
        os.replace(partial_path, path)
    finally:
        with suppress(OSError):
            partial_path.unlink(missing_ok=True)
    return (None if old is None else old.id), key


def trust_key(settings: Settings, public: str, name: str) -> str:
    """Trust a public key, 64 hex digits or a PEM file; its fingerprint. ``RequestError`` where it was
    revoked."""
    raw = read_public(public)
    found = change_list(trust(settings).path, lambda known: known.with_key(raw, name=name, at=_now()))
    key = found.key(key_id(raw))
    if key is not None and key.revoked:
        raise RequestError(
            "this key was revoked, and stays so",
            found=f"key {key.id}, revoked {key.revoked}",
            remedy="trust another key of its holder",
        )
    return fingerprint(raw)


def revoke_key(settings: Settings, name: str, why: str) -> str:
    """Trust a key no more, and nothing that it signed; its fingerprint."""
    path = trust(settings).path
    found = change_list(path, lambda known: known.without_key(name, f"{_now()}: {why}"))
    if (key := found.key(name)) is None:
        raise RequestError(
            "there is no such key in the trust list",
            where=str(path),
            expected=", ".join(key.id for key in found.keys) or "no key is in it",
            found=name,
            remedy="see `storecast signing list`",
        )
    return fingerprint(bytes.fromhex(key.public))


def revoke_version(settings: Settings, digest: str, why: str) -> None:
    """Load the version with this digest no more, whoever signed it."""
    item = RevokedVersion(digest, why, _now())

    def change(known: TrustList) -> TrustList:
        there = any(other.digest == digest for other in known.revoked)
        return known if there else replace(known, revoked=(*known.revoked, item))

    change_list(trust(settings).path, change)


def accept(settings: Settings, export: Callable[[str], None], why: str) -> str:
    """Load an unsigned version all the same, which ``export`` writes into a folder; its digest. Raises
    ``RequestError`` where it is signed."""
    with tempfile.TemporaryDirectory(prefix="storecast-") as folder:
        copy = Path(folder, "version")
        export(str(copy))
        if (copy / SIGNATURE).exists():
            raise RequestError(
                "this version is signed",
                expected="an unsigned version",
                remedy="trust its signer instead: `storecast signing trust`",
            )
        item = _accepted(copy / MANIFEST, why)

    def change(known: TrustList) -> TrustList:
        there = any(other.manifest == item.manifest for other in known.accepted)
        return known if there else replace(known, accepted=(*known.accepted, item))

    change_list(trust(settings).path, change)
    return item.digest


def _unsigned(settings: Settings) -> list[AcceptedVersion]:
    """Versions in the home that were made before there was a key."""
    home, found = settings.home.resolve(), {}
    for pattern in ("releases/*/versions/*", "mlruns/*/*/artifacts/model/data"):
        for folder in home.glob(pattern):
            if not (folder / SIGNATURE).exists():
                with suppress(OSError, ArtifactError):  # what is damaged is nothing to accept
                    item = _accepted(folder / MANIFEST, "there before versions were signed here")
                    found[item.manifest] = item
    return list(found.values())


def _accepted(manifest: Path, why: str) -> AcceptedVersion:
    data = manifest.read_bytes()
    return AcceptedVersion(sha256(data).hexdigest(), parse(data, str(manifest))[1], why, _now())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
