"""The certificate that the settings name, for what listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storecast.service.certificate import Certificate
    from storecast.settings import Settings

__all__ = ["certificate_of"]


def certificate_of(settings: Settings) -> Certificate | None:
    """None where neither file is named; raises ``SetupError`` where one is, or where they cannot be used."""
    from storecast.errors import SetupError
    from storecast.service.certificate import Certificate

    named = settings.tls_cert_file, settings.tls_key_file
    if all(named):
        return Certificate(*named)
    if any(named):
        raise SetupError(
            "TLS needs a certificate and its key",
            expected="both STORECAST_TLS_CERT_FILE and STORECAST_TLS_KEY_FILE",
            found="one of them",
            remedy="set the other one too, or unset both",
        )
    return None
