"""The certificate that callers are shown: as its files have it now, so that a renewal needs no restart."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl

from storecast.errors import SetupError

__all__ = ["Certificate"]

_LOG = logging.getLogger("storecast.service")
_LOOK = 2.0  # seconds between looks at the files


class Certificate:
    """A certificate (with its chain) and its key, PEM files; ``context`` is for whoever listens.

    Each handshake is given what the files held when they were last ``renewed``. Connections that are open
    stay as they are. Raises ``SetupError`` where the files cannot be used.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self._files = certificate, key
        self._seen = self._stamps()
        try:
            self.context = self._current = self._load()
        except OSError as error:  # ssl.SSLError among them
            raise SetupError(
                "the certificate cannot be used",
                where=f"{certificate} and {key}",
                expected="a certificate and its private key, as PEM files",
                found=error.strerror or str(error),
                remedy="correct STORECAST_TLS_CERT_FILE and STORECAST_TLS_KEY_FILE",
            ) from error
        # Loaded into the same context, a key of another kind would stand beside the old one, not replace it.
        self.context.sni_callback = self._hand_over

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)  # TLS 1.2 and later
        context.load_cert_chain(*self._files, password=_no_password)
        return context

    def _hand_over(self, call: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        call.context = self._current

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        found: list[tuple[int, int, int] | None] = []
        for name in self._files:
            try:
                about = os.stat(name)
                found.append((about.st_mtime_ns, about.st_ino, about.st_size))
            except OSError:
                found.append(None)
        return found

    def renew(self) -> None:
        """Take what the files hold, where they have changed; what cannot be used (half of a pair that is
        being replaced) is told, and the one before goes on."""
        stamps = self._stamps()
        if stamps == self._seen:
            return
        self._seen = stamps
        try:
            self._current = self._load()
        except OSError as error:
            found = error.strerror or str(error)
            _LOG.warning("certificate refused", extra={"fields": {"file": self._files[0], "found": found}})
        else:
            _LOG.info("certificate renewed", extra={"fields": {"file": self._files[0]}})

    async def keep(self) -> None:
        """``renew`` again and again, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            self.renew()


def _no_password() -> str:
    raise OSError("the private key is encrypted, and nobody is there to type its password")
