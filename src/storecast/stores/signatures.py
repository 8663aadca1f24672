"""Signatures of versions: who vouches for an artifact folder, checked before anything in it is read as data.

A signed folder holds ``manifest.sig`` beside ``manifest.json``: the Ed25519 signature over the manifest's
bytes, and with it over every file, since the manifest lists all of them with size and SHA-256.

    storecast-signature 1
    key 0f1e2d3c4b5a6978
    ed25519 <128 hex digits>
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from storecast.errors import UntrustedError
from storecast.stores.signing_keys import SigningKey
from storecast.stores.trust_list import TrustList, read_list

__all__ = ["MAX_BYTES", "SIGNATURE", "Trust", "signature_of", "signed_by"]

SIGNATURE = "manifest.sig"
MAX_BYTES = 1024
_FORM = re.compile(rb"storecast-signature 1\nkey ([0-9a-f]{16})\ned25519 ([0-9a-f]{128})\n")
_DOMAIN = b"storecast model manifest 1\n"  # so that no signature of anything else counts here


def signature_of(manifest: bytes, key: SigningKey) -> bytes:
    """The content of ``manifest.sig``; the same each time."""
    made = key.sign(_DOMAIN + manifest).hex()
    return f"storecast-signature 1\nkey {key.id}\ned25519 {made}\n".encode()


def signed_by(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is that of the key ``public`` on ``message``."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class Trust:
    """What may be loaded: versions signed by keys of the list in ``path``, which is read each time.

    ``required``: whether unsigned versions and unknown signers are refused; None: where there is a list with
    a key. Revoked versions and keys, and signatures that are wrong, are refused in any case.
    """

    def __init__(self, path: Path, *, required: bool | None = None) -> None:
        self.path, self.required = path, required

    def known(self) -> TrustList:
        """The list as it is now; empty where there is none. Raises ``SetupError`` where it is damaged."""
        return read_list(self.path) or TrustList()

    def stamp(self) -> bytes:
        """What changes with the list; empty where there is none."""
        try:
            status = self.path.stat()
        except OSError:
            return b""
        return f"{status.st_mtime_ns}:{status.st_size}:{status.st_ino}".encode()

    def check(self, manifest: bytes, signature: bytes | None, where: str) -> str:
        """Refuse with ``UntrustedError`` what nobody who is trusted has signed; nothing is parsed. The id of
        the trusted key that signed it, "" where an unsigned version or an unknown signer is let in."""
        known = self.known()
        needed = bool(known.keys) if self.required is None else self.required
        if signature is None:
            accepted = {item.manifest for item in known.accepted}
            if needed and hashlib.sha256(manifest).hexdigest() not in accepted:
                raise _refused("the version is not signed", where, "a signature by a trusted key", "none")
            return ""
        found = _FORM.fullmatch(signature)
        if found is None:
            raise _refused("the version's signature is no signature", where, "three lines", "another content")
        name = found[1].decode()
        key = known.key(name)
        if key is None:
            if needed:
                raise _refused(
                    "the version is signed by somebody who is not trusted",
                    where,
                    f"one of {', '.join(k.id for k in known.keys if not k.revoked) or 'no keys'}",
                    f"key {name}",
                    "if you trust whoever holds this key, add it with `storecast signing trust`",
                )
            return ""
        if key.revoked:
            what = "the version is signed by a key that was revoked"
            raise _refused(what, where, "a key that counts", f"key {name}, revoked {key.revoked}")
        message = _DOMAIN + manifest
        if not signed_by(bytes.fromhex(key.public), message, bytes.fromhex(found[2].decode())):
            what = "the version's signature is not that of its manifest"
            raise _refused(what, where, f"a signature by key {name} over these very bytes", "another one")
        return key.id

    def check_digest(self, digest: str, where: str) -> None:
        """Refuse with ``UntrustedError`` a version that was revoked."""
        for item in self.known().revoked:
            if item.digest == digest:
                found = f"revoked {item.at}: {item.why}"
                raise _refused("the version was revoked", where, "a version that counts", found, _OTHER)


_OTHER = "promote another version, or train and register a new one"


def _refused(what: str, where: str, expected: str, found: str, remedy: str = "") -> UntrustedError:
    remedy = remedy or (
        "take it from whoever signs; a version that you vouch for yourself counts after "
        "`storecast signing accept VERSION`"
    )
    return UntrustedError(what, where=where, expected=expected, found=found, remedy=remedy)
