"""The private key that signs versions: one file that only its owner reads, never shown and never logged."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from storecast.errors import SetupError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["SigningKey", "fingerprint", "key_id", "read_key", "read_public", "write_key"]

_MAX_BYTES = 16 * 1024
_RAW = 32  # bytes of a public key


def fingerprint(public: bytes) -> str:
    """The SHA-256 of a key's public half, 64 hex digits."""
    return hashlib.sha256(public).hexdigest()


def key_id(public: bytes) -> str:
    """The name of a key: the first 16 hex digits of its fingerprint."""
    return fingerprint(public)[:16]


class SigningKey:
    """An Ed25519 key; ``public``: the 32 bytes that others trust."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw()
        self.fingerprint = fingerprint(self.public)
        self.id = key_id(self.public)

    def __repr__(self) -> str:
        return f"SigningKey({self.id})"

    def sign(self, message: bytes) -> bytes:
        """64 bytes, the same each time."""
        return self._key.sign(message)


def write_key(path: Path) -> SigningKey:
    """Make a key and write it to ``path``, which must not exist: PEM (PKCS 8), for the owner alone."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise SetupError(
            "there is a signing key already",
            where=str(path),
            expected="a path that does not exist yet",
            remedy="use it, or replace it with `storecast signing rotate`",
        ) from error
    except OSError as error:
        raise _unusable(path, error.strerror or str(error), "check the folder's permissions") from error
    return SigningKey(key)


def read_key(path: Path) -> SigningKey | None:
    """The key in ``path``, None where there is no file; raises ``SetupError`` where it is none, or others may
    read or change it. What the file holds is in no message."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(_MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error.strerror or str(error), "check its permissions") from error
    # A group may read it: that is how clusters hand a secret to a process.
    if status.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        found = f"permissions {stat.filemode(status.st_mode)}"
        raise _unusable(path, found, f"take others' rights away: chmod 600 {path}")
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:  # also one with a password
        raise _unusable(path, "another content", "name the right file, or make a key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unusable(path, "another kind of key", "make one with `storecast signing init`")
    return SigningKey(key)


def read_public(text: str) -> bytes:
    """A public key, given as 64 hex digits, or as a PEM file's path or text; raises ``SetupError``."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    text = text.strip()
    try:
        if len(text) == 2 * _RAW and text.isalnum():
            Ed25519PublicKey.from_public_bytes(raw := bytes.fromhex(text))
            return raw
        data = text.encode() if "BEGIN PUBLIC KEY" in text else Path(text).read_bytes()[:_MAX_BYTES]
        key = load_pem_public_key(data)
        if isinstance(key, Ed25519PublicKey):
            return key.public_bytes_raw()
        found = "another kind of key"
    except (OSError, ValueError) as error:
        found = f"{type(error).__name__}"
    raise SetupError(
        "this is no public key to trust",
        where=text[:80],
        expected="64 hex digits as `storecast signing list` shows them, or a PEM file of an Ed25519 key",
        found=found,
        remedy="copy it from the machine that signs",
    )


def _unusable(path: Path, found: str, remedy: str) -> SetupError:
    expected = "a PEM file of an Ed25519 key that only its owner reads"
    what = "the signing key cannot be used"
    return SetupError(what, where=str(path), expected=expected, found=found, remedy=remedy)
