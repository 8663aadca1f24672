"""Seals of the record of model events: its entries' hashes, signed by the key that signs versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from storecast.errors import SetupError
from storecast.stores.signatures import Trust, signed_by
from storecast.stores.signing_keys import SigningKey

__all__ = ["KeySealer"]

_DOMAIN = b"storecast model event 1\n"  # so that a seal is no signature of a version, nor the other way round


@dataclass(frozen=True)
class _KeyAtHand:
    """The port ``SealingKey``."""

    _key: SigningKey

    @property
    def id(self) -> str:
        return self._key.id

    def seal(self, digest: str) -> str:
        return self._key.sign(_DOMAIN + digest.encode()).hex()


class KeySealer:
    """The ``Sealer`` of a chain; ``key``: called for the key at hand; ``trust``: whose seals count."""

    def __init__(self, key: Callable[[], SigningKey | None], trust: Trust) -> None:
        self._find, self._trust = key, trust

    def key(self) -> _KeyAtHand | None:
        """None also where the key cannot be used: an event is recorded all the same, and stays unsealed."""
        try:
            found = self._find()
        except SetupError:
            return None
        return None if found is None else _KeyAtHand(found)

    def broken(self, digest: str, key: str, seal: str) -> str:
        """See ``event_chain.Sealer.broken``."""
        known = self._trust.known().key(key)
        if known is None:
            return f"it is sealed by key {key}, which is not trusted"
        try:
            raw = bytes.fromhex(seal)
        except ValueError:
            raw = b""
        right = signed_by(bytes.fromhex(known.public), _DOMAIN + digest.encode(), raw)
        return "" if right else f"its seal is not one of key {key}"

    def counts(self, key: str) -> bool:
        """Whether the key was not revoked: what a stolen key sealed proves nothing."""
        known = self._trust.known().key(key)
        return known is not None and not known.revoked
